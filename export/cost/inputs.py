"""The figures of a specification as one list, by a name such as prices.escape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from export.cost.amount import Amount, Values
from export.cost.counted import RATES
from export.cost.spec import CostSpec

SHARES = frozenset({"plant.defect_rate", "effort.reviewer_miss", *(f"{system}.{rate}" for system in ("box", "present") for rate in RATES)})
"""The figures that cannot exceed 1."""


@dataclass(frozen=True, slots=True)
class Input:
    """One figure. `assumed` says that the specification does not set it."""

    key: str
    amount: Amount
    assumed: bool


def inputs_of(spec: CostSpec) -> tuple[Input, ...]:
    """Every figure, in the order of the specification."""
    found = []
    for name in ("plant", "prices", "box", "effort", "present"):
        section = getattr(spec, name)
        if section is None:
            continue
        for field in type(section).model_fields:
            amount = getattr(section, field)
            if isinstance(amount, Amount):
                found.append(Input(f"{name}.{field}", amount, assumed=field not in section.model_fields_set))
    return tuple(found)


def middles(inputs: tuple[Input, ...]) -> dict[str, Values]:
    """The value of each figure."""
    return {one.key: np.asarray(one.amount.middle) for one in inputs}


def draws(inputs: tuple[Input, ...], *, seed: int, count: int) -> Mapping[str, Values]:
    """`count` values of each figure, each drawn independently of the others."""
    rng = np.random.default_rng(seed)
    return {one.key: one.amount.drawn(rng, count) for one in inputs}
