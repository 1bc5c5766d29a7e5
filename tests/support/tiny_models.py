"""Checkpoints of the real transformers classes, small and random: what is exported from them must do what transformers does."""

from __future__ import annotations

from typing import Literal

import torch
from tokenizers import Tokenizer
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    BlipTextConfig,
    BlipVisionConfig,
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPVisionConfig,
)

from export.eye.tokenizer import DECODE_ID, END_ID, PAD_ID, START_ID, make_tokenizer

SIZE = 32
CONTEXT_TOKENS = 16
LAYERS, HEADS, HEAD_DIM = 3, 4, 12
"""Of BLIP's decoder."""

SPREAD = 6.0
"""Random weights are made this much larger than fresh ones: fresh ones say nearly the same of everything."""


def tokenizer() -> Tokenizer:
    return make_tokenizer([" ".join(f"word{index}" for index in range(40))])


def clip(*, size: int = SIZE, vocabulary: int | None = None) -> CLIPModel:
    torch.manual_seed(0)
    towers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "projection_dim": 24}
    vision = CLIPVisionConfig(**towers, image_size=size, patch_size=16)
    text = CLIPTextConfig(
        **towers,
        vocab_size=vocabulary or tokenizer().get_vocab_size(),
        max_position_embeddings=CONTEXT_TOKENS,
        pad_token_id=PAD_ID,
        bos_token_id=START_ID,
        eos_token_id=END_ID,
    )
    return spread(CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=24)))


def blip(*, size: int = SIZE, vocabulary: int | None = None) -> BlipForConditionalGeneration:
    torch.manual_seed(0)
    vision = BlipVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=size, patch_size=16
    )
    text = BlipTextConfig(
        vocab_size=vocabulary or tokenizer().get_vocab_size(),
        hidden_size=HEADS * HEAD_DIM,
        encoder_hidden_size=32,
        intermediate_size=96,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        max_position_embeddings=40,
        bos_token_id=DECODE_ID,
        eos_token_id=END_ID,
        sep_token_id=END_ID,
        pad_token_id=PAD_ID,
    )
    return spread(BlipForConditionalGeneration(BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict())))


def tower_that_sees(kind: Literal["clip", "blip"]) -> CLIPModel | BlipForConditionalGeneration:
    """A model whose vision tower tells pictures apart: a fresh BLIP has weights of 1e-10 there."""
    model = clip() if kind == "clip" else blip()
    with torch.no_grad():
        for weight in model.vision_model.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.1)
    return model


def spread(model: torch.nn.Module) -> torch.nn.Module:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and "vision" not in name:
                parameter.mul_(SPREAD)
            elif parameter.ndim == 1 and "bias" in name:
                parameter.normal_(0, 0.1)
    return model.eval()
