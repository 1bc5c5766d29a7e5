"""The rows of a text data set by what they are for: rows that teach, rows for validation, and rows of a target without their labels."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from export.instruct.errors import TuneError
from export.texts.row import Row
from firmware_config.labels import Label


@dataclass(frozen=True, slots=True)
class Sides:
    """`source` rows teach. `validation` rows choose the step; no block is on both sides. Of `target` rows no label is read."""

    source: tuple[Row, ...]
    validation: tuple[Row, ...]
    target: tuple[Row, ...]


def sides_of(rows: Iterable[Row], *, adapt_to: Collection[str], share: float, seed: int) -> Sides:
    """Rows with words; rows of the split "test", and rows without a label outside of the target, are left out.

    `adapt_to` are the domains of the target. Validation rows are those of the split "validation" where there are some, else whole blocks,
    in a random order, until they hold `share` (0..1) of every label.

    Raises:
        TuneError: no row is of a domain to adapt to.
    """
    readable = [row for row in rows if row.error is None and row.split != "test"]
    domains = {row.domain for row in readable}
    strangers = sorted(set(adapt_to) - domains)
    if strangers:
        msg = f"adapting to the domain {strangers[0]!r}: the data set has {', '.join(sorted(domains)) or 'no row with words'}: correct it"
        raise TuneError(msg)
    target = tuple(row for row in readable if row.domain in adapt_to)
    source = [row for row in readable if row.domain not in adapt_to and row.label is not None]
    if any(row.split == "validation" for row in source):
        held = {row.block for row in source if row.split == "validation"}
    else:
        held = _held_out(source, share, np.random.default_rng(seed))
    validation = tuple(row for row in source if row.block in held)
    return Sides(tuple(row for row in source if row.block not in held), validation, target)


def _held_out(rows: Sequence[Row], share: float, rng: np.random.Generator) -> set[str]:
    """Blocks that together hold `share` of every label, as few as a random order gives."""
    blocks: dict[str, list[Row]] = {}
    missing: dict[str | None, float] = {}
    for row in rows:
        blocks.setdefault(row.block, []).append(row)
        missing[row.label] = missing.get(row.label, 0.0) + share
    held: set[str] = set()
    names = sorted(blocks)
    for number in rng.permutation(len(names)):
        block = blocks[names[number]]
        if any(missing[row.label] >= 1 for row in block):
            held.add(names[number])
            for row in block:
                missing[row.label] -= 1
    return held


def right_for(row: Row, labels: Sequence[Label], *, good: Collection[str]) -> tuple[str, ...]:
    """The labels of the station that are right for a labelled row.

    With `good`, the labels of the data set that mean a good part, a label that the station does not have stands for all of its labels that
    are ok, or for all others. Without it such a label is a mistake.

    Raises:
        TuneError: the station does not know the label, or means the opposite of `good` by it.
    """
    known = next((label for label in labels if label.name == row.label), None)
    names = ", ".join(label.name for label in labels)
    if known is None and not good:
        msg = (
            f"tuning a judge: {row.source} is labelled {row.label!r}, which the station does not know (it knows {names}): correct it, or "
            "say with --good which labels of the data set mean a good part"
        )
        raise TuneError(msg)
    if known is not None and (not good or (known.decision == "ok") == (row.label in good)):
        return (known.name,)
    if known is not None:
        msg = (
            f"tuning a judge: the label {row.label!r} is {known.decision!r} for the station, and --good says otherwise: correct one of them"
        )
        raise TuneError(msg)
    return tuple(label.name for label in labels if (label.decision == "ok") == (row.label in good))
