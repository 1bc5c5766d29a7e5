"""The child process that reads a camera or a video which can hang: `python -m edge.cameras.reader`. Its parent may kill it at any time.

stdin: one line of JSON (what to open), then one byte for each frame wanted. stdout: a header for each answer, then the pixels, or a few
words for people. Of a live camera, frames are read and forgotten between two requests, so that an answer is never older than the request: a
network camera's queue cannot build up lag. Of a file every `every`-th frame is an answer, and none is read before it is wanted.
The end of stdin ends the child, whatever it is waiting for.
"""

from __future__ import annotations

import json
import math
import os
import stat
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEADER = struct.Struct("<BIIqQdI")
"""Kind, height, width, monotonic clock in ns of the frame, its number since the source was opened (from 1), the camera's noise floor in
grey levels (`stillness.py`; not a number while it is unknown), bytes that follow."""
FRAME, TROUBLE, DAMAGED, FROZEN, END, DOUBTED = range(6)
"""A picture; what ended the reading; why a picture is lost, twice; the end of a file, with what is wrong about it or nothing; why a picture
is lost, when the stream has been damaged without a loss a short time ago (`damage.py`)."""

MAX_FRAME_BYTES = 3 * 268_435_456
MAX_TROUBLE_BYTES = 1_000
"""A parent that reads a larger number treats the answer as corrupt: no answer is larger."""

MAX_FAILED_READS = 30
"""So many packets in a row that give no picture, and the stream is opened again: its parameters may be spoilt for good."""


class Answer(NamedTuple):
    """What the parent gets for one byte. `body` are pixels of a frame, else text."""

    kind: int
    height: int
    width: int
    taken_ns: int
    number: int
    floor: float
    body: Any


def main() -> None:
    """Open the source and answer until stdin ends."""
    line = sys.stdin.buffer.readline()
    if not line:
        return
    source = json.loads(line)
    os.environ.update(source.get("environment", {}))
    answers = os.fdopen(os.dup(1), "wb")
    newest = _Newest()
    threading.Thread(target=_read, args=(source, newest), daemon=True).start()
    threading.Thread(target=_answer, args=(newest, answers), daemon=True).start()
    while sys.stdin.buffer.read(1):
        newest.ask()
    os._exit(0)  # a native read that hangs must not keep the child alive


