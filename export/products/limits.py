"""From which strength and size on the words that every product has are true. Between the two limits they are doubtful."""

from __future__ import annotations

STRENGTH = (0.18, 0.35)
"""A defect is faint up to the first, clear from the second on."""
STRONG = (0.45, 0.6)
"""Captions call a defect strong from the second on."""
SMALL = (0.15, 0.25)
"""A defect is small up to the first; shares of the picture's longer side."""
LARGE = (0.35, 0.5)
"""A defect is large from the second on; shares of the picture's longer side."""
ACROSS = (0.6, 0.75)
"""Captions say that a defect goes across the part from the second on; shares of the picture's longer side."""
ASIDE = (0.06, 0.12)
"""Captions name a side from the second distance beyond the middle line on; shares of the picture's side."""
