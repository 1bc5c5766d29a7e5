from __future__ import annotations

import pytest

from edge.consumer.asking import ANSWER_S, FIRST_PAUSE_S, PIECE, Asking, Outcome
from edge.consumer.gaps import GapState
from edge.consumer.messages import Answer
from edge.consumer.patience import Patience
from edge.consumer.positions import Stream
from edge.consumer.spans import Span

ONE, TWO = Stream("cell-01", "e1"), Stream("cell-02", "e1")
PATIENCE_S = 10.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Asked:
    """Asking with a clock that the test moves, and what it asks for as (station, first, last, boxes)."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.patience = Patience(PATIENCE_S, clock=self.clock)
        self.asking = Asking(self.patience, clock=self.clock)

    def after(self, seconds: float) -> list[tuple[str, int, int, tuple[str, ...]]]:
        self.clock.now += seconds
        requests = self.asking.next_requests()
        for request in requests:
            self.asking.sent(request)
        return [(request.stream.station, request.span.first, request.span.last, request.boxes) for request in requests]

    def answer(self, box: str, first: int, last: int, *, found: int | None = None, refused: str | None = None) -> Outcome | None:
        answer = Answer(event="replay", station="cell-01", epoch="e1", first=first, last=last, found=found, refused=refused)
        return self.asking.answered(box, answer)


@pytest.fixture
def asked() -> Asked:
    made = Asked()
    made.asking.heard("box-1", ["cell-01"])
    return made


def test_a_hole_is_asked_for_when_it_has_stood_still(asked: Asked) -> None:
    asked.patience.see(ONE, [Span(5, 9)])
    assert asked.after(PATIENCE_S - 0.1) == []
    assert asked.after(0.1) == [("cell-01", 5, 9, ("box-1",))]
    assert asked.after(0.1) == []


def test_a_hole_that_shrinks_is_not_asked_for(asked: Asked) -> None:
    for first in range(5, 9):
        asked.patience.see(ONE, [Span(first, 9)])
        assert asked.after(PATIENCE_S - 1) == []


def test_a_hole_at_the_end_that_grows_is_asked_for(asked: Asked) -> None:
    for last in range(9, 11):
        asked.patience.see(ONE, [Span(5, last)])
        assert asked.after(PATIENCE_S / 2 - 1) == []
    asked.patience.see(ONE, [Span(5, 12)])
    assert asked.after(2) == [("cell-01", 5, 12, ("box-1",))]


def test_near_holes_are_asked_for_together_and_far_ones_when_those_have_come(asked: Asked) -> None:
    asked.patience.see(ONE, [Span(5, 9), Span(20, 29), Span(1_000, 1_009)])
    assert asked.after(PATIENCE_S) == [("cell-01", 5, 29, ("box-1",))]
    assert asked.after(1) == []
    asked.answer("box-1", 5, 29, found=25)
    assert asked.after(1) == []
    asked.patience.see(ONE, [Span(1_000, 1_009)])
    assert asked.after(0) == [("cell-01", 1_000, 1_009, ("box-1",))]


def test_a_long_hole_is_asked_for_in_pieces_one_after_the_other(asked: Asked) -> None:
    asked.patience.see(ONE, [Span(1, 1_200)])
    pieces = []
    requests = asked.after(PATIENCE_S)
    while requests:
        ((_, first, last, _),) = requests
        pieces.append((first, last))
        asked.answer("box-1", first, last, found=last - first + 1)
        assert asked.after(0) == []
        asked.patience.see(ONE, [Span(last + 1, 1_200)] if last < 1_200 else [])
        requests = asked.after(0)
    assert pieces == [(1, PIECE), (PIECE + 1, 2 * PIECE), (2 * PIECE + 1, 1_200)]


def test_what_got_lost_again_is_asked_for_together_again_and_ever_more_rarely(asked: Asked) -> None:
    asked.patience.see(ONE, [Span(5, 9), Span(20, 29)])
    assert asked.after(PATIENCE_S) == [("cell-01", 5, 29, ("box-1",))]
    assert asked.answer("box-1", 5, 29, found=25) == Outcome(ONE, Span(5, 29), GapState.ASKED)
    assert asked.after(2 * PATIENCE_S - 1) == []
    assert asked.after(1) == [("cell-01", 5, 29, ("box-1",))]
    asked.answer("box-1", 5, 29, found=25)
    assert asked.after(4 * PATIENCE_S - 1) == []
    assert asked.after(1) == [("cell-01", 5, 29, ("box-1",))]


def test_what_a_box_does_not_have_whole_is_asked_for_hole_by_hole(asked: Asked) -> None:
    asked.patience.see(ONE, [Span(5, 9), Span(20, 29)])
    assert asked.after(PATIENCE_S) == [("cell-01", 5, 29, ("box-1",))]
    asked.answer("box-1", 5, 29, found=24)
    assert asked.after(2 * PATIENCE_S) == [("cell-01", 5, 9, ("box-1",))]
    assert asked.answer("box-1", 5, 9, found=0) == Outcome(ONE, Span(5, 9), GapState.LOST)
    asked.patience.see(ONE, [Span(20, 29)])
    assert asked.after(0) == [("cell-01", 20, 29, ("box-1",))]


def test_the_rest_of_a_hole_that_grows_while_a_piece_of_it_comes_is_not_forgotten(asked: Asked) -> None:
    asked.patience.see(ONE, [Span(5, 9)])
    asked.after(PATIENCE_S)
    asked.answer("box-1", 5, 9, found=5)
    asked.patience.see(ONE, [Span(5, 12)])
    asked.patience.see(ONE, [Span(10, 12)])
    assert asked.after(PATIENCE_S - 1) == []
    assert asked.after(1) == [("cell-01", 10, 12, ("box-1",))]


def test_a_box_that_has_none_of_it_means_that_it_is_lost(asked: Asked) -> None:
    asked.patience.see(ONE, [Span(5, 9)])
    asked.after(PATIENCE_S)
    assert asked.answer("box-1", 5, 9, found=0) == Outcome(ONE, Span(5, 9), GapState.LOST)


def test_with_two_boxes_that_name_the_station_both_must_have_none_of_it(asked: Asked) -> None:
    asked.asking.heard("box-2", ["cell-01", "cell-02"])
    asked.patience.see(ONE, [Span(5, 9)])
    assert asked.after(PATIENCE_S) == [("cell-01", 5, 9, ("box-1", "box-2"))]
    assert asked.answer("box-2", 5, 9, found=0) is None
    assert asked.answer("box-1", 5, 9, found=2) == Outcome(ONE, Span(5, 9), GapState.ASKED)


def test_a_box_that_is_gone_and_still_named_neither_slows_the_other_nor_lets_anything_count_as_lost(asked: Asked) -> None:
    asked.asking.heard("box-0", ["cell-01"])
    asked.patience.see(ONE, [Span(5, 9)])
    assert asked.after(PATIENCE_S) == [("cell-01", 5, 9, ("box-0", "box-1"))]
    asked.answer("box-1", 5, 9, found=0)
    asked.clock.now += ANSWER_S
    assert [outcome.state for outcome in asked.asking.late()] == [GapState.OPEN]
    asked.patience.see(ONE, [Span(5, 9), Span(1_000, 1_001)])
    asked.clock.now += FIRST_PAUSE_S + 1
    (first,) = asked.after(0)
    asked.answer("box-1", first[1], first[2], found=0)
    asked.clock.now += ANSWER_S
    asked.asking.late()
    assert asked.after(FIRST_PAUSE_S) == [("cell-01", 5, 9, ("box-1",))]
    outcome = asked.answer("box-1", 5, 9, found=0)
    assert outcome is not None
    assert (outcome.state, outcome.sentence) == (GapState.OPEN, "box-0 may have them and did not answer before")


def test_a_refusal_means_a_pause_that_grows(asked: Asked) -> None:
    asked.patience.see(ONE, [Span(5, 9), Span(1_000, 1_009)])
    asked.after(PATIENCE_S)
    outcome = asked.answer("box-1", 5, 9, refused="too many requests: ask again in a minute")
    assert outcome == Outcome(ONE, Span(5, 9), GapState.OPEN, "box box-1: too many requests: ask again in a minute")
    assert asked.after(FIRST_PAUSE_S - 1) == []
    assert len(asked.after(1)) == 1
    asked.answer("box-1", 5, 9, refused="too many requests")
    assert asked.after(2 * FIRST_PAUSE_S - 1) == []
    assert len(asked.after(1)) == 1


def test_a_box_that_is_silent_is_asked_again_later_and_at_once_when_it_is_back(asked: Asked) -> None:
    asked.patience.see(ONE, [Span(5, 9)])
    asked.after(PATIENCE_S)
    assert asked.asking.late() == []
    asked.clock.now += ANSWER_S
    (outcome,) = asked.asking.late()
    assert (outcome.state, outcome.sentence) == (GapState.OPEN, "no answer of box-1 within 15 s")
    assert asked.after(PATIENCE_S - 1) == []
    asked.asking.heard("box-1", ["cell-01"])
    assert asked.after(1) == [("cell-01", 5, 9, ("box-1",))]


def test_the_answer_to_somebody_else_means_nothing(asked: Asked) -> None:
    asked.patience.see(ONE, [Span(5, 9)])
    asked.after(PATIENCE_S)
    assert asked.answer("box-1", 5, 8, found=0) is None
    assert asked.answer("box-7", 5, 9, found=0) is None
    assert asked.answer("box-1", 5, 9, found=5) is not None


def test_stations_of_two_boxes_are_asked_for_at_once(asked: Asked) -> None:
    asked.asking.heard("box-2", ["cell-02"])
    asked.patience.see(ONE, [Span(5, 9)])
    asked.patience.see(TWO, [Span(1, 2)])
    assert asked.after(PATIENCE_S) == [("cell-01", 5, 9, ("box-1",)), ("cell-02", 1, 2, ("box-2",))]


def test_nobody_is_asked_for_a_station_that_no_box_names(asked: Asked) -> None:
    asked.patience.see(TWO, [Span(1, 2)])
    assert asked.after(10 * PATIENCE_S) == []


def test_after_an_outage_patience_begins_anew(asked: Asked) -> None:
    asked.patience.see(ONE, [Span(5, 9)])
    asked.clock.now += PATIENCE_S
    asked.patience.restart()
    assert asked.after(PATIENCE_S - 1) == []
    assert len(asked.after(1)) == 1
