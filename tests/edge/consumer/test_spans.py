from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge.consumer.spans import Span, Spans, without

NUMBERS = st.integers(1, 60)


@given(st.lists(NUMBERS))
def test_it_holds_what_was_added_in_as_few_spans_as_can_be(numbers: list[int]) -> None:
    spans, seen = Spans(), set[int]()
    for number in numbers:
        assert spans.add(number) == (number not in seen)
        seen.add(number)
    assert [number for span in spans for number in range(span.first, span.last + 1)] == sorted(seen)
    assert all(after.first - before.last > 1 for before, after in pairwise(spans))
    assert len(spans) == len(seen)
    assert spans.highest == max(seen, default=0)
    assert all((number in spans) == (number in seen) for number in range(62))


@given(st.sets(NUMBERS), NUMBERS, NUMBERS)
def test_the_holes_are_what_is_not_there(numbers: set[int], one: int, other: int) -> None:
    spans, within = Spans(), Span(min(one, other), max(one, other))
    for number in numbers:
        spans.add(number)
    holes = spans.holes(within)
    assert [number for hole in holes for number in range(hole.first, hole.last + 1)] == [
        number for number in range(within.first, within.last + 1) if number not in numbers
    ]
    assert all(after.first - before.last > 1 for before, after in pairwise(holes))


def test_a_copy_is_its_own() -> None:
    spans = Spans([Span(1, 3)])
    copy = spans.copy()
    copy.add(4)
    assert list(spans) == [Span(1, 3)]
    assert list(copy) == [Span(1, 4)]


def test_parts_can_be_taken_out() -> None:
    assert without([Span(1, 10), Span(20, 30)], [Span(3, 4), Span(9, 22), Span(30, 40)]) == [Span(1, 2), Span(5, 8), Span(23, 29)]
