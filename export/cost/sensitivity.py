"""What the saving hangs on: one figure at a time over its range, where it turns, and two figures against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from export.cost.amount import Values
from export.cost.inputs import SHARES, Input, middles
from export.cost.model import System, saving
from export.cost.spec import BreakEven
from export.errors import SpecError

LADDER = (0.25, 0.5, 1.0, 2.0, 4.0)
"""The default values of a break-even table, as multiples of the figure."""

REACH = 100.0
"""A turning point is looked for up to so many times the value."""

FINEST = 1e6
STEPS = 2_000
HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Bar:
    """The saving at both ends of one figure's range, all others at their values; `turns_at` is the value at which the saving is 0."""

    key: str
    low: float
    high: float
    saving_at_low: float
    saving_at_high: float
    turns_at: float | None

    @property
    def span(self) -> float:
        """How far the saving moves."""
        return abs(self.saving_at_high - self.saving_at_low)


@dataclass(frozen=True, slots=True)
class Table:
    """The yearly saving over two figures: `savings[row][column]`."""

    rows: str
    columns: str
    row_values: tuple[float, ...]
    column_values: tuple[float, ...]
    savings: tuple[tuple[float, ...], ...]


def tornado(inputs: tuple[Input, ...], baseline: System) -> tuple[Bar, ...]:
    """A bar for each figure with a range, the widest first."""
    of = middles(inputs)
    bars = []
    for one in inputs:
        if one.amount.has_range:
            low, high = one.amount.least, one.amount.most
            ends = saving_at(of, {one.key: np.asarray([low, high])}, baseline)
            bars.append(Bar(one.key, low, high, float(ends[0]), float(ends[1]), turning_point(of, one.key, baseline)))
    return tuple(sorted(bars, key=lambda bar: (-bar.span, bar.key)))


def saving_at(of: Mapping[str, Values], values: Mapping[str, Values], baseline: System) -> Values:
    """The saving with some figures replaced."""
    return np.broadcast_to(saving({**of, **values}, baseline), np.broadcast_shapes(*(one.shape for one in values.values())))


def turning_point(of: Mapping[str, Values], key: str, baseline: System) -> float | None:
    """The value of one figure, nearest to its own, at which the saving becomes 0; None where it never does.

    It is looked for from a FINEST part of the value to REACH times the value, of a share up to 1.
    """
    value = float(of[key])
    top = 1.0 if key in SHARES else REACH * (value or 1.0)
    # Dense near the value, and reaching far on both sides.
    near, far = np.linspace(0, min(top, 2 * value), STEPS), np.linspace(0, top, STEPS)
    grid = np.unique(np.concatenate([near, far, np.geomspace((value or top) / FINEST, value or top, STEPS), [value]]))
    # Nothing is divided by 0.
    grid = grid[grid > 0]
    savings = saving_at(of, {key: grid}, baseline)
    turns = np.flatnonzero(np.sign(savings[:-1]) * np.sign(savings[1:]) < 0)
    if turns.size == 0:
        return None
    nearest = turns[np.argmin(np.abs(grid[turns] - value))]
    low, high = float(grid[nearest]), float(grid[nearest + 1])
    below = savings[nearest] > 0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if (float(saving_at(of, {key: np.asarray([middle])}, baseline)[0]) > 0) == below:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def break_even(inputs: tuple[Input, ...], choice: BreakEven, baseline: System) -> Table:
    """The saving over two figures.

    Raises:
        SpecError: a figure does not exist, both are the same, or a value is impossible.
    """
    of = middles(inputs)
    if choice.rows == choice.columns:
        msg = f"break_even: rows and columns are both {choice.rows}: give two figures"
        raise SpecError(msg)
    rows, columns = _values(of, choice.rows, choice.row_values), _values(of, choice.columns, choice.column_values)
    grid = saving_at(of, {choice.rows: np.asarray(rows)[:, None], choice.columns: np.asarray(columns)[None, :]}, baseline)
    return Table(choice.rows, choice.columns, rows, columns, tuple(tuple(map(float, line)) for line in grid))


def _values(of: Mapping[str, Values], key: str, given: Sequence[float]) -> tuple[float, ...]:
    if key not in of:
        msg = f"break_even: there is no figure {key!r}: give one of {', '.join(of)}"
        raise SpecError(msg)
    value, top = float(of[key]), 1.0 if key in SHARES else float("inf")
    if not given and value == 0:
        msg = f"break_even: {key} is 0, of which there are no multiples: give row_values or column_values"
        raise SpecError(msg)
    impossible = [one for one in given if not 0 < one <= top]
    if impossible:
        msg = f"break_even: {impossible[0]:g} is no value of {key}: give values above 0" + (", at most 1" if key in SHARES else "")
        raise SpecError(msg)
    return tuple(given) or tuple(dict.fromkeys(min(value * factor, top) for factor in LADDER))
