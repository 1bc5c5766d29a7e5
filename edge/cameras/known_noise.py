"""The noise of each live camera on disk, so that a box that starts anew knows at once whether a camera stands still.

What is a quarter of an hour old is not believed: light and exposure change the noise, and a camera that is taken for frozen learns none.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from firmware_config.regular_file import read_regular
from firmware_config.strict import STRICT
from firmware_config.strict_json import read_json

FILE_NAME = "camera-noise.json"
MAX_FILE_BYTES = 1_000_000
BELIEVED_S = 900.0
WRITTEN_EVERY_S = 30.0


class _Noise(BaseModel):
    model_config = STRICT
    camera: str
    grey_levels: float = Field(ge=0, le=255)
    seen_at: float
    """Seconds since 1970."""


class _File(BaseModel):
    model_config = STRICT
    schema_id: Literal["kotoba.camera-noise/1"] = Field(default="kotoba.camera-noise/1", alias="schema")
    stations: dict[str, _Noise]


class KnownNoise:
    """That of all stations of a box, in the file at `path`; used from many threads. What cannot be read or written is as unknown."""

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._lock = threading.Lock()
        self._written: dict[str, float] = {}
        self._stations = self._read()

    @classmethod
    def beside(cls, spool: Path) -> KnownNoise:
        """That of the box that has this spool."""
        return cls(spool.with_name(FILE_NAME))

    def of(self, station: str, *, camera: str) -> float | None:
        """The noise of this camera in grey levels; None if it was not seen lately."""
        noise = self._stations.get(station)
        if noise is None or noise.camera != camera or not 0 <= self._now() - noise.seen_at <= BELIEVED_S:
            return None
        return noise.grey_levels

    def note(self, station: str, *, camera: str, grey_levels: float) -> None:
        """Remember the noise of a camera that lives; written now and then."""
        now = self._now()
        with self._lock:
            if abs(now - self._written.get(station, -math.inf)) < WRITTEN_EVERY_S:
                return
            self._written[station] = now
            self._stations[station] = _Noise(camera=camera, grey_levels=grey_levels, seen_at=now)
            with contextlib.suppress(OSError):
                # Not synchronised: after a power cut it may be empty, and the noise is learned anew.
                fresh = self._path.with_name(f".{self._path.name}.new")
                fresh.write_text(_File(stations=self._stations).model_dump_json(by_alias=True, indent=1) + "\n")
                fresh.replace(self._path)

    def _read(self) -> dict[str, _Noise]:
        try:
            return dict(read_json(_File, read_regular(self._path, MAX_FILE_BYTES)).stations)
        except (OSError, ValueError):
            return {}
