"""Keeps the pictures of committed verdicts, in a thread of its own. Nothing that happens to the evidence folder reaches a verdict.

A verdict names its picture before it is committed, and the picture is written afterwards. So a picture that is named may be missing:
killed in between, dropped while the disk was busy, or taken away to make room.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np

from edge.errors import EvidenceError
from edge.evidence.folder import EvidenceFolder, path_of
from edge.records import Capture, Decision, Inspection, LostFrame, Pixels, Reason
from firmware_config.evidence import Evidence

log = logging.getLogger(__name__)

MAX_WAITING_BYTES = 64_000_000
"""Pixels that wait for the disk: ten pictures of 1920 x 1080."""

RETRY_S = 5.0
"""After a trouble, pictures are dropped for this long before the folder is tried again."""

RUN_KEPT, RUN_EVERY_S = 20, 600.0
"""Of FAULTs of one station with the same reasons, one after the other, so many pictures are kept, then one in this time: a light that is
off for a night must not push out what people are to see."""

PRUNE_EVERY_S = 600.0
HUNG_S = 15.0
"""A folder that has not answered for this long is told in the status."""

NICE = 10
"""The thread's priority: judging comes first."""


@dataclass(frozen=True, slots=True)
class _Picture:
    path: str
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class _Run:
    """FAULTs with the same reasons, one after the other: how many pictures were kept, when the last; the newest and whether it is kept."""

    reasons: tuple[Reason, ...]
    kept: int
    kept_at: float
    inspection: str
    is_kept: bool


