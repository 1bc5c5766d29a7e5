"""Examples for tuning and measuring a judge: the words of a picture and the labels that are right for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.records import Measured, Tag, Words
from export.errors import ExportError
from firmware_config.labels import Label

KINDS_OF_WORDS = ("tags", "attributes", "captions", "measured")
MEASURED = "measured"
"""As `edge.records.Words` names them; all but MEASURED are what the eye says."""

MAKE_THEM = "make them with `kotoba-export teach`, which keeps them in its cache as described-*/painted.jsonl"


@dataclass(frozen=True, slots=True)
class Example:
    """The words of a picture, the labels that are right for it, and where it came from."""

    words: Words
    allowed: tuple[str, ...]
    source: str


class ExamplesError(ExportError):
    """A file of examples cannot be read or does not fit the station; the message says why in one sentence."""


def read_examples(path: Path, labels: Sequence[Label]) -> tuple[Example, ...]:
    """Read JSON lines as `export.teach.describe` writes them; `labels` are those of the station.

    Raises:
        ExamplesError: the file cannot be read or is empty, a line is not an example, or it has no label of the station.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        msg = f"reading examples from {path} failed ({err}): {MAKE_THEM}"
        raise ExamplesError(msg) from err
    known, examples = {label.name for label in labels}, []
    for number, line in enumerate(lines, 1):
        try:
            example = _example(json.loads(line))
        except (ValueError, KeyError, TypeError) as err:
            msg = f"line {number} of {path} is not an example ({err!r}): it needs `source`, `description` and `allowed`"
            raise ExamplesError(msg) from err
        if not known & set(example.allowed):
            given, expected = ", ".join(example.allowed) or "no label", ", ".join(sorted(known))
            msg = f"line {number} of {path} allows {given}, which the station does not have: use its labels, {expected}"
            raise ExamplesError(msg)
        examples.append(example)
    if not examples:
        msg = f"{path} has no examples: {MAKE_THEM}"
        raise ExamplesError(msg)
    return tuple(examples)


def _example(record: dict[str, Any]) -> Example:
    words = record["description"]
    tags, attributes = (tuple(Tag(word, 0.0) for word in words[name]) for name in ("tags", "attributes"))
    measured = tuple(Measured(word, 0.0) for word in words.get("measured", ()))
    return Example(Words(tags, attributes, tuple(words["captions"]), measured), tuple(record["allowed"]), record["source"])


def augmented(examples: Iterable[Example], *, dropout: float, kinds: float, seed: int) -> tuple[Example, ...]:
    """Shuffle the tags and the attributes of each example, and drop words.

    Each tag, attribute and caption is dropped with probability `dropout`, and with probability `kinds` (both 0..1) all tags are, all
    attributes, all captions; what would say nothing then keeps them. So a judge learns what each word means by itself. The order of the
    words and which words come together change with the material, and the eye, which learned from the same painters, is surer of painted
    pictures than of real ones: a judge must not rely on either. Measured words stay: some defects are told by them alone.
    """
    rng = np.random.default_rng(seed)

    def shuffled(tags: tuple[Tag, ...]) -> tuple[Tag, ...]:
        return tuple(tags[i] for i in rng.permutation(len(tags)) if rng.random() >= dropout)

    def augment(words: Words) -> Words:
        captions = tuple(caption for caption in words.captions if rng.random() >= dropout)
        whole = replace(words, tags=shuffled(words.tags), attributes=shuffled(words.attributes), captions=captions)
        less = only(whole, [kind for kind in KINDS_OF_WORDS if kind == MEASURED or rng.random() >= kinds])
        return less if any(getattr(less, kind) for kind in KINDS_OF_WORDS) else whole

    return tuple(replace(example, words=augment(example.words)) for example in examples)


def only(words: Words, kinds: Sequence[str]) -> Words:
    """A description without its other kinds of words; `kinds` are some of KINDS_OF_WORDS."""
    return replace(words, **{kind: () for kind in KINDS_OF_WORDS if kind not in kinds})
