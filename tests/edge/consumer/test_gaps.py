from __future__ import annotations

from datetime import datetime, timedelta, timezone

from edge.consumer.gaps import Gap, GapState, asked, fill, lost, record, refused
from edge.consumer.positions import Stream
from edge.consumer.spans import Span

STREAM = Stream("cell-01", "e1")
AT = datetime(2026, 5, 4, 8, tzinfo=timezone.utc)
LATER = AT + timedelta(seconds=30)


def gap(first: int, last: int, state: GapState = GapState.OPEN) -> Gap:
    return Gap(STREAM, Span(first, last), state, AT)


def shown(gaps: list[Gap]) -> list[tuple[int, int, str]]:
    return [(each.span.first, each.span.last, each.state.value) for each in gaps]


def test_what_is_due_is_recorded_once() -> None:
    gaps = record([gap(3, 9, GapState.ASKED), gap(30, 31, GapState.LOST)], [Span(3, 9), Span(12, 14)], stream=STREAM, at=LATER)
    assert shown(gaps) == [(3, 9, "asked"), (30, 31, "lost"), (12, 14, "open")]


def test_a_gap_that_arrives_in_parts_ends_as_one_filled_row() -> None:
    gaps = [gap(1, 100, GapState.ASKED)]
    for arrived in (10, 55, 99):
        gaps = fill(gaps, [Span(arrived + 1, 100)], at=LATER)
        assert shown(gaps) == [(1, arrived, "filled"), (arrived + 1, 100, "asked")]
    assert shown(fill(gaps, [], at=LATER)) == [(1, 100, "filled")]


def test_a_gap_of_which_only_the_middle_arrives_stays_at_both_ends() -> None:
    gaps = fill([gap(1, 9, GapState.ASKED)], [Span(1, 3), Span(7, 9)], at=LATER)
    assert shown(gaps) == [(1, 3, "asked"), (4, 6, "filled"), (7, 9, "asked")]


def test_a_lost_verdict_that_arrives_after_all_is_filled() -> None:
    gaps = fill([gap(5, 7, GapState.LOST)], [Span(5, 5), Span(7, 7)], at=LATER)
    assert shown(gaps) == [(5, 5, "lost"), (6, 6, "filled"), (7, 7, "lost")]


def test_only_what_was_asked_for_changes_and_what_is_lost_stays_lost() -> None:
    gaps = [gap(1, 3), gap(10, 12), gap(20, 22, GapState.LOST)]
    gaps = asked(gaps, Span(5, 30), at=LATER)
    assert shown(gaps) == [(1, 3, "open"), (10, 12, "asked"), (20, 22, "lost")]
    assert (gaps[1].asks, gaps[1].asked_at) == (1, LATER)
    assert shown(asked([gap(1, 9)], Span(4, 6), at=LATER)) == [(1, 3, "open"), (4, 6, "asked"), (7, 9, "open")]
    assert shown(refused(gaps, Span(5, 30))) == [(1, 3, "open"), (10, 12, "open"), (20, 22, "lost")]
    assert shown(lost(gaps, Span(5, 30), at=LATER)) == [(1, 3, "open"), (10, 12, "lost"), (20, 22, "lost")]
