"""Judges: words to a probability for each label of a station; inspection, review, studies and export open them here."""

from __future__ import annotations

from edge.judges.open import open_language_model, open_needed_model, open_station_judge

__all__ = ["open_language_model", "open_needed_model", "open_station_judge"]
