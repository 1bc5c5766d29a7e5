"""A child that gets little of a busy processor is given time; one that hangs or computes for too long is not."""

from __future__ import annotations

import os
import time

import pytest

from edge.trial.patience import STARVED, Patience, processor_s_of

DEADLINE_S = 10.0


@pytest.mark.parametrize(
    ("share", "over_at"),
    [(1.0, 10.5), (0.25, 40.5), (0.05, STARVED * DEADLINE_S + 0.5), (0.0, 10.5)],
    ids=["alone", "beside a busy line", "hardly ever", "it hangs"],
)
def test_the_deadline_is_one_of_processor_time(share: float, over_at: float) -> None:
    now, used = [100.0], [3.0]
    patience = Patience(DEADLINE_S, used_s=lambda: used[0], monotonic=lambda: now[0])
    while not patience.is_over():
        now[0] += 0.5
        used[0] += 0.5 * share
    assert now[0] - 100.0 == over_at


def test_who_stops_computing_is_given_up_a_deadline_later() -> None:
    now, used = [0.0], [0.0]
    patience = Patience(DEADLINE_S, used_s=lambda: used[0], monotonic=lambda: now[0])
    while not patience.is_over():
        now[0] += 0.5
        used[0] = min(2.0, used[0] + 0.1)
    assert now[0] == 20.5


def test_processor_time_is_that_of_the_process() -> None:
    before, until = processor_s_of(os.getpid()), time.process_time() + 0.1
    while time.process_time() < until:
        pass
    assert processor_s_of(os.getpid()) > before
    assert processor_s_of(2**30) == 0.0
