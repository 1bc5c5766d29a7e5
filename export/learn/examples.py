"""What a judge learns from and is measured on: descriptions with the labels that are right for them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from edge.records import Description, Tag


@dataclass(frozen=True, slots=True)
class Example:
    """A description, the labels that are right for it, and how much it counts."""

    description: Description
    allowed: tuple[str, ...]
    weight: float
    source: str


def read_examples(path: Path) -> tuple[Example, ...]:
    """Read the lines that `export.starter.describe` wrote."""
    examples = []
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        words = record["description"]
        tags, attributes = (tuple(Tag(word, 0.0) for word in words[name]) for name in ("tags", "attributes"))
        description = Description(tags, attributes, tuple(words["captions"]))
        examples.append(Example(description, tuple(record["allowed"]), float(record["weight"]), record["source"]))
    return tuple(examples)
