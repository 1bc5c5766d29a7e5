"""Judges: words to a probability for each label."""

from __future__ import annotations

from edge.judges.open import open_calibration, open_judge, open_language_model, open_plain_judge, template_of

__all__ = ["open_calibration", "open_judge", "open_language_model", "open_plain_judge", "template_of"]