class _Newest:
    """The newest answer to each request: a frame that was read after it, or the trouble that ended the reading."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._asked = 0
        self._frame: Answer | None = None
        self._last: Answer | None = None

    def ask(self) -> None:
        with self._changed:
            self._asked += 1
            self._frame = None
            self._changed.notify_all()

    def wait_until_asked(self) -> None:
        """Wait until somebody wants a frame that is not there yet."""
        with self._changed:
            self._changed.wait_for(lambda: self._asked and self._frame is None)

    def put(self, answer: Answer) -> None:
        with self._changed:
            if answer.kind in {TROUBLE, END}:
                self._last = answer
            else:
                self._frame = answer
            self._changed.notify_all()

    def take(self) -> Answer:
        with self._changed:
            while not self._asked or (answer := self._frame or self._last) is None:
                self._changed.wait()
            self._asked -= 1
            self._frame = None
            return answer


def _answer(newest: _Newest, answers: BinaryIO) -> None:
    while True:
        answer = newest.take()
        try:
            answers.write(HEADER.pack(*answer[:-1], len(answer.body)))
            answers.write(answer.body)
            answers.flush()
        except OSError:  # the parent is gone: nobody is left to whom a word of it would mean anything
            os._exit(0)


def _read(source: dict[str, Any], newest: _Newest) -> None:
    """Read for ever; says what is wrong as an answer and ends."""
    every = int(source.get("every", 0))
    answers = _frames(source)
    while True:
        if every:
            newest.wait_until_asked()
        for answer in answers:
            newest.put(answer)
            if answer.kind in {TROUBLE, END}:
                return
            break


def _frames(source: dict[str, Any]) -> Iterator[Answer]:
    """The answers that a source has, one after the other; the last one is the end or a trouble."""
    import cv2

    from edge.cameras.damage import DOUBT_S, Damage, complaint_in
    from edge.cameras.native_output import NativeOutput

    is_ffmpeg = source["backend"] == cv2.CAP_FFMPEG
    output = NativeOutput() if is_ffmpeg else None
    harmless, every = source.get("harmless", ()), int(source.get("every", 0))
    if every and (refusal := _refusal(source["address"])):
        yield _text(TROUBLE, 0, refusal)
        return
    video = cv2.VideoCapture(source["address"], source["backend"], source["parameters"])
    opening = output.take() if output else ""
    why = complaint_in(opening)
    if not video.isOpened():
        yield _text(TROUBLE, 0, "cannot be opened" + (f" ({why})" if why else ""))
        return
    expected = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if every else 0
    damage = Damage(opened_s=time.monotonic(), harmless=harmless, doubt_s=0.0 if every else DOUBT_S)
    pictures = _Pictures(source)
    number = failed = 0
    if not every:
        damage.join(opening)
    while True:
        good = video.grab()
        taken_ns = time.monotonic_ns()
        # Without FFmpeg there is nobody who complains, and each picture stands for itself.
        key_packet = not is_ffmpeg or video.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME) > 0
        kind = _letter(video.get(cv2.CAP_PROP_FRAME_TYPE)) if good else ""
        said = output.take() if output else ""
        complaint = damage.see(said, key_packet=key_packet, kind=kind, at_s=taken_ns / 1e9)
        failed = 0 if good else failed + 1
        if not good and (failed > MAX_FAILED_READS or complaint_in(said, harmless=harmless) is None):
            yield _the_end(every, number, expected, complaint)
            return
        number += 1
        if (every and (number - 1) % every) or not (every or damage.has_begun):
            continue
        if complaint is not None:
            yield pictures.damaged(number, complaint, DOUBTED if damage.is_doubted else DAMAGED)
            continue
        good, pixels = video.retrieve()
        yield pictures.picture(pixels, taken_ns, number) if good and pixels is not None else pictures.damaged(number, "it is empty")


def _refusal(path: str) -> str | None:
    """Why a file must not be given to FFmpeg. Asked here, because the question hangs too where a share does."""
    try:
        is_file = stat.S_ISREG(Path(path).stat().st_mode)
    except OSError as err:
        return f"cannot be opened ({err.strerror})"
    return None if is_file else "cannot be opened, because it is no regular file but a pipe, a device or a folder"


class _Pictures:
    """Makes answers of pictures; those of a live camera are looked at for whether they move."""

    def __init__(self, source: dict[str, Any]) -> None:
        from edge.cameras.stillness import Stillness

        self._stillness = Stillness(floor=source.get("floor")) if source.get("tell_frozen") else None

    @property
    def _floor(self) -> float:
        floor = None if self._stillness is None else self._stillness.floor
        return math.nan if floor is None else floor

    def damaged(self, number: int, complaint: str, kind: int = DAMAGED) -> Answer:
        if self._stillness is not None:
            self._stillness.skip()
        return _text(kind, number, complaint)._replace(floor=self._floor)

    def picture(self, decoded: NDArray[Any], taken_ns: int, number: int) -> Answer:
        import numpy as np

        pixels = np.asarray(decoded if decoded.ndim == 3 else np.repeat(decoded[:, :, None], 3, axis=2), np.uint8)
        if self._stillness is not None and self._stillness.see(pixels, taken_ns / 1e9):
            text = f"they change by less than the {self._floor:.2g} grey levels that its sensor's noise makes"
            return _text(FROZEN, number, text)._replace(floor=self._floor)
        body = np.ascontiguousarray(pixels).data.cast("B")
        return Answer(FRAME, pixels.shape[0], pixels.shape[1], taken_ns, number, self._floor, body)


def _letter(frame_type: float) -> str:
    """FFmpeg's letter of a frame, such as I; what is none is a picture all the same."""
    return chr(int(frame_type)) if 0 < frame_type < 128 else "?"


def _the_end(every: int, number: int, expected: int, complaint: str | None) -> Answer:
    """Why there are no more pictures."""
    said = f" ({complaint})" if complaint else ""
    if not every:
        return _text(TROUBLE, number, f"gives no more pictures{said}")
    return _text(END, number, f"ends after {number} of {expected} frames{said}" if number < expected or said else "")


def _text(kind: int, number: int, text: str) -> Answer:
    return Answer(kind, 0, 0, time.monotonic_ns(), number, math.nan, text.encode()[:MAX_TROUBLE_BYTES])


if __name__ == "__main__":
    main()
