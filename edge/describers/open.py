"""Open the vision models of a bundle. The bundle's manifest chooses the describer by `describer.kind`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import assert_never

if TYPE_CHECKING:
    from edge.bundle.open import Bundle
    from edge.interfaces import VisionModels
    from firmware_config.board import Board


def open_vision_models(bundle: Bundle, *, board: Board) -> VisionModels:
    """Load the vision models that the bundle names, once for all stations.

    Raises:
        BundleError: a graph cannot be loaded on this board, or files of the bundle do not fit together.
    """
    section = bundle.manifest.describer
    match section.kind:
        case "clip_blip":
            from edge.describers.clip_blip import open_clip_blip

            return open_clip_blip(bundle, section, board=board)
        case "vision_encoder_decoder":
            from edge.describers.vision_encoder_decoder import open_vision_encoder_decoder

            return open_vision_encoder_decoder(bundle, section, board=board)
        case _:
            assert_never(section.kind)