class EvidenceKeeper:
    """Keeps pictures as each station's `[evidence]` says; `stations` names them. `close` must be called after `start`."""

    def __init__(
        self,
        folder: EvidenceFolder,
        stations: Mapping[str, Evidence],
        *,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
        retry_s: float = RETRY_S,
        hung_s: float = HUNG_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._stations = dict(stations)
        self._max_waiting_bytes = max_waiting_bytes
        self._retry_s = retry_s
        self._hung_s = hung_s
        self._monotonic = monotonic
        self._runs: dict[str, _Run] = {}
        self._changed = threading.Condition()
        self._waiting: deque[_Picture] = deque()
        self._waiting_bytes = 0
        self._closing_at: float | None = None
        self._is_open = False
        self._retry_at = self._prune_at = monotonic()
        self._busy_since: float | None = None
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="evidence", daemon=True)
        self.kept = 0
        self.dropped = 0

    @property
    def used_bytes(self) -> int:
        """What the pictures take of the disk."""
        return self._folder.used_bytes

    def keep(self, stations: Mapping[str, Evidence]) -> None:
        """Keep pictures as these stations say from now on."""
        self._stations = dict(stations)

    def start(self) -> None:
        """Open the folder and begin to keep pictures, in a thread."""
        self._thread.start()

    def named(self, inspection: Inspection) -> Inspection:
        """The inspection with the path of the picture that will be kept for it, None where none will. The disk is not asked."""
        sha256 = inspection.evidence_sha256
        with self._changed:  # any thread may ask
            is_wanted = sha256 is not None and self._is_wanted(inspection, sha256) and not self._is_in_long_run(inspection)
        return replace(inspection, evidence_path=path_of(inspection.verdict.decision, sha256) if sha256 and is_wanted else None)

    def offer(self, committed: Inspection, capture: Capture) -> None:
        """Take the picture of a committed inspection, if it names one. Never waits, never raises: with too many waiting it is dropped."""
        if committed.evidence_path is None or isinstance(capture, LostFrame):
            return
        pixels = capture.pixels
        with self._changed:
            if self._waiting and self._waiting_bytes + pixels.nbytes > self._max_waiting_bytes:
                self.dropped += 1
                return
            self._waiting.append(_Picture(committed.evidence_path, pixels))
            self._waiting_bytes += pixels.nbytes
            self._changed.notify_all()

    def trouble(self) -> str | None:
        """Why pictures are not kept now, in one sentence; None if all is well."""
        busy_since = self._busy_since
        if busy_since is not None and self._monotonic() - busy_since > self._hung_s:
            return f"pictures are not kept, the evidence folder {self._folder.root} does not answer: look at its disk"
        return self._trouble

    def close(self, timeout_s: float) -> None:
        """Write what waits, for at most this long, and end the thread. A thread that hangs in the disk is left behind."""
        with self._changed:
            self._closing_at = self._monotonic() + timeout_s
            self._changed.notify_all()
        self._thread.join(timeout_s + 0.1)

    def _is_wanted(self, inspection: Inspection, sha256: str) -> bool:
        settings = self._stations.get(inspection.station)
        if settings is None:
            return False
        decision = inspection.verdict.decision
        if decision is Decision.OK:  # by the digest: the same picture is chosen or left each time
            return int(sha256[:13], 16) < settings.ok_share * 16**13
        return decision.value.lower() in settings.keep

    def _is_in_long_run(self, inspection: Inspection) -> bool:
        """Whether a FAULT goes on for so long that this picture is left out. The same for an inspection that is asked about again."""
        station, verdict, now = inspection.station, inspection.verdict, self._monotonic()
        if verdict.decision is not Decision.FAULT:
            self._runs.pop(station, None)
            return False
        run = self._runs.get(station)
        if run is None or run.reasons != verdict.reasons:
            run = _Run(verdict.reasons, 0, now, "", is_kept=False)
        if run.inspection != inspection.id:
            is_kept = run.kept < RUN_KEPT or now - run.kept_at >= RUN_EVERY_S
            run = _Run(run.reasons, run.kept + is_kept, now if is_kept else run.kept_at, inspection.id, is_kept=is_kept)
        self._runs[station] = run
        return not run.is_kept

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        self._keep(None)
        while True:
            picture = self._next()
            if picture is None and self._closing_at is not None:
                return
            self._keep(picture)

    def _keep(self, picture: _Picture | None) -> None:
        """Open the folder if it is not, put a picture into it, prune it now and then."""
        now = self._monotonic()
        if now < self._retry_at:
            self._drop(picture)
            return
        self._busy_since = now
        try:
            if not self._is_open:
                self._folder.open()
                self._is_open = True
                self._note(None)
            if picture is not None:
                if not self._folder.refresh(picture.path):
                    self._folder.put(picture.path, _png(picture.pixels))
                self.kept += 1
            if now > self._prune_at:
                self._prune_at = now + PRUNE_EVERY_S
                self._folder.prune()
        except EvidenceError as err:
            self._is_open, self._retry_at = False, self._monotonic() + self._retry_s
            self._drop(picture)
            self._note(str(err))
        except Exception as err:
            log.exception("keeping a picture failed")  # a bug of ours costs this picture only
            self._is_open = False
            self._drop(picture)
            self._note(f"pictures are not kept, {type(err).__name__}: report this as a bug")
        finally:
            self._busy_since = None

    def _next(self) -> _Picture | None:
        """The next picture; None where there is none for a while, or at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing_at is not None, self._retry_s)
            is_late = self._closing_at is not None and self._monotonic() > self._closing_at
            if is_late:
                self.dropped += len(self._waiting)
                self._waiting.clear()
            if not self._waiting:
                return None
            picture = self._waiting.popleft()
            self._waiting_bytes -= picture.pixels.nbytes
            return picture

    def _drop(self, picture: _Picture | None) -> None:
        if picture is not None:
            with self._changed:
                self.dropped += 1

    def _note(self, trouble: str | None) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            if trouble is None:
                log.info("evidence well again folder=%s", self._folder.root)
            else:
                log.error("evidence trouble=%r", trouble)


def _png(pixels: Pixels) -> bytes:
    """A lossless PNG of exactly these pixels.

    Raises:
        EvidenceError: OpenCV cannot write them.
    """
    try:
        # No level is named: OpenCV's own setting took 39 ms for 1920 x 1080 noisy pixels, level 1 107 ms, for a larger file.
        encoded, raw = cv2.imencode(".png", np.ascontiguousarray(pixels))
    except cv2.error as err:
        msg = f"a picture of {pixels.shape} cannot be written as PNG ({err.err}): report this as a bug"
        raise EvidenceError(msg) from err
    if not encoded:
        msg = f"a picture of {pixels.shape} cannot be written as PNG: report this as a bug"
        raise EvidenceError(msg)
    return raw.tobytes()
