"""Descriptions of two labels that a tiny model can tell apart."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from edge.judges.label_judge import LabelJudge
from edge.judges.llama import LlamaModel
from edge.judges.prompt import Prompt
from edge.records import Tag, Words
from firmware_config.board import Board
from firmware_config.labels import Label
from tests.support.tiny_llama import TEMPLATE

LABELS = (Label(name="good", decision="ok"), Label(name="crack", decision="ng"), Label(name="stain", decision="ng"))
GOOD, BAD = ("clean", "even", "bright"), ("dark line", "split", "branch")


class Described(NamedTuple):
    """Words with what is right for them."""

    words: list[Words]
    right: list[str | tuple[str, ...]]


def described(count: int, *, first: int = 0) -> Described:
    """`count` good and as many defective descriptions; of every other defective one only this is known."""
    words: list[Words] = []
    right: list[str | tuple[str, ...]] = []
    for number in range(first, first + count):
        for side, allowed in ((GOOD, "good"), (BAD, "crack" if number % 2 else ("crack", "stain"))):
            tags = (side[number % 3], side[(number + 1) % 3], f"n{number % 4}")
            words.append(Words(tuple(Tag(tag, 0.0) for tag in tags), (), (f"a {side[number % 3]} part",)))
            right.append(allowed)
    return Described(words, right)


EXAMPLES, VALIDATION = described(8), described(4, first=20)


def ranked(gguf: Path, adapter: Path | None) -> np.ndarray:
    """What the box's own judge on llama.cpp says of the validation examples, float64 (N, K) in nats."""
    model = LlamaModel(gguf, board=Board(name="test", providers=("cpu",), threads=1), context_tokens=1024)
    judge = LabelJudge(model, labels=LABELS, prompt=Prompt.parse(TEMPLATE, LABELS), adapter=adapter, temperature=None)
    return np.array([judge.score(words).log_likelihoods for words in VALIDATION.words])


def loss_of(log_likelihoods: np.ndarray) -> float:
    """The loss over labels on the validation examples, of which every other one is good."""
    allowed = np.array([[label.name in one for label in LABELS] for one in VALIDATION.right])
    probabilities = np.exp(log_likelihoods - np.logaddexp.reduce(log_likelihoods, axis=1, keepdims=True))
    return float(-np.log((probabilities * allowed).sum(1)).mean())
