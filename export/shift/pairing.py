"""A source beside a target: the same number of pictures of each, and the weights that make their shares of good and bad the same.

Domains differ in how many parts are bad. A figure that counted every picture alike would take that for a shift of the pictures. So each
class that both sides have gets the same weight on both sides; a class that only one side has gets none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from export.errors import ExportError
from export.findings.remark import Remark, RemarkCode
from export.shift.blocks import Blocks, Flags, Floats, Rows

MAX_PICTURES = 500
"""Pictures of a side: more cost memory (the square of their number) and change little."""
MIN_OF_CLASS = 5
"""Pictures of a class that a side needs for the class to count."""
MIN_BLOCKS = 2
"""Blocks of a side: one is held out while the other is fitted."""


class ShiftError(ExportError):
    """Two domains cannot be compared; the remark says why."""

    def __init__(self, why: Remark) -> None:
        super().__init__(str(why))
        self.why = why


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """The drawn pictures of a source and a target.

    `rows` int64 (n,) are their rows, `cells` int64 (n,) is 0 for good and 1 for bad of the source, 2 and 3 for those of the target.
    `equal` and `natural` float64 (4,) are the share of each cell in its side: made equal, and as it is.
    """

    rows: Rows
    cells: Rows
    equal: Floats
    natural: Floats

    @property
    def pictures(self) -> tuple[int, int]:
        """How many pictures of the source and of the target."""
        return int((self.cells < 2).sum()), int((self.cells >= 2).sum())

    def weights(self, shares: Floats) -> Floats:
        """The weight of each picture, float64 (n,): those of a cell sum up to its share in `shares`."""
        counts = np.bincount(self.cells, minlength=4)
        return np.asarray((shares / np.maximum(counts, 1))[self.cells], np.float64)


def pair_up(source: Rows, target: Rows, *, bad: Flags, blocks: Blocks, seed: int) -> Pairing:
    """Draw the same number of pictures, at most MAX_PICTURES, of both sides; of each class as evenly as there are pictures.

    `source` and `target` are rows, `bad` bool (N,) belongs to all rows.

    Raises:
        ShiftError: the sides share pictures, have no class in common, or one has a single block.
    """
    if np.intersect1d(source, target).size:
        raise ShiftError(Remark(code="same_pictures"))
    count = min(len(source), len(target), MAX_PICTURES)
    rng = np.random.default_rng(seed)
    drawn = [_evenly(side, bad, count, rng) for side in (source, target)]
    cells = np.concatenate([number * 2 + bad[side] for number, side in enumerate(drawn)]).astype(np.int64)
    counts = np.bincount(cells, minlength=4).reshape(2, 2)
    common: Flags = np.all(counts >= MIN_OF_CLASS, axis=0)
    if not common.any():
        names = ("source_good", "source_bad", "target_good", "target_bad")
        raise ShiftError(
            Remark(code="no_common_class", values={**dict(zip(names, map(int, counts.flat), strict=True)), "least": MIN_OF_CLASS})
        )
    rows = np.concatenate(drawn)
    sides_of: tuple[tuple[RemarkCode, tuple[int, int]], ...] = (("one_block_of_source", (0, 1)), ("one_block_of_target", (2, 3)))
    for code, numbers in sides_of:
        used = np.isin(cells, numbers) & common[cells % 2]
        if len(np.unique(blocks.numbers[rows[used]])) < MIN_BLOCKS:
            raise ShiftError(Remark(code=code))
    natural = [[1 - bad[side].mean(), bad[side].mean()] for side in (source, target)]
    return Pairing(rows, cells, np.tile(common / common.sum(), 2), np.concatenate(natural))


def _evenly(side: Rows, bad: Flags, count: int, rng: np.random.Generator) -> Rows:
    mixed = rng.permutation(side)
    is_bad = bad[mixed]
    of_bad = min(int(is_bad.sum()), max(count // 2, count - int((~is_bad).sum())))
    return np.sort(np.concatenate([mixed[is_bad][:of_bad], mixed[~is_bad][: count - of_bad]]))


def rows_of(name: str, *, domains: Sequence[str], groups: dict[str, frozenset[str]]) -> Rows:
    """The rows of a domain, or of a group of domains.

    Raises:
        ShiftError: there are none.
    """
    names = groups.get(name, frozenset((name,)))
    rows = np.array([row for row, domain in enumerate(domains) if domain in names], np.int64)
    if not len(rows):
        raise ShiftError(Remark(code="no_usable_picture", values={"name": name, "domains": ", ".join(sorted(set(domains)))}))
    return rows
