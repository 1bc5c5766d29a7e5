"""The evaluation guideline: its arithmetic and its two pages; only the command of this room comes in."""
