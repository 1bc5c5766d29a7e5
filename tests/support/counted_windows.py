"""Windows of counted words, made without a camera."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from edge.drift.windows import Window
from edge.drift.words import Word

BEGIN = datetime(2026, 11, 2, 6, tzinfo=timezone.utc)
SHIFT = timedelta(hours=8)


def window(number: int, said: Mapping[str, int], *, parts: int = 400, basis: str = "models") -> Window:
    """The window of this number, one shift after the other, from a Monday at 06:00 on."""
    start = BEGIN + number * SHIFT
    return Window(start, start + SHIFT, basis, parts, {Word("tag", text): count for text, count in said.items()})
