"""The trial of a bundle, from its start to its result: memory, golden pictures, live pictures. Who runs it acts on the result."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from edge.bundle.open import Bundle
from edge.errors import TrialError
from edge.inspection.golden import read_golden_station
from edge.records import Inspection
from edge.trial.candidate import Candidate, StoppedError
from edge.trial.comparison import Comparison
from edge.trial.limits import TrialLimits
from edge.trial.memory import RESERVE_BYTES, available_bytes, needed_bytes
from edge.trial.messages import Task
from edge.trial.progress import Phase, Progress, forget_progress, write_progress
from edge.trial.proof import Proof, cost_of, prove
from edge.trial.shadow import Shadow
from edge.trial.shadow_log import ShadowLog
from firmware_config.board import Board
from firmware_config.station import Station

GPU = ("cuda", "tensorrt")
MODELS = (".onnx", ".gguf", ".npy")

WAIT_S = 0.5
"""So long a picture is waited for before the child is looked at."""

TELL_S = 5.0
"""How often the progress is written."""

DATA_FACTOR, DATA_BYTES = 2, 512_000_000
"""A single allocation beyond this fails at once in the child. It is no measure of what it uses: stacks and arenas count that stay empty."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A trial that ended well: one sentence about it, and the memory that the bundle took."""

    summary: str
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Told:
    """Whom a trial tells: `shadow_until` that live pictures begin, `picture` both inspections of each of them."""

    shadow_until: Callable[[datetime], None]
    picture: Callable[[Inspection, Inspection], None]


