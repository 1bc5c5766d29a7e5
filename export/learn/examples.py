"""What a judge learns from and is measured on: descriptions with the labels that are right for them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.records import Description, Tag


@dataclass(frozen=True, slots=True)
class Example:
    """A description and the labels that are right for it."""

    description: Description
    allowed: tuple[str, ...]
    source: str


def read_examples(path: Path) -> tuple[Example, ...]:
    """Read the lines that `export.starter.describe` wrote."""
    examples = []
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        words = record["description"]
        tags, attributes = (tuple(Tag(word, 0.0) for word in words[name]) for name in ("tags", "attributes"))
        description = Description(tags, attributes, tuple(words["captions"]))
        examples.append(Example(description, tuple(record["allowed"]), record["source"]))
    return tuple(examples)


def varied(examples: Iterable[Example], *, left_out: float, seed: int) -> tuple[Example, ...]:
    """The same examples with tags and attributes in random order and each word and caption left out with probability `left_out`.

    A judge that is tuned on them learns what a word says by itself, not what its place in the list or its neighbours say: those change
    with the material.
    """
    rng = np.random.default_rng(seed)

    def some(tags: tuple[Tag, ...]) -> tuple[Tag, ...]:
        return tuple(tags[i] for i in rng.permutation(len(tags)) if rng.random() >= left_out)

    def vary(words: Description) -> Description:
        captions = tuple(caption for caption in words.captions if rng.random() >= left_out)
        return replace(words, tags=some(words.tags), attributes=some(words.attributes), captions=captions)

    return tuple(replace(example, description=vary(example.description)) for example in examples)
