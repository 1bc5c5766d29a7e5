"""Describers: pictures to words. Which one is the bundle's matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.bundle.open import Bundle
    from edge.describers.clip_blip import ClipBlipDescriber
    from firmware_config.board import Board
    from firmware_config.station import Describe


def open_describer(bundle: Bundle, *, settings: Describe, board: Board) -> ClipBlipDescriber:
    """Open the describer that the bundle holds.

    Raises:
        BundleError: a graph cannot be loaded on this board.
    """
    from edge.describers.clip_blip import ClipBlipDescriber

    return ClipBlipDescriber(bundle, settings=settings, board=board)
