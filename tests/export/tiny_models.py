"""Checkpoints of the real transformers classes, small and random: what is exported from them must do what transformers does."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer
from transformers import BlipConfig, BlipForConditionalGeneration, BlipTextConfig, BlipVisionConfig, CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig

from export.starter.tokenizer import DECODE_ID, END_ID, PAD_ID, START_ID, make_tokenizer

SIZE, PATCH = 32, 16
CONTEXT_TOKENS = 12
SPREAD = 6.0
"""Random weights are made this much larger than fresh ones: fresh ones say nearly the same of everything."""


def tokenizer() -> Tokenizer:
    return make_tokenizer([" ".join(f"word{index}" for index in range(40))])


def clip(seed: int = 0) -> CLIPModel:
    torch.manual_seed(seed)
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=SIZE, patch_size=PATCH, projection_dim=24
    )
    text = CLIPTextConfig(
        vocab_size=tokenizer().get_vocab_size(),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=CONTEXT_TOKENS,
        projection_dim=24,
        pad_token_id=PAD_ID,
        bos_token_id=START_ID,
        eos_token_id=END_ID,
    )
    return _spread(CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=24)).eval())


def blip(seed: int = 0) -> BlipForConditionalGeneration:
    torch.manual_seed(seed)
    vision = BlipVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=SIZE, patch_size=PATCH
    )
    text = BlipTextConfig(
        vocab_size=tokenizer().get_vocab_size(),
        hidden_size=48,
        encoder_hidden_size=32,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=40,
        bos_token_id=DECODE_ID,
        eos_token_id=END_ID,
        sep_token_id=END_ID,
        pad_token_id=PAD_ID,
    )
    return _spread(BlipForConditionalGeneration(BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict())).eval())


def _spread(model: torch.nn.Module) -> torch.nn.Module:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and "vision" not in name:
                parameter.mul_(SPREAD)
            elif parameter.ndim == 1 and "bias" in name:
                parameter.normal_(0, 0.1)
    return model
