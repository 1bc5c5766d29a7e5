from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from edge.cameras.memory import MemoryCamera
from edge.daemon.pipeline import StationPipeline
from edge.daemon.switch import Switch
from edge.records import Capture
from tests.support.running_daemon import PATIENCE_S, pipeline
from tests.support.sample_records import MOMENT, frames


def feeding(cell: StationPipeline) -> threading.Thread:
    thread = threading.Thread(target=cell.feed, kwargs={"captured": threading.Event()})
    thread.start()
    return thread


def test_a_switch_says_since_when_and_whether_it_has_changed() -> None:
    moments = iter(MOMENT + timedelta(seconds=i) for i in range(9))
    switch = Switch(now=lambda: next(moments))
    assert (switch.is_on, switch.since) == (True, MOMENT)
    assert [switch.set(on=on) for on in (True, False, False, True)] == [False, True, False, True]
    assert switch.since == MOMENT + timedelta(seconds=2)


def test_who_waits_for_a_switch_goes_on_when_it_is_on_or_the_daemon_ends() -> None:
    switch, stopping = Switch(), threading.Event()
    assert switch.wait_until_on(stopping)
    stopping.set()
    assert not switch.wait_until_on(stopping)
    switch.set(on=False)
    assert not switch.wait_until_on(stopping)


def test_pictures_that_wait_are_judged_when_the_station_is_switched_on_again() -> None:
    cell = pipeline(MemoryCamera(frames(["a.png", "b.png"])), ["a.png", "b.png"])
    cell.turn(on=False)
    thread = feeding(cell)
    assert cell.take() is None
    cell.turn(on=True)
    sources: list[str] = []
    while len(sources) < 2:
        capture = cell.take()
        if capture is not None:
            sources.append(capture.source)
    thread.join(PATIENCE_S)
    assert sources == ["a.png", "b.png"]


class LiveCamera(MemoryCamera):
    """Gives a picture whenever it may, and says when it was opened and let go."""

    def __init__(self) -> None:
        super().__init__([])
        self.opened, self.let_go, self.may = threading.Semaphore(0), threading.Semaphore(0), threading.Semaphore(0)

    def frames(self) -> Iterator[Capture]:
        self.opened.release()
        try:
            while self.may.acquire(timeout=PATIENCE_S):
                yield from frames(["a.png"])
        finally:
            self.let_go.release()


def test_a_live_camera_is_let_go_while_the_station_is_switched_off_and_opened_again() -> None:
    camera = LiveCamera()
    cell = pipeline(camera, ["a.png"], live=True)
    thread = feeding(cell)
    assert camera.opened.acquire(timeout=PATIENCE_S)
    cell.turn(on=False)
    camera.may.release()
    assert camera.let_go.acquire(timeout=PATIENCE_S)
    assert cell.take() is None
    cell.turn(on=True)
    assert camera.opened.acquire(timeout=PATIENCE_S)
    cell.stop("it goes")
    camera.may.release()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


@pytest.mark.parametrize("live", [True, False])
def test_a_picture_of_before_is_dropped_if_the_camera_is_live(live: bool) -> None:  # noqa: FBT001 -- a parameter
    cell = pipeline(MemoryCamera([]), [], live=live)
    cell.slot.put(frames(["a.png"])[0])
    cell.turn(on=False)
    assert (cell.take() is None) is live
