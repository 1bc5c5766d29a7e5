"""Teach the words: which of a closed vocabulary are true of a picture, by a sigmoid loss on cosines (SigLIP, Zhai et al. 2023).

Only the projection and the text tower learn here, on pooled features that were computed once. A word is true, false or doubtful (-1) by
what was painted. The words of evidence are a thermometer of the tails' logit of "defective": each is true beyond its own level, so which of
them a description holds says how sure the eye is.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPConfig, CLIPTextConfig, CLIPTextModelWithProjection

from export.eye.tokenizer import END_ID, PAD_ID, START_ID
from export.eye.tower import Projection
from export.progress import Report

CONTEXT_TOKENS = 16
DIM = 160
SOFTNESS = 0.25
"""In logits: around its level a word of evidence is true to a degree."""


@dataclass(frozen=True, slots=True)
class WordsRecipe:
    """Steps, batch size and peak learning rate; steps of the text tower."""

    steps: int = 3_000
    batch: int = 256
    tower_steps: int = 400
    learning_rate: float = 2e-3
    noise: float = 1.0
    """Deviation of the noise on the standardised features, the exact ones aside: without it the words know the good pictures by heart."""


@dataclass(frozen=True, slots=True, eq=False)
class WordTargets:
    """What the words learn from N pictures.

    `truths` int8 (N, W), 1, 0 or -1; `logits` float64 (N,) of "defective". The words in the columns `evidence` are true above their level,
    float64 (E,), where `rises`, bool (E,), and below it elsewhere.
    """

    truths: NDArray[np.int8]
    logits: NDArray[np.float64]
    evidence: Sequence[int]
    levels: NDArray[np.float64]
    rises: NDArray[np.bool_]

    def degrees(self) -> NDArray[np.float32]:
        """Truths as degrees 0..1, -1 for doubtful, float32 (N, W), with the thermometer filled in."""
        degrees = self.truths.astype(np.float32)
        beyond = (self.logits[:, None] - self.levels[None]) * np.where(self.rises, 1, -1)
        degrees[:, list(self.evidence)] = 1 / (1 + np.exp(-beyond / SOFTNESS))
        return degrees


class WordTower(nn.Module):
    """CLIP's text tower."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.config = clip_config(vocabulary, image_size=224)
        self.text = CLIPTextModelWithProjection(CLIPTextConfig(**self.config.text_config.to_dict()))

    def get_text_features(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Embeddings of phrases, not of unit length, float32 (B, D); named as in `CLIPModel`, whose exporter calls it."""
        return self.text(input_ids=input_ids, attention_mask=attention_mask).text_embeds


def clip_config(vocabulary: int, *, image_size: int) -> CLIPConfig:
    """The sizes of the text tower (2 layers of 128); of the image tower only the side of its pictures counts."""
    text = CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=128, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=CONTEXT_TOKENS, hidden_act="gelu", projection_dim=DIM,
        pad_token_id=PAD_ID, bos_token_id=START_ID, eos_token_id=END_ID,
    )  # fmt: skip
    return CLIPConfig(text_config=text.to_dict(), vision_config={"image_size": image_size}, projection_dim=DIM)


def tokenize(tokenizer: Tokenizer, phrases: Sequence[str], length: int) -> tuple[Tensor, Tensor]:
    """Encode phrases to `input_ids` and `attention_mask`, both int64 (len(phrases), length).

    Raises:
        ValueError: a phrase has more than `length` tokens.
    """
    rows = [tokenizer.encode(phrase).ids for phrase in phrases]
    too_long = [phrase for phrase, row in zip(phrases, rows, strict=True) if len(row) > length]
    if too_long:
        msg = f"the phrase {too_long[0]!r} has more than {length} tokens: shorten it"
        raise ValueError(msg)
    ids = torch.tensor([row + [PAD_ID] * (length - len(row)) for row in rows])
    return ids, (ids != PAD_ID).long()


def train_words(
    features: NDArray[np.float32],
    targets: WordTargets,
    phrases: Sequence[str],
    tokenizer: Tokenizer,
    *,
    exact: Sequence[int],
    recipe: WordsRecipe,
    seed: int,
    report: Report,
) -> tuple[Projection, WordTower]:
    """Train on pooled features, float32 (N, P), and the targets of `phrases` (W).

    The columns `exact` of the features carry the thermometer: noise would blur its steps.

    The words first learn as free vectors; then the text tower learns to give these vectors. Running it in every step would take most of
    the time and change nothing.
    """
    torch.manual_seed(seed)
    projection, meanings = _learned(features, targets, exact, recipe, np.random.default_rng(seed), report)
    return projection, _tower_of(meanings, phrases, tokenizer, recipe, report)


class _Meanings(nn.Module):
    """A free vector for each word, and scale and bias of the cosines."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(words, DIM))
        self.scale = nn.Parameter(torch.tensor(2.3))
        self.bias = nn.Parameter(torch.tensor(-3.0))


def _learned(
    features: NDArray[np.float32],
    targets: WordTargets,
    exact: Sequence[int],
    recipe: WordsRecipe,
    rng: np.random.Generator,
    report: Report,
) -> tuple[Projection, _Meanings]:
    degrees = torch.from_numpy(targets.degrees())
    projection, meanings = Projection(features.shape[1], DIM), _Meanings(degrees.shape[1])
    projection.mean.copy_(torch.from_numpy(features.mean(0)))
    projection.deviation.copy_(torch.from_numpy(features.std(0) + 1e-3))
    noise = recipe.noise * projection.deviation
    noise[list(exact)] = 0
    both = nn.ModuleList([projection, meanings])
    optimiser = torch.optim.AdamW(both.parameters(), lr=recipe.learning_rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, total_steps=recipe.steps, pct_start=0.1)
    average, mean = copy.deepcopy(both), 1.0
    for step in range(1, recipe.steps + 1):
        rows = rng.integers(len(features), size=min(recipe.batch, len(features)))
        seen = torch.from_numpy(features[rows])
        seen = seen + noise * torch.randn_like(seen)
        loss = words_loss(projection(seen), meanings, degrees[rows])
        mean = 0.98 * mean + 0.02 * loss.item()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            for kept, value in zip(average.parameters(), both.parameters(), strict=True):
                kept.lerp_(value, 1 - min(0.995, step / (step + 20)))
        if step % 500 == 0 or step == recipe.steps:
            report(f"{step}/{recipe.steps} loss {mean:.4f}")
    return average[0].eval(), average[1].eval()


def words_loss(image: Tensor, meanings: _Meanings, degrees: Tensor) -> Tensor:
    """Mean sigmoid loss of the words that are not doubtful; `image` (B, D) of unit length, `degrees` (B, W)."""
    logits = meanings.scale.exp() * image @ functional.normalize(meanings.vectors, dim=-1).T + meanings.bias
    known = (degrees >= 0).float()
    by_word = functional.binary_cross_entropy_with_logits(logits, degrees.clamp(min=0), reduction="none") * known
    return by_word.sum() / known.sum().clamp(min=1) * 4


def _tower_of(meanings: _Meanings, phrases: Sequence[str], tokenizer: Tokenizer, recipe: WordsRecipe, report: Report) -> WordTower:
    """Train the text tower to give the vector of each phrase."""
    tower, tokens = WordTower(tokenizer.get_vocab_size()), tokenize(tokenizer, phrases, CONTEXT_TOKENS)
    wanted = functional.normalize(meanings.vectors.detach(), dim=-1)
    optimiser = torch.optim.AdamW(tower.parameters(), lr=1e-3, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-3, total_steps=recipe.tower_steps, pct_start=0.1)
    cosines = torch.zeros(len(phrases))
    for _ in range(recipe.tower_steps):
        cosines = (functional.normalize(tower.get_text_features(*tokens), dim=-1) * wanted).sum(-1)
        optimiser.zero_grad()
        (1 - cosines).mean().backward()
        optimiser.step()
        schedule.step()
    report(f"text tower: cosine with the words {cosines.min().item():.4f} or more")
    return tower.eval()
