"""Describers: a picture to words. Which one is used is the bundle's choice."""

from __future__ import annotations

from edge.describers.open import open_describer

__all__ = ["open_describer"]
