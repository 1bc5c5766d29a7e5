"""The figures of cameras that misbehave: stalls, frozen pictures, damaged video, each against the truth that only the test knows.

Cameras are opened and read as the daemon does it; what it would judge is a `Frame`. `camera_study.py` makes a page of the figures.
"""

from __future__ import annotations

import hashlib
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
import psutil
from numpy.typing import NDArray

from edge.cameras import open_camera
from edge.cameras.child import ChildCamera
from edge.interfaces import Camera
from edge.records import Capture, Frame, LostFrame, Reason
from firmware_config.cameras import RtspCamera
from firmware_config.station import Picture
from tests.faults.camera_scene import Scene, read_number
from tests.faults.rtsp_relay import Fault, rtsp_camera

QUIET = "-8"
"""AV_LOG_QUIET, for the readers in this process."""
WAIT_S = 60.0
LOOK_S = 0.02
QUIET_S = 3.0
"""Between two faults: false alarms are looked for in it."""


@dataclass
class Watched:
    """A camera as the daemon reads it, and what it gave: in a thread of its own."""

    camera: Camera
    captures: list[Capture] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)

    def read(self) -> None:
        """Read until the camera is closed."""
        for capture in self.camera.frames():
            self.captures.append(_light(capture))
            self.at_s.append(time.monotonic())

    def since(self, moment_s: float) -> list[tuple[float, Capture]]:
        """What came after a moment, with the seconds from it."""
        count = min(len(self.captures), len(self.at_s))
        return [(self.at_s[i] - moment_s, self.captures[i]) for i in range(count) if self.at_s[i] > moment_s]

    def first(self, moment_s: float, wanted: Callable[[Capture], bool], *, within_s: float = WAIT_S) -> float | None:
        """Seconds from a moment to the first capture that is wanted; waits for it."""
        while time.monotonic() - moment_s < within_s:
            found = next((after_s for after_s, capture in self.since(moment_s) if wanted(capture)), None)
            if found is not None:
                return found
            time.sleep(LOOK_S)
        return None


def _light(capture: Capture) -> Capture:
    """A capture whose pixels are replaced by what is needed of them: its number and a digest."""
    if isinstance(capture, LostFrame):
        return capture
    return Frame(
        pixels=np.frombuffer(_fingerprint(capture.pixels), np.uint8),
        captured_at=capture.captured_at,
        monotonic_ns=capture.monotonic_ns,
        station=capture.station,
        sequence=read_number(capture.pixels) or 0,
        source=capture.source,
    )


def _fingerprint(pixels: NDArray[np.uint8]) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16).digest()


@contextmanager
def watched(urls: Sequence[str]) -> Iterator[list[Watched]]:
    """Cameras at these addresses, each read in a thread; on leaving all have ended."""
    cameras = [
        Watched(open_camera(RtspCamera(kind="rtsp", url=url), station=f"station-{i}", picture=Picture())) for i, url in enumerate(urls)
    ]
    threads = [threading.Thread(target=each.read, daemon=True) for each in cameras]
    for thread in threads:
        thread.start()
    try:
        yield cameras
    finally:
        for each in cameras:
            each.camera.close()
        for thread in threads:
            thread.join(WAIT_S)


@dataclass(frozen=True, slots=True)
class Outages:
    """Of faults that end: seconds until they were noticed and until pictures came again; wrong is what must not have been."""

    noticed_s: tuple[float, ...]
    back_s: tuple[float, ...]
    passed_after: int
    false_alarms: int
    live_pictures: int
    missed: int
    left_over: int
    """Children and descriptors of this process that are left when the cameras are closed."""


def _held() -> int:
    me = psutil.Process()
    return len(me.children(recursive=True)) + int(me.num_fds())


def outages(
    fault: Fault, reason: Reason, *, times: int, cameras: int = 1, scene: Scene | None = None, codec: str = "h264", **encoding: object
) -> Outages:
    """Let a fault come and go; each camera counts."""
    noticed, back, passed, missed, held = [], [], 0, 0, _held()
    with rtsp_camera(scene, codec=codec, **encoding) as sender, watched([sender.url] * cameras) as them:  # type: ignore[arg-type]
        began_s = time.monotonic()
        for each in them:
            each.first(began_s, lambda capture: isinstance(capture, Frame))
        if fault == "freeze":
            _wait_for(lambda: all(isinstance(each.camera, ChildCamera) and each.camera.noise is not None for each in them))
        is_it = lambda capture: isinstance(capture, LostFrame) and capture.reason is reason  # noqa: E731
        alarms_s = []
        for turn in range(times):
            if turn:
                time.sleep(QUIET_S)
            set_s = time.monotonic()
            sender.show(fault)
            found = [each.first(set_s, is_it, within_s=15.0) for each in them]
            noticed += [after_s for after_s in found if after_s is not None]
            missed += found.count(None)
            time.sleep(2.0)
            healed_s = time.monotonic()
            passed += sum(
                isinstance(capture, Frame)
                for each, first in zip(them, found, strict=True)
                for after_s, capture in each.since(set_s)
                if first is not None and first < after_s < healed_s - set_s
            )
            sender.show("none")
            again = [each.first(healed_s, lambda capture: isinstance(capture, Frame), within_s=30.0) for each in them]
            back += [after_s for after_s in again if after_s is not None]
            missed += again.count(None)
            alarms_s.append((set_s, healed_s + max((after_s for after_s in again if after_s is not None), default=30.0)))
        quiet = [(began_s, set_s) for set_s, _ in alarms_s[:1]] + [(a[1], b[0]) for a, b in pairwise(alarms_s)]
        inside = [capture for each in them for low, high in quiet for after_s, capture in each.since(low) if after_s < high - low]
    false = sum(isinstance(capture, LostFrame) for capture in inside)
    return Outages(tuple(noticed), tuple(back), passed, false, len(inside) - false, missed, _held() - held)


