from __future__ import annotations

import threading

import pytest

from edge.triggers import open_trigger
from edge.triggers.continuous import ContinuousTrigger
from edge.triggers.interval import IntervalTrigger
from firmware_config.triggers import Trigger


class Clock:
    """A clock and an event whose waiting is the only thing that moves it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now


class Stopping(threading.Event):
    """Records how long it was waited for, and lets that time pass on the clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.waits.append(timeout or 0.0)
        self._clock.now += timeout or 0.0
        return self.is_set()


@pytest.mark.parametrize(("kind", "made"), [("continuous", ContinuousTrigger), ("interval", IntervalTrigger)])
def test_the_settings_choose_the_trigger(kind: str, made: type) -> None:
    assert isinstance(open_trigger(Trigger.model_validate({"kind": kind})), made)


def test_a_continuous_trigger_never_waits() -> None:
    stopping = threading.Event()
    assert ContinuousTrigger().wait(stopping)
    stopping.set()
    assert not ContinuousTrigger().wait(stopping)


def test_an_interval_counts_from_the_capture_before() -> None:
    clock = Clock()
    trigger, stopping = IntervalTrigger(interval_s=2.0, monotonic=clock), Stopping(clock)

    for capture_s in (0.5, 0.25, 0.0):
        clock.now += capture_s
        assert trigger.wait(stopping)

    assert clock.waits == [1.5, 1.75, 2.0]


def test_a_late_picture_does_not_make_the_next_ones_come_faster() -> None:
    clock = Clock()
    trigger, stopping = IntervalTrigger(interval_s=2.0, monotonic=clock), Stopping(clock)

    clock.now += 7.0
    assert trigger.wait(stopping)
    assert trigger.wait(stopping)

    assert clock.waits == [0.0, 2.0]


def test_a_daemon_that_stops_does_not_wait_for_the_interval() -> None:
    stopping = threading.Event()
    stopping.set()
    assert not IntervalTrigger(interval_s=3_600.0).wait(stopping)
