"""Teach the captions: BLIP's text decoder learns to say what was painted, from the maps of the tails."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional
from transformers import BlipConfig, BlipForConditionalGeneration, BlipTextConfig

from export.eye.optimise import Optimiser
from export.eye.tail import Taught
from export.eye.tokenizer import DECODE_ID, END_ID, PAD_ID
from export.eye.tower import CaptionStates, CaptionTower
from export.eye.trunk import map_side
from export.progress import Report

CAPTION_TOKENS = 30
DIM, LAYERS, HEADS = 160, 3, 5


@dataclass(frozen=True, slots=True)
class CaptionsRecipe:
    """Steps, batch size and peak learning rate."""

    steps: int = 700
    batch: int = 32
    learning_rate: float = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the tails see of N pictures: pooled features float32 (N, P) and the maps for captions, float16 (N, C, h, w)."""

    pooled: NDArray[np.float32]
    maps: NDArray[np.float16]


def blip_config(vocabulary: int, *, image_size: int) -> BlipConfig:
    """The text decoder has 3 layers of 160; of the vision tower only its picture's side and its number of states count."""
    text = BlipTextConfig(
        vocab_size=vocabulary, hidden_size=DIM, encoder_hidden_size=DIM, intermediate_size=4 * DIM, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, max_position_embeddings=CAPTION_TOKENS + 4, hidden_act="gelu",
        bos_token_id=DECODE_ID, eos_token_id=END_ID, sep_token_id=END_ID, pad_token_id=PAD_ID,
        attention_probs_dropout_prob=0.0, hidden_dropout_prob=0.0,
    )  # fmt: skip
    vision = {"hidden_size": DIM, "num_hidden_layers": 1, "num_attention_heads": HEADS, "intermediate_size": DIM}
    vision |= {"image_size": image_size, "states": map_side(image_size) ** 2 + 1}
    return BlipConfig(text_config=text.to_dict(), vision_config=vision)


def train_captions(
    front: nn.Module,
    tails: Sequence[Taught],
    seen: Seen,
    captions: Sequence[str],
    tokenizer: Tokenizer,
    *,
    image_size: int,
    recipe: CaptionsRecipe,
    seed: int,
    report: Report,
) -> BlipForConditionalGeneration:
    """Train on what the tails see of N pictures, and a caption of each; returns BLIP with the eye as its vision tower."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    blip = BlipForConditionalGeneration(blip_config(tokenizer.get_vocab_size(), image_size=image_size))
    kinds = tails[0].patch.out_channels - 1
    side = map_side(image_size)
    states = CaptionStates(len(tails), kinds, DIM, side=side)
    states.mean.copy_(torch.from_numpy(seen.pooled.mean(0)))
    states.deviation.copy_(torch.from_numpy(seen.pooled.std(0) + 1e-3))
    optimiser = Optimiser([states, blip.text_decoder], learning_rate=recipe.learning_rate, steps=recipe.steps)
    started, mean = time.monotonic(), 5.0
    states.train()
    blip.text_decoder.train()
    for step in range(1, recipe.steps + 1):
        rows = np.sort(rng.integers(len(captions), size=recipe.batch))
        ids, mask = _tokens(tokenizer, [captions[row] for row in rows])
        shown = states(torch.from_numpy(seen.maps[rows]).float(), torch.from_numpy(seen.pooled[rows]))
        logits = blip.text_decoder(input_ids=ids, attention_mask=mask, encoder_hidden_states=shown, return_dict=True).logits
        target = torch.where(mask > 0, ids, -100)
        loss = functional.cross_entropy(logits[:, :-1].flatten(0, 1), target[:, 1:].flatten(), ignore_index=-100)
        optimiser.step(loss)
        mean = 0.98 * mean + 0.02 * loss.item()
        if step % 100 == 0 or step == recipe.steps:
            report(f"{step}/{recipe.steps} {time.monotonic() - started:.0f}s loss {mean:.3f}")
    optimiser.swap_average()
    blip.vision_model = CaptionTower(front, tails, states.eval())
    return blip.eval()


def _tokens(tokenizer: Tokenizer, captions: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    rows = [[DECODE_ID, *tokenizer.encode(text, add_special_tokens=False).ids[: CAPTION_TOKENS - 2], END_ID] for text in captions]
    length = max(map(len, rows))
    ids = torch.tensor([row + [PAD_ID] * (length - len(row)) for row in rows])
    return ids, (ids != PAD_ID).long()
