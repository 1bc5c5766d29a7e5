"""A whole cost study: the table of a year, its intervals, the tornado and the break-even table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from export.cost.amount import OUTSIDE, Values
from export.cost.inputs import Input, draws, inputs_of, middles
from export.cost.model import LINES, System, boxes, flow, investment, total, yearly
from export.cost.sensitivity import Bar, Table, break_even, tornado
from export.cost.spec import CostSpec
from export.cost.timings import Stage


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure at the values of the specification, and the range that holds 95 % of the draws."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Year:
    """A year of one system: cost by line and in all; parts that escape, good ones rejected, parts that a person looks at."""

    lines: dict[str, float]
    total: Interval
    escaped: Interval
    rejected: Interval
    reviewed: Interval


@dataclass(frozen=True, slots=True)
class Study:
    """What the page shows. Shares are of the draws."""

    spec: CostSpec
    stages: tuple[Stage, ...]
    inputs: tuple[Input, ...]
    baseline: System
    box: Year
    other: Year
    saving: Interval
    paying_share: float
    more_escapes_share: float
    boxes: int
    investment: float
    payback_years: float | None
    tornado: tuple[Bar, ...]
    table: Table

    @property
    def outcome(self) -> str:
        """`pays`, `loses`, or `open` where the interval of the saving holds 0."""
        if self.saving.low > 0:
            return "pays"
        return "loses" if self.saving.high < 0 else "open"

    @property
    def assumed(self) -> tuple[str, ...]:
        """The names of the figures that the specification does not set."""
        return tuple(one.key for one in self.inputs if one.assumed)


def study(spec: CostSpec, stages: tuple[Stage, ...] = ()) -> Study:
    """Reckon.

    Raises:
        SpecError: the break-even table cannot be made.
    """
    inputs = inputs_of(spec)
    baseline: System = "none" if spec.present is None else "present"
    of, drawn = middles(inputs), draws(inputs, seed=spec.draws.seed, count=spec.draws.count)
    box, other = _year(of, drawn, "box"), _year(of, drawn, baseline)
    drawn_saving = total(drawn, baseline) - total(drawn, "box")
    saved = _interval(np.asarray(other.total.value - box.total.value), drawn_saving)
    paid_once = float(investment(of))
    # What comes back each year: the saving, without the yearly part of what was paid already.
    cash = saved.value + paid_once / float(of["box.years"])
    return Study(
        spec=spec,
        stages=stages,
        inputs=inputs,
        baseline=baseline,
        box=box,
        other=other,
        saving=saved,
        paying_share=float(np.mean(drawn_saving > 0)),
        more_escapes_share=float(np.mean(flow(drawn, "box").escaped > flow(drawn, baseline).escaped)),
        boxes=int(boxes(of)),
        investment=paid_once,
        payback_years=paid_once / cash if cash > 0 else None,
        tornado=tornado(inputs, baseline),
        table=break_even(inputs, spec.break_even, baseline),
    )


def _year(of: Mapping[str, Values], drawn: Mapping[str, Values], system: System) -> Year:
    lines, here, there = yearly(of, system), flow(of, system), flow(drawn, system)
    return Year(
        lines={line: float(lines[line]) for line in LINES},
        total=_interval(total(of, system), total(drawn, system)),
        escaped=_interval(here.escaped, there.escaped),
        rejected=_interval(here.rejected, there.rejected),
        reviewed=_interval(here.reviewed, there.reviewed),
    )


def _interval(value: Values, drawn: Values) -> Interval:
    low, high = np.quantile(drawn, [OUTSIDE, 1 - OUTSIDE])
    return Interval(float(value), float(low), float(high))
