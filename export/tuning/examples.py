"""What a judge learns from and is measured on: descriptions with the labels that are right for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.records import Tag, Words
from export.errors import ExportError
from firmware_config.labels import Label


@dataclass(frozen=True, slots=True)
class Example:
    """The words of a picture and the labels that are right for them."""

    words: Words
    allowed: tuple[str, ...]
    source: str


class ExamplesError(ExportError):
    """A file of examples that cannot be read or does not fit the station; says why in one sentence."""


def read_examples(path: Path, labels: Sequence[Label]) -> tuple[Example, ...]:
    """Read the lines that `export.starter.describe` wrote; `labels` are the station's.

    Raises:
        ExamplesError: the file cannot be read or is empty, a line is no example, or none of its labels is the station's.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        msg = f"examples {path} cannot be read ({err}): make them with `python -m export.starter.train`"
        raise ExamplesError(msg) from err
    known, examples = {label.name for label in labels}, []
    for number, line in enumerate(lines, 1):
        try:
            example = _example(json.loads(line))
        except (ValueError, KeyError, TypeError) as err:
            msg = f"line {number} of {path} is no example ({err!r}): each needs `source`, `description` and `allowed`"
            raise ExamplesError(msg) from err
        if not known & set(example.allowed):
            given, wanted = ", ".join(example.allowed) or "nothing", ", ".join(sorted(known))
            msg = f"line {number} of {path} allows {given}: use labels of the station, {wanted}"
            raise ExamplesError(msg)
        examples.append(example)
    if not examples:
        msg = f"examples {path} are none: make them with `python -m export.starter.train`"
        raise ExamplesError(msg)
    return tuple(examples)


def _example(record: dict[str, Any]) -> Example:
    words = record["description"]
    tags, attributes = (tuple(Tag(word, 0.0) for word in words[name]) for name in ("tags", "attributes"))
    return Example(Words(tags, attributes, tuple(words["captions"])), tuple(record["allowed"]), record["source"])


def varied(examples: Iterable[Example], *, left_out: float, seed: int) -> tuple[Example, ...]:
    """The same examples, tags and attributes in random order, each of them and each caption left out with probability `left_out` (0..1).

    A judge that is tuned on them learns what a word says by itself, not what its place in the list or its neighbours say: those change
    with the material.
    """
    rng = np.random.default_rng(seed)

    def some(tags: tuple[Tag, ...]) -> tuple[Tag, ...]:
        return tuple(tags[i] for i in rng.permutation(len(tags)) if rng.random() >= left_out)

    def vary(words: Words) -> Words:
        captions = tuple(caption for caption in words.captions if rng.random() >= left_out)
        return replace(words, tags=some(words.tags), attributes=some(words.attributes), captions=captions)

    return tuple(replace(example, words=vary(example.words)) for example in examples)
