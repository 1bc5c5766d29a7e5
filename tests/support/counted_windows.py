"""Windows of counted words, made without a camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from edge.drift.windows import Window
from edge.drift.words import Word
from edge.records import Inspection, Tag
from tests.support.inspections import FULL

BEGIN = datetime(2026, 11, 2, 6, tzinfo=timezone.utc)
SHIFT = timedelta(hours=8)


def window(number: int, said: Mapping[str, int], *, parts: int = 400, basis: str = "models") -> Window:
    """The window of this number, one shift after the other, from a Monday at 06:00 on."""
    start = BEGIN + number * SHIFT
    return Window(start, start + SHIFT, basis, parts, {Word("tag", text): count for text, count in said.items()})


def inspected(shift: int, number: int, *, uneven: int) -> Inspection:
    """The part of this number in a shift; the first `uneven` of each shift carry the word."""
    assert FULL.description is not None
    tags = (Tag("uneven light", 0.3),) if number < uneven else (Tag("busbar", 0.3),)
    description = replace(FULL.description, words=replace(FULL.description.words, tags=tags))
    at = BEGIN + shift * SHIFT + timedelta(minutes=number)
    return replace(FULL, station="cell-01", captured_at=at, description=description)
