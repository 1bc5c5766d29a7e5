"""What is missing, as it is written down: a gap begins when it is worth asking for, and ends filled or lost for good."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from edge.consumer.positions import Stream
from edge.consumer.spans import Span, Spans, without


class GapState(str, Enum):
    """open: nobody could be asked yet, or a box refused. asked: a box was asked. filled: all arrived. lost: no box has them any more."""

    OPEN = "open"
    ASKED = "asked"
    FILLED = "filled"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Gap:
    """A span of one stream that was missing. `asks` counts how often it was asked for."""

    stream: Stream
    span: Span
    state: GapState
    found_at: datetime
    asked_at: datetime | None = None
    asks: int = 0
    closed_at: datetime | None = None


def record(gaps: Iterable[Gap], due: Iterable[Span], *, stream: Stream, at: datetime) -> list[Gap]:
    """The gaps of a stream with `due` among them, open, as far as they are not there yet."""
    kept = list(gaps)
    there = sorted(gap.span for gap in kept if gap.state is not GapState.FILLED)
    return [*kept, *(Gap(stream, span, GapState.OPEN, at) for span in without(due, there))]


def fill(gaps: Iterable[Gap], missing: Iterable[Span], *, at: datetime) -> list[Gap]:
    """The gaps of a stream, now that only `missing` has not arrived: what arrived of a gap is filled, and the rest of it stays.

    A verdict that was lost and arrives after all fills its gap, too.
    """
    kept, gone = list[Gap](), Spans(missing)
    for gap in gaps:
        arrived = [] if gap.state is GapState.FILLED else gone.holes(gap.span)
        if arrived:
            kept += [replace(gap, span=part) for part in Spans(arrived).holes(gap.span)]
            kept += [replace(gap, span=part, state=GapState.FILLED, closed_at=at) for part in arrived]
        else:
            kept.append(gap)
    return _joined(kept)


def asked(gaps: Iterable[Gap], span: Span, *, at: datetime) -> list[Gap]:
    """The gaps of a stream, what is within `span` asked for once more."""
    return _changed(gaps, span, lambda gap: replace(gap, state=GapState.ASKED, asked_at=at, asks=gap.asks + 1))


def refused(gaps: Iterable[Gap], span: Span) -> list[Gap]:
    """The gaps of a stream, what is within `span` open again."""
    return _changed(gaps, span, lambda gap: replace(gap, state=GapState.OPEN))


def lost(gaps: Iterable[Gap], span: Span, *, at: datetime) -> list[Gap]:
    """The gaps of a stream, what is within `span` lost for good."""
    return _changed(gaps, span, lambda gap: replace(gap, state=GapState.LOST, closed_at=at))


def _changed(gaps: Iterable[Gap], span: Span, change: Callable[[Gap], Gap]) -> list[Gap]:
    """The gaps that wait are changed within a span; one of which only a part is within is cut."""
    kept = list[Gap]()
    for gap in gaps:
        part = gap.span.overlap(span) if gap.state in {GapState.OPEN, GapState.ASKED} else None
        if part is None:
            kept.append(gap)
        else:
            kept += [replace(gap, span=rest) for rest in without([gap.span], [part])]
            kept.append(change(replace(gap, span=part)))
    return sorted(kept, key=lambda each: each.span)


def _joined(gaps: list[Gap]) -> list[Gap]:
    """Neighbours that were filled become one: a replay arrives one by one."""
    kept = list[Gap]()
    for gap in sorted(gaps, key=lambda each: each.span):
        before = kept[-1] if kept else None
        if (
            before is not None
            and gap.state is before.state is GapState.FILLED
            and before.span.last + 1 == gap.span.first
            and before.found_at == gap.found_at
        ):
            kept[-1] = replace(gap, span=Span(before.span.first, gap.span.last))
        else:
            kept.append(gap)
    return kept
