from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from benchmarks.drift import LINES, Line, delay, false_alarms, plain_alarms
from edge.drift.watch import Change, Watch
from edge.drift.windows import Window
from edge.drift.words import Word
from firmware_config.drift import Drift
from tests.support.counted_windows import BEGIN, SHIFT, window

REFERENCE = [window(at, {"busbar": 400, "uneven light": 3 + at % 3, "crack": 19 + at % 4}) for at in range(42)]
UNEVEN = Word("tag", "uneven light")


def told(later: Iterable[Window], settings: Drift | None = None) -> list[Change]:
    watch = Watch(settings or Drift())
    return [change for each in [*REFERENCE, *later] for change in watch.take(each)]


def test_a_word_that_is_said_more_often_is_told_once_after_two_windows_and_since_when() -> None:
    changes = told(window(at, {"busbar": 400, "uneven light": 20, "crack": 20}) for at in range(42, 60))

    assert [(change.news, change.word) for change in changes] == [("changed", UNEVEN)]
    (change,) = changes
    assert (change.since, change.at) == (BEGIN + 42 * SHIFT, BEGIN + 44 * SHIFT)
    assert (change.count, change.parts, change.before, change.parts_before) == (40, 800, 168, 16_800)


def test_one_odd_window_is_not_told() -> None:
    later = [window(at, {"busbar": 400, "uneven light": 200 if at == 45 else 4, "crack": 20}) for at in range(42, 70)]
    assert told(later) == []


def test_a_new_word_and_one_that_is_no_longer_said_are_told() -> None:
    changes = told(window(at, {"uneven light": 4, "crack": 20, "stain": 15}) for at in range(42, 45))
    assert {(change.word.text, change.count == 0, change.before == 0) for change in changes} == {
        ("busbar", True, False),
        ("stain", False, True),
    }


def test_a_word_that_is_as_before_again_is_told_and_may_change_once_more() -> None:
    counts = [20] * 4 + [4] * 24 + [20] * 4
    changes = told(window(42 + at, {"busbar": 400, "uneven light": count, "crack": 20}) for at, count in enumerate(counts))
    assert [change.news for change in changes if change.word == UNEVEN] == ["changed", "back", "changed"]


def test_a_change_that_is_too_small_to_matter_is_not_told() -> None:
    more = [window(at, {"busbar": 400, "uneven light": 20, "crack": 20}) for at in range(42, 50)]
    assert told(more, Drift(smallest_change=0.05)) == []
    assert told(more, Drift(smallest_ratio=20)) == []
    assert len(told(more)) == 1


def test_other_models_or_settings_begin_a_new_reference() -> None:
    watch = Watch(Drift())
    for each in REFERENCE:
        watch.take(each)
    assert watch.reference_windows == 42
    assert watch.take(window(42, {"uneven light": 300}, basis="others")) == ()
    assert watch.reference_windows == 1


def test_the_reference_begins_where_the_settings_say() -> None:
    watch = Watch(Drift(reference_from=BEGIN + 20 * SHIFT))
    for each in REFERENCE:
        watch.take(each)
    assert watch.reference_windows == 22


def test_parts_that_are_alike_make_no_false_alarms() -> None:
    found = [count for line in LINES[:3] for count in false_alarms(line, months=2, words=60)]
    assert sum(found) <= len(found)


@pytest.mark.parametrize("line", [LINES[0], LINES[1]], ids=lambda line: line.name)
def test_a_real_change_is_told_within_two_days(line: Line) -> None:
    waits = [delay(line, (0.05, 0.12), words=60, seed=seed) for seed in range(3)]
    assert all(wait is not None and wait <= 6 for wait in waits), waits


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES[:4], ids=lambda line: line.name)
def test_there_is_at_most_one_false_alarm_a_month(line: Line) -> None:
    found = false_alarms(line, months=100)
    assert sum(found) <= len(found)


def test_windows_of_another_length_have_another_rate() -> None:
    assert Drift().false_alarms_a_window == pytest.approx(1 / 90)
    assert Drift(window_hours=24).false_alarms_a_window == pytest.approx(1 / 30)
    assert timedelta(hours=Drift().window_hours) == SHIFT


def test_a_plain_test_would_alarm_all_the_time_where_parts_are_alike() -> None:
    assert sum(plain_alarms(LINES[1], months=1, words=60)) > 30
