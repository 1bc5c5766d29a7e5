"""Tags and attributes from CLIP, captions from BLIP if the bundle has one."""

from __future__ import annotations

from edge.bundle.open import Bundle
from edge.describers.blip import BlipCaptioner
from edge.describers.clip import ClipTagger
from edge.describers.clip_and_captioner import ClipAndCaptioner
from firmware_config.board import Board
from firmware_config.describers import ClipBlip


def open_clip_blip(bundle: Bundle, section: ClipBlip, *, board: Board) -> ClipAndCaptioner:
    """Load both models.

    Raises:
        BundleError: a graph cannot be loaded on this board, or files of the bundle do not fit together.
    """
    captioner = None if section.blip is None else BlipCaptioner(bundle, section.blip, board=board)
    return ClipAndCaptioner(ClipTagger(bundle, section.clip, board=board), captioner)
