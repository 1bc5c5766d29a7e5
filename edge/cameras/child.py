"""A live camera that can hang is read in a child process. A child that does not answer in time is killed and started again."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence

from edge.cameras.capture_factory import CaptureFactory
from edge.cameras.known_noise import KnownNoise
from edge.cameras.outage import Outage
from edge.cameras.reader import DAMAGED, DOUBTED, FRAME, FROZEN
from edge.cameras.reader_process import READER, Answer, LostError, ReaderProcess, Source
from edge.cameras.stillness import MIN_FLOOR
from edge.records import Capture, Reason, Trouble

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LAST_PAUSE_S = 0.5, 5.0
"""Pause before the camera is opened again, doubled each time."""

PATIENCE_S = {DAMAGED: 10.0, DOUBTED: 60.0}
"""A damaged stream that does not begin anew by itself for so long is opened again: a camera's stream begins with a key frame. One that is
doubted gains nothing by that, unless what it began with has been spoilt."""


class ChildCamera:
    """Yields the newest picture each time it is asked, and one `LostFrame` when the camera goes out; it is tried again until it is back.

    While the stream is damaged or frozen, each picture that is asked for is a `LostFrame`.
    """

    def __init__(
        self,
        source: Source,
        *,
        station: str,
        known: KnownNoise | None = None,
        captures: CaptureFactory | None = None,
        command: Sequence[str] = READER,
    ) -> None:
        self._source = source
        self._known = known
        self._station = station
        self._can_tell: bool | None = None
        self._captures = captures or CaptureFactory(station)
        self._outage = Outage(self._captures)
        self._reader = ReaderProcess(source, called=f"camera {source.name}", again="it is started again", command=command)
        if known is not None and source.tell_frozen:
            self._reader.floor = known.of(station, camera=source.name)

    def frames(self) -> Iterator[Capture]:
        """Yield pictures; see `edge.interfaces.Camera`."""
        pause_s = FIRST_PAUSE_S
        closed = self._reader.closed
        try:
            while not closed.is_set():
                try:
                    for capture in self._life():
                        pause_s = FIRST_PAUSE_S
                        yield capture
                except LostError as lost:
                    self._reader.kill()
                    if closed.is_set():
                        return
                    capture_of_loss = self._outage.begin(lost.reason, lost.detail, source=self._source.name)
                    if capture_of_loss is not None:
                        yield capture_of_loss
                    closed.wait(pause_s)
                    pause_s = min(2 * pause_s, LAST_PAUSE_S)
        finally:
            self._reader.kill()

    def troubles(self) -> tuple[Trouble, ...]:
        """Whether the camera is out, damaged or frozen; see `edge.interfaces.Camera`."""
        return self._outage.troubles()

    @property
    def noise(self) -> float | None:
        """How much live pictures change at least, in grey levels; None while that is unknown."""
        return self._reader.floor

    def close(self) -> None:
        """End `frames` and the child; may be called twice and from any thread."""
        self._reader.close()

    def _life(self) -> Iterator[Capture]:
        """The captures of one child, from its start to its trouble."""
        self._reader.start()
        kind, since_ns = FRAME, self._captures.now_ns()
        while not self._reader.closed.is_set():
            started_ns = self._captures.now_ns()
            answer = self._reader.ask()
            self._say_whether_it_can_tell()
            if answer.kind != kind:
                kind, since_ns = answer.kind, started_ns
            if answer.pixels is not None:
                self._outage.end()
                source = self._source.name
                if self._known is not None and self._reader.floor is not None:
                    self._known.note(self._station, camera=source, grey_levels=self._reader.floor)
                yield self._captures.frame(answer.pixels, source=source, started_ns=started_ns, taken_ns=answer.taken_ns)
                continue
            reason, detail = self._lost(answer)
            yield self._outage.last(reason, detail, source=self._source.name)
            if started_ns - since_ns > PATIENCE_S.get(kind, math.inf) * 1e9:
                raise LostError(reason, detail)

    def _say_whether_it_can_tell(self) -> None:
        """Say once, and when it changes, that a frozen picture of this camera would not be noticed."""
        floor = self._reader.floor
        if floor is None or self._can_tell is (floor >= MIN_FLOOR):
            return
        before, self._can_tell = self._can_tell, floor >= MIN_FLOOR
        if not self._can_tell:
            why = "its encoder leaves no noise: raise the bit rate, or set frozen_after and let the line notice a standing picture"
            log.warning("frozen pictures cannot be told station=%s noise=%.3f least=%.1f detail=%r", self._station, floor, MIN_FLOOR, why)
        elif before is False:
            log.info("frozen pictures can be told again station=%s noise=%.3f", self._station, floor)

    def _lost(self, answer: Answer) -> tuple[Reason, str]:
        """Why there is no picture.

        Raises:
            LostError: there will be none from this child any more.
        """
        name = self._source.name
        if answer.kind == DAMAGED:
            detail = f"camera {name} sends damaged pictures ({answer.text}): look at its cable, network and bit rate"
            return Reason.CAMERA_DAMAGED, detail
        if answer.kind == DOUBTED:
            why = "no packet is missing, so its bytes are changed"
            detail = f"camera {name} sends damaged pictures ({answer.text}; {why}): look at the camera and at what copies its stream"
            return Reason.CAMERA_DAMAGED, detail
        if answer.kind == FROZEN:
            return Reason.FROZEN, f"camera {name} sends the same picture again and again ({answer.text}): restart the camera"
        raise LostError(Reason.CAMERA_UNREACHABLE, f"camera {name} {answer.text}: look at its power, cable and address")
