"""The pictures that the demo shows of each product, always the same. None of them taught the bundle of its product."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from edge.demo.cells import SEED, sample_cells
from edge.demo.textiles import SHOWN_DEFECTIVE, SHOWN_NOMINAL, textile_paths


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture file and what is known of it.

    `material` is "mono" or "poly" for solar cells, "woven" for textile. `certain` says whether all who labelled it agreed.
    """

    path: Path
    material: str
    defective: bool
    certain: bool = True

    @property
    def label(self) -> str:
        """The label as text, with "?" where it is not certain."""
        return f"{'defective' if self.defective else 'good'}{'' if self.certain else '?'} {self.material}"


def solar_cells(count: int) -> tuple[Sample, ...]:
    """Up to `count` cells, mono and poly in turn, about half of them defective.

    Raises:
        EdgeError: the package of the cells is not installed.
    """
    return tuple(Sample(cell.path, cell.material, cell.defective, cell.certain) for cell in sample_cells(count))


def woven(count: int) -> tuple[Sample, ...]:
    """Up to `count` pictures of textile, good and defective in turn; those with a local and with a global defect in turn.

    Raises:
        EdgeError: the package of the textile is not installed.
    """
    rng = random.Random(SEED)  # noqa: S311 -- a sample, no secret
    nominal, local, whole = (
        rng.sample(textile_paths(kind)[shown.start : shown.stop], len(shown))
        for kind, shown in (("nominal", SHOWN_NOMINAL), ("local", SHOWN_DEFECTIVE), ("global", SHOWN_DEFECTIVE))
    )
    samples: list[Sample] = []
    for good, bad in zip(nominal, chain.from_iterable(zip(local, whole, strict=True)), strict=False):
        samples += [Sample(good, "woven", defective=False), Sample(bad, "woven", defective=True)]
    return tuple(samples[:count])


SAMPLES: Mapping[str, Callable[[int], tuple[Sample, ...]]] = {"solar_cell": solar_cells, "woven": woven}
"""How up to so many pictures of a product are drawn."""
