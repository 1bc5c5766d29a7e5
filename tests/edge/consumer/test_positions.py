from __future__ import annotations

from datetime import datetime, timezone

from edge.consumer.positions import Draft, Positions, Stream
from edge.consumer.spans import Span

AT = datetime(2026, 5, 4, 8, tzinfo=timezone.utc)
FIRST, SECOND = Stream("cell-01", "e1"), Stream("cell-01", "e2")


def after(*received: tuple[Stream, int], announced: tuple[tuple[Stream, int], ...] = (), from_start: bool = False) -> Positions:
    """One draft for each that has been received, after what was announced."""
    positions = Positions(from_start=from_start)
    for stream, seq in announced:
        draft = Draft(positions)
        draft.announce(stream, seq, AT)
        positions.take(draft)
    for stream, seq in received:
        draft = Draft(positions)
        draft.receive(stream, seq, AT)
        positions.take(draft)
    return positions


def missing(positions: Positions, stream: Stream = FIRST) -> list[Span]:
    position = positions.get(stream)
    assert position is not None
    return position.missing()


def test_at_first_contact_nothing_before_is_missing() -> None:
    assert missing(after((FIRST, 40), (FIRST, 43))) == [Span(41, 42)]


def test_from_the_start_all_before_is_missing() -> None:
    assert missing(after((FIRST, 40), from_start=True)) == [Span(1, 39)]


def test_what_comes_from_before_the_first_contact_is_taken_and_makes_no_gap() -> None:
    positions = after((FIRST, 40), (FIRST, 30))
    assert missing(positions) == []
    assert Draft(positions).has(FIRST, 30)


def test_a_later_epoch_begins_at_one() -> None:
    positions = after((FIRST, 40), (SECOND, 3), (FIRST, 42))
    assert missing(positions, SECOND) == [Span(1, 2)]
    assert missing(positions, FIRST) == [Span(41, 41)]


def test_a_later_epoch_within_the_same_transaction_begins_at_one() -> None:
    positions = Positions()
    draft = Draft(positions)
    draft.receive(FIRST, 40, AT)
    draft.receive(SECOND, 2, AT)
    positions.take(draft)
    assert missing(positions, SECOND) == [Span(1, 1)]


def test_each_station_has_a_first_contact_of_its_own() -> None:
    other = Stream("cell-02", "e1")
    assert missing(after((FIRST, 40), (other, 7)), other) == []


def test_the_state_of_a_box_shows_what_is_missing_at_the_end() -> None:
    positions = after((FIRST, 40))
    draft = Draft(positions)
    draft.announce(FIRST, 44, AT)
    draft.announce(FIRST, 43, AT)
    positions.take(draft)
    assert missing(positions) == [Span(41, 44)]


def test_a_state_as_first_contact_says_from_where_on_nothing_may_be_missing() -> None:
    assert missing(after((FIRST, 43), announced=((FIRST, 40),))) == [Span(41, 42)]
    assert missing(after(announced=((FIRST, 40),))) == []
    assert missing(after(announced=((FIRST, 40),), from_start=True)) == [Span(1, 40)]


def test_a_draft_changes_nothing_before_it_is_taken() -> None:
    positions = after((FIRST, 1))
    draft = Draft(positions)
    draft.receive(FIRST, 2, AT)
    assert draft.has(FIRST, 2)
    assert not Draft(positions).has(FIRST, 2)
