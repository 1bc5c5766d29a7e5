"""The parts that a box makes of its station files, at the start and again when they have changed."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from edge.cameras import open_camera
from edge.cameras.known_noise import KnownNoise
from edge.daemon.metrics import Metrics
from edge.daemon.pipeline import StationPipeline
from edge.evidence.folder import EvidenceFolder
from edge.evidence.keeper import EvidenceKeeper
from edge.inspection.open import LoadedModels
from edge.interfaces import Camera
from edge.sinks import SinkRoute, open_sinks
from edge.spool.store import Spool
from firmware_config.errors import StationError
from firmware_config.settings import BoxSettings
from firmware_config.station import Station, read_station
from firmware_config.stations_of_a_box import read_files_of, require_distinct_names, require_named_files, require_one_writer


@dataclass(frozen=True, slots=True)
class StationFiles:
    """A station as its file says, and the digests of the other files that it is judged with, as they were when it was read."""

    station: Station
    contents: tuple[tuple[str, str], ...]


def read_stations(folder: Path) -> tuple[Station, ...]:
    """Read every station of a box, refused whole when one is wrong.

    Raises:
        StationError: no station, two of the same name, or one that is wrong.
    """
    files = sorted(folder.glob("*.toml"))
    if not files:
        msg = f"stations folder {folder} holds no station (NAME.toml): make one with `kotoba-config new`"
        raise StationError(msg)
    stations = tuple(map(read_station, files))
    require_distinct_names(stations, folder=folder)
    require_one_writer(stations, folder=folder)
    for station in stations:
        require_named_files(station, camera_may_be_out=True)
    return stations


def read_files(folder: Path) -> tuple[StationFiles, ...]:
    """Read the stations of a box and the files that they are judged with.

    Raises:
        StationError: as `read_stations`.
        OSError: a file cannot be read.
    """
    return tuple(
        StationFiles(station, tuple((key, _digest(path)) for key, path in read_files_of(station))) for station in read_stations(folder)
    )


class Parts:
    """Makes the parts, on models and a spool. `info` is what consumers can read of the box."""

    def __init__(self, settings: BoxSettings, *, models: LoadedModels, spool: Spool, metrics: Metrics, info: Mapping[str, object]) -> None:
        self._settings = settings
        self._models = models
        self._spool = spool
        self._metrics = metrics
        self._info = info
        self._noise = KnownNoise.beside(settings.spool)
        self._evidence: EvidenceKeeper | None = None
        self.changing = threading.Lock()
        """Held by who exchanges stations, outputs or models: one at a time."""

    def use(self, models: LoadedModels, info: Mapping[str, object]) -> None:
        """Make everything of these models from now on; for who holds `changing`."""
        self._models, self._info = models, info

    def pipelines(self, stations: Sequence[Station]) -> tuple[StationPipeline, ...]:
        """Make a pipeline for each station; nothing is opened yet.

        Raises:
            BundleError, CalibrationError, FamiliarityError: as `LoadedModels.inspectors`.
            CameraError: a camera cannot be opened as it is configured.
        """
        with ExitStack() as stack:
            cameras = []
            for station in stations:
                cameras.append(self._camera(station))
                stack.callback(cameras[-1].close)
            inspectors = self._models.inspectors(stations)
            stack.pop_all()
        return tuple(
            StationPipeline(station, camera, inspector, live=station.camera.live)
            for station, camera, inspector in zip(stations, cameras, inspectors, strict=True)
        )

    def prepare(self, pipelines: Sequence[StationPipeline]) -> None:
        """Compute what the first pictures of these would wait for.

        Raises:
            JudgeError: the language model failed.
        """
        self._models.prepare([pipeline.inspector for pipeline in pipelines])

    def keep_only(self, pipelines: Sequence[StationPipeline]) -> None:
        """Let go of what was kept for pipelines other than these."""
        self._models.keep_only([pipeline.inspector for pipeline in pipelines])

    def routes(self, stations: Sequence[Station]) -> tuple[SinkRoute, ...]:
        """Make the outputs that the stations name; nothing is connected yet.

        Raises:
            DeliveryError: as `open_sinks`.
        """
        return open_sinks(stations, box=self._settings.box, info=self._info)

    def keep_evidence(self, stations: Sequence[Station], *, begun: Callable[[EvidenceKeeper], None]) -> EvidenceKeeper | None:
        """What keeps the pictures of verdicts as these stations say; None where none was ever kept. A new one is told to `begun`."""
        kept = {station.station.name: station.evidence for station in stations}
        if self._evidence is not None:
            self._evidence.keep(kept)
        elif not all(evidence.is_none for evidence in kept.values()):
            self._evidence = EvidenceKeeper(evidence_folder(self._settings), kept)
            self._evidence.start()
            begun(self._evidence)
        return self._evidence

    def _camera(self, station: Station) -> Camera:
        """The camera of a station; the spool knows what it has given before."""
        name = station.station.name
        left_alone = self._metrics.left_alone.labels(name)
        return open_camera(
            station.camera,
            station=name,
            picture=station.picture,
            judged=self._spool.judged_files(name),
            on_left_alone=left_alone.inc,
            known=self._noise,
        )


def evidence_folder(settings: BoxSettings) -> EvidenceFolder:
    """The folder of a box's kept pictures, not opened yet."""
    return EvidenceFolder(settings.evidence_folder, max_bytes=settings.evidence_max_bytes, keep_s=settings.evidence_keep_days * 86_400)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
