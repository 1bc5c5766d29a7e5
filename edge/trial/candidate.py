"""The parent's side of a bundle in trial: a child process that is asked, has deadlines, and is ended when it takes too much."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError

from edge.errors import MessageError, TrialError
from edge.message import decode
from edge.records import Frame, Inspection
from edge.trial.limits import TrialLimits
from edge.trial.memory import RESERVE_BYTES, available_bytes, resident_bytes_of
from edge.trial.messages import MAX_LINE_BYTES, Answer, Asked, Task, line, picture_of
from edge.trial.patience import Patience, processor_s_of

CANDIDATE = (sys.executable, "-m", "edge.trial.candidate_process")

LOOK_S = 0.1
"""How often the memory of the child is looked at while it is waited for: native code fills some hundred megabytes in that time."""

EXIT_S = 2.0
"""A child whose pipe is closed gets this long to end; then its exit code is known."""

CHUNK_BYTES = 1 << 16
WAITING = "waiting for a picture"


class StoppedError(Exception):
    """The trial is over before it has a result: the daemon ends, or a person has withdrawn the bundle."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One picture as the bundle in trial judges it, with the time on the clock and that of all processors, in milliseconds."""

    inspection: Inspection
    wall_ms: float
    cpu_ms: float


class Candidate:
    """A bundle in a child process, used by one thread. `called` begins each sentence about it; `is_over` ends what is waited for."""

    def __init__(
        self,
        task: Task,
        *,
        limits: TrialLimits,
        called: str,
        is_over: Callable[[], bool],
        available: Callable[[], int] = available_bytes,
        command: Sequence[str] = CANDIDATE,
    ) -> None:
        self._limits = limits
        self._called = called
        self._is_over = is_over
        self._available = available
        self._received = bytearray()
        self.peak_bytes = 0
        """The most resident memory that was seen."""
        try:
            self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        except OSError as err:
            msg = f"{called}: its process cannot be started ({err.strerror}): look at memory and the number of processes"
            raise TrialError(msg) from err
        assert self._child.stdin is not None  # noqa: S101 -- for the type checker: both are pipes
        assert self._child.stdout is not None  # noqa: S101
        self._to, self._from = self._child.stdin, self._child.stdout
        os.set_blocking(self._to.fileno(), False)
        os.set_blocking(self._from.fileno(), False)
        try:
            self._exchange(line(task), "loading its models", limits.load_s)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    def golden(self, number: int) -> Looked:
        """Inspect a golden picture.

        Raises:
            TrialError: it crashed, hangs or takes too much memory; here and in `look` and `check`.
            StoppedError: the trial is over.
        """
        return self._looked(line(Asked(golden=number)), f"golden picture {number}")

    def look(self, frame: Frame, *, station: int) -> Looked:
        """Inspect a live picture of the station with this number."""
        asked = picture_of(frame.pixels, station=station, source=frame.source, captured_at=frame.captured_at)
        pixels = np.ascontiguousarray(frame.pixels).data.cast("B")
        return self._looked(line(asked), f"picture {frame.source} of {frame.station}", pixels)

    def check(self) -> None:
        """Look whether it lives and keeps to its memory."""
        if self._child.poll() is not None:
            raise self._ended(WAITING)
        self._require_memory(WAITING)

    def close(self) -> None:
        """End the child, whatever it does; may be called twice."""
        self._child.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # one in an uninterruptible call ends when that does
            self._child.wait(EXIT_S)
        for pipe in (self._to, self._from):
            with contextlib.suppress(OSError):
                pipe.close()

    def _looked(self, asked: bytes, what: str, pixels: memoryview | None = None) -> Looked:
        answer = self._exchange(asked, what, self._limits.picture_s, pixels)
        try:
            # What a child says is checked as what comes over a wire: its native code may have written anywhere.
            inspection = decode(json.dumps(answer.inspection).encode())
        except MessageError as err:
            msg = f"{self._called}: {what}: {err}"
            raise TrialError(msg) from err
        return Looked(inspection, answer.wall_ms, answer.cpu_ms)

    def _exchange(self, asked: bytes, what: str, deadline_s: float, pixels: memoryview | None = None) -> Answer:
        patience = Patience(deadline_s, used_s=lambda: processor_s_of(self._child.pid))
        for part in (memoryview(asked), pixels):
            if part is not None:
                self._send(part, what, patience)
        raw = self._receive_line(what, patience)
        try:
            answer = Answer.model_validate_json(raw)
        except ValidationError as err:
            msg = f"{self._called}: {what}: its process said what is no answer: build the bundle again"
            raise TrialError(msg) from err
        if answer.refused is not None:
            raise TrialError(answer.refused)
        self._require_memory(what)
        return answer

    def _send(self, part: memoryview, what: str, patience: Patience) -> None:
        at = 0
        while at < len(part):
            _, ready, _ = select.select([], [self._to], [], LOOK_S)
            self._look_at_it(what, patience)
            if ready:
                try:
                    at += os.write(self._to.fileno(), part[at : at + CHUNK_BYTES])
                except BlockingIOError:
                    continue
                except OSError as err:
                    raise self._ended(what) from err

    def _receive_line(self, what: str, patience: Patience) -> bytes:
        while (end := self._received.find(b"\n")) < 0:
            ready, _, _ = select.select([self._from], [], [], LOOK_S)
            if ready:
                try:
                    got = os.read(self._from.fileno(), CHUNK_BYTES)
                except BlockingIOError:
                    continue
                if not got:
                    raise self._ended(what)
                self._received += got
            if len(self._received) > MAX_LINE_BYTES:
                msg = f"{self._called}: {what}: its answer has more than {MAX_LINE_BYTES} bytes: build the bundle again"
                raise TrialError(msg)
            self._look_at_it(what, patience)
        raw = bytes(self._received[:end])
        del self._received[: end + 1]
        return raw

    def _look_at_it(self, what: str, patience: Patience) -> None:
        if self._is_over():
            raise StoppedError
        self._require_memory(what)
        if patience.is_over():
            msg = f"{self._called}: {what}: no answer within {patience.deadline_s:.0f} s: it hangs, or is far too slow for this board"
            raise TrialError(msg)

    def _require_memory(self, what: str) -> None:
        """Keep to the limit, and leave the box its reserve.

        Raises:
            TrialError: it takes too much.
        """
        resident = resident_bytes_of(self._child.pid)
        self.peak_bytes = max(self.peak_bytes, resident)
        limit, reserve = self._limits.memory_bytes, RESERVE_BYTES
        if resident > limit:
            msg = (
                f"{self._called}: {what}: it takes {resident / 1e6:.0f} MB of memory, {limit / 1e6:.0f} are allowed: build a smaller "
                "bundle, or raise memory_mb of the board or KOTOBA_TRIAL_MEMORY_MB"
            )
            raise TrialError(msg)
        if self._available() < reserve:
            msg = (
                f"{self._called}: {what}: beside it the box has less than {reserve / 1e6:.0f} MB of memory left: build a smaller bundle, "
                "or end other programs"
            )
            raise TrialError(msg)

    def _ended(self, what: str) -> TrialError:
        with contextlib.suppress(subprocess.TimeoutExpired):  # its pipe may close a moment before it ends
            self._child.wait(EXIT_S)
        code = self._child.returncode
        how = f"with code {code}" if code is None or code >= 0 else f"by {signal.Signals(-code).name}"
        return TrialError(f"{self._called}: {what}: its process ended {how}: the log may say more, build the bundle again")