def live(seconds: float, *, scene: Scene, codec: str, quality: Sequence[str]) -> tuple[int, int, float | None]:
    """Look at a live camera for a while: how many captures it gave, how many of them were lost, and its noise in grey levels."""
    with rtsp_camera(scene, codec=codec, quality=quality) as sender, watched([sender.url]) as (camera,):
        time.sleep(seconds)
        captures = list(camera.captures)
        floor = camera.camera.noise if isinstance(camera.camera, ChildCamera) else None
    return len(captures), sum(isinstance(capture, LostFrame) for capture in captures), floor


@dataclass(frozen=True, slots=True)
class Damaged:
    """Of a stream whose packets were spoilt for a while: how many pictures were damaged by comparison with the clean stream, and how many
    of these the camera gave as pictures."""

    damaged: int
    passed: int
    sound: int
    given: int
    flagged_before: int
    before: int


def damaged(
    fault: Fault, *, pictures: int, clean: int, rate: float, codec: str = "h264", fps: float = 30.0, until_well: bool = True
) -> Damaged:
    """Send `clean` sound pictures, then `pictures` while the fault is on, then some, by default until the camera is well again."""
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = QUIET
    truth: dict[int, set[bytes]] = {}
    raw: list[tuple[int | None, bytes]] = []
    stopping = threading.Event()

    def note_truth(pixels: NDArray[np.uint8]) -> None:
        truth.setdefault(read_number(pixels) or 0, set()).add(_fingerprint(pixels))

    with ExitStack() as stack:
        sender = stack.enter_context(rtsp_camera(codec=codec, fps=fps, rate=rate))
        stack.callback(stopping.set)
        for url, note in (
            (sender.relay.clean_url, note_truth),
            (sender.url, lambda pixels: raw.append((read_number(pixels), _fingerprint(pixels)))),
        ):
            thread = threading.Thread(target=_read_all, args=(url, note, stopping), daemon=True)
            thread.start()
            stack.callback(thread.join, WAIT_S)
            stack.callback(stopping.set)
        _wait_for(lambda: bool(truth))
        (camera,) = stack.enter_context(watched([sender.url]))
        camera.first(time.monotonic(), lambda capture: isinstance(capture, Frame))
        _wait_for(lambda: len(camera.captures) >= clean)
        before = list(camera.captures)
        first_spoilt = sender.number
        sender.show(fault)
        _wait_for(lambda: sender.number >= first_spoilt + pictures)
        sender.show("none")
        healed_s = time.monotonic()
        if until_well:
            camera.first(healed_s, lambda capture: isinstance(capture, Frame), within_s=30.0)
        time.sleep(2.0)
        given = [(each.sequence, each.pixels.tobytes()) for each in list(camera.captures) if isinstance(each, Frame)]
        seen, newest = list(raw), sender.number
        _wait_for(lambda: max(list(truth)) >= newest)  # on a busy machine the witness is behind
    wrong = [(number, print_) for number, print_ in seen if print_ not in truth.get(number or 0, ())]
    # A picture whose number the witness has not seen can be compared with nothing: it is counted as damaged all the same.
    passed = [(number, print_) for number, print_ in given if print_ not in truth.get(number, ())]
    lost_before = sum(isinstance(capture, LostFrame) for capture in before)
    return Damaged(len(wrong), len(passed), len(seen) - len(wrong), len(given), lost_before, len(before))


def lone(fault: Fault, *, times: int, codec: str = "h264", fps: float = 30.0) -> tuple[float, ...]:
    """Spoil one packet, and the next one when the camera is well again: seconds from the first to the last picture that was lost for it."""
    costs = []
    with rtsp_camera(codec=codec, fps=fps) as sender, watched([sender.url]) as (camera,):
        camera.first(time.monotonic(), lambda capture: isinstance(capture, Frame))
        for turn in range(times):
            time.sleep(1.0 + turn / times)  # so that the packets are of all places between two key frames
            set_s = time.monotonic()
            sender.relay.spoil_at_most = sender.relay.spoilt + 1
            sender.show(fault)
            noticed_s = camera.first(set_s, lambda capture: isinstance(capture, LostFrame), within_s=2.0)
            if noticed_s is not None:
                back_s = camera.first(set_s + noticed_s, lambda capture: isinstance(capture, Frame))
                costs.append(math.inf if back_s is None else back_s)
            sender.show("none")
    return tuple(costs)


def _read_all(url: str, note: Callable[[NDArray[np.uint8]], object], stopping: threading.Event) -> None:
    """Read every picture as OpenCV gives it, with what is damaged; begin again when it ends."""
    while not stopping.is_set():
        with closing(_Capture(url)) as video:
            while not stopping.is_set():
                good, pixels = video.read()
                if not good:
                    break
                note(pixels)


class _Capture:
    def __init__(self, url: str) -> None:
        limits = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 5_000, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 3_000, cv2.CAP_PROP_N_THREADS, 1)
        self._video = cv2.VideoCapture(url, cv2.CAP_FFMPEG, limits)

    def read(self) -> tuple[bool, NDArray[np.uint8]]:
        good, pixels = self._video.read()
        return good, pixels  # type: ignore[return-value]

    def close(self) -> None:
        self._video.release()


def _wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20 * WAIT_S
    while not condition():
        if time.monotonic() > until:
            msg = "the camera gives no pictures any more"
            raise TimeoutError(msg)
        time.sleep(LOOK_S)