class Trial:
    """Tries the bundle `tried` beside `running`. `folder` gets the log and the progress; `measured_bytes` is its memory at its install.

    `is_over` says that the result is not wanted any more.
    """

    def __init__(
        self,
        tried: Bundle,
        running: Bundle,
        *,
        stations: Sequence[Station],
        board: Board,
        keys: Path,
        limits: TrialLimits,
        folder: Path,
        is_over: Callable[[], bool],
        measured_bytes: int = 0,
    ) -> None:
        self._tried, self._running = tried, running
        self._stations = tuple(stations)
        self._board = board
        self._keys = keys
        self._limits = limits
        self._folder = folder
        self._is_over = is_over
        self._measured_bytes = measured_bytes
        self._on_gpu = any(name in GPU for name in board.providers)
        self._called = f"bundle {tried.manifest.name} version {tried.manifest.bundle_version}"
        self._progress = Progress(digest=tried.digest, phase="loading", at=datetime.now(timezone.utc))
        self._told_at = 0.0

    def run(self, shadow: Shadow, told: Told) -> Passed:
        """Try it. The child process has ended when this returns or raises.

        Raises:
            TrialError: the bundle does not keep to its limits, in one sentence.
            StoppedError: `is_over`.
            BundleError, StationError: its golden station cannot be read.
        """
        try:
            self._require_memory()
            labels = read_golden_station(self._tried).labels
            running_ms = self._cost_of_running()
            self._tell("loading")
            with closing(self._candidate(self._tried, self._stations, called=self._called)) as candidate:
                self._tell("golden pictures")
                proof = prove(
                    candidate,
                    self._tried.manifest.golden,
                    labels,
                    limits=self._limits,
                    running_ms=running_ms,
                    on_gpu=self._on_gpu,
                    called=self._called,
                )
                slower = 1.0 if running_ms is None else proof.cost_ms / running_ms
                compared = self._look_at_live_pictures(candidate, shadow, told, slower=slower)
            return Passed(self._summary(proof, running_ms, compared, candidate.peak_bytes), candidate.peak_bytes)
        finally:
            shadow.switch(on=False)
            forget_progress(self._folder)

    def _require_memory(self) -> None:
        """Both must have room: a box that swaps or kills its daemon loses pictures.

        Raises:
            TrialError: they have not.
        """
        models = sum(file.size for file in self._tried.manifest.files if file.path.endswith(MODELS))
        needed, available = needed_bytes(models, self._measured_bytes), available_bytes()
        if needed + RESERVE_BYTES > available:
            msg = (
                f"{self._called}: it needs about {needed / 1e6:.0f} MB of memory beside the running bundle, and "
                f"{RESERVE_BYTES / 1e6:.0f} to spare: {available / 1e6:.0f} are there: end other programs, or stop the daemon and try it "
                "alone with `kotoba-edge bundle try`"
            )
            raise TrialError(msg)

    def _cost_of_running(self) -> float | None:
        """The time of the running bundle on its golden pictures, in such a process too and beside the same work; None: it has none."""
        golden = self._running.manifest.golden
        if not golden:
            return None
        self._tell("measuring the running bundle")
        called = f"the running bundle {self._running.manifest.name} version {self._running.manifest.bundle_version} beside itself"
        with closing(self._candidate(self._running, (), called=called)) as running:
            return cost_of(running, len(golden), on_gpu=self._on_gpu)

    def _candidate(self, bundle: Bundle, stations: Sequence[Station], *, called: str) -> Candidate:
        task = Task(
            bundle=bundle.root.absolute(),
            digest=bundle.digest,
            keys=self._keys.absolute(),
            board=self._board,
            stations=tuple(stations),
            parent=os.getpid(),
            data_bytes=None if self._on_gpu else DATA_FACTOR * self._limits.memory_bytes + DATA_BYTES,
        )
        return Candidate(task, limits=self._limits, called=called, is_over=self._is_over)

    def _look_at_live_pictures(self, candidate: Candidate, shadow: Shadow, told: Told, *, slower: float) -> Comparison:
        """Judge what the line shows, for the time and at least the number of pictures that the limits say."""
        deadlines_ms = {each.station.name: each.trigger.deadline_ms for each in self._stations if each.trigger.deadline_ms is not None}
        limits, compared = self._limits, Comparison(slower=slower, deadlines_ms=deadlines_ms)
        log, numbers = ShadowLog(self._folder), {station.station.name: number for number, station in enumerate(self._stations)}
        over_at, until = time.monotonic() + limits.shadow_s, datetime.now(timezone.utc) + timedelta(seconds=limits.shadow_s)
        told.shadow_until(until)
        shadow.switch(on=True)
        while time.monotonic() < over_at or compared.pictures < limits.pictures:
            self._tell("live pictures", compared, until)
            if self._is_over():
                raise StoppedError
            pair = shadow.take(WAIT_S)
            candidate.check()
            if pair is None:
                continue
            frame, inspection = pair
            looked = candidate.look(frame, station=numbers[frame.station])
            compared.add(inspection, looked.inspection, called=self._called)
            log.add(inspection, looked, bundle=self._tried.digest)
            told.picture(inspection, replace(looked.inspection, id=inspection.id))
        compared.require(limits, called=self._called)
        return compared

    def _tell(self, phase: Phase, compared: Comparison | None = None, until: datetime | None = None) -> None:
        now = time.monotonic()
        if phase == self._progress.phase and now - self._told_at < TELL_S:
            return
        self._told_at = now
        counts = {} if compared is None else {name: getattr(compared, name) for name in ("pictures", "disagreed", "rejected", "passed")}
        moment = datetime.now(timezone.utc)
        self._progress = Progress(digest=self._tried.digest, phase=phase, at=moment, shadow_until=until, **counts)
        write_progress(self._folder, self._progress)

    def _summary(self, proof: Proof, running_ms: float | None, compared: Comparison, peak_bytes: int) -> str:
        beside = "" if running_ms is None else f" (the one before {running_ms:.0f})"
        seen = {station for station, _, _ in compared.counts}
        unseen = [station.station.name for station in self._stations if station.station.name not in seen]
        return (
            f"{proof.pictures} golden verdicts reproduced, {proof.cost_ms:.0f} ms for each{beside}, {peak_bytes / 1e6:.0f} MB of memory, "
            f"{compared}{', none of ' + ', '.join(unseen) if unseen else ''}"
        )
