"""The arithmetic: what a system costs in a year. docs/cost.md goes through it with a pencil."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from export.cost.amount import Values

System: TypeAlias = Literal["box", "present", "none"]
"""The box, the system of today, or no inspection at all: every part is OK."""

LINES = ("escapes", "overkill", "review", "inspectors", "energy", "hardware", "labels", "integration", "upkeep")
"""The lines of the yearly table. PAID_ONCE is spread over the years."""

PAID_ONCE = ("hardware", "labels", "integration")

MAX_BUSY = 0.7
"""The share of its time that a box may judge in the fastest second. Above it the queue of pictures grows without warning."""

HOURS_PER_YEAR = 8760.0
SECONDS_PER_HOUR = 3600.0
MINUTES_PER_HOUR = 60.0
JOULES_PER_KWH = 3.6e6
MS_PER_S = 1000.0

NOTHING: Values = np.zeros(())


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Parts in a year: those that escape as OK, good ones rejected, those a person looks at."""

    parts: Values
    bad: Values
    escaped: Values
    rejected: Values
    reviewed: Values


def flow(of: Mapping[str, Values], system: System) -> Flow:
    """How a system sorts the parts of a year."""
    parts = of["plant.parts_per_day"] * of["plant.days_per_year"]
    bad = parts * of["plant.defect_rate"]
    good = parts - bad
    if system == "none":
        return Flow(parts, bad, escaped=bad, rejected=np.zeros_like(bad), reviewed=np.zeros_like(bad))
    escape, overkill = of[f"{system}.escape"], of[f"{system}.overkill"]
    # Both are drawn; together they are at most all parts.
    review_bad = np.minimum(of[f"{system}.review_bad"], 1 - escape)
    review_good = np.minimum(of[f"{system}.review_good"], 1 - overkill)
    return Flow(
        parts,
        bad,
        escaped=bad * (escape + review_bad * of["effort.reviewer_miss"]),
        rejected=good * overkill,
        reviewed=bad * review_bad + good * review_good,
    )


def boxes(of: Mapping[str, Values]) -> Values:
    """How many boxes judge the pictures of the fastest second while busy for at most MAX_BUSY of it."""
    parts_per_s = of["plant.parts_per_day"] / (of["plant.hours_per_day"] * SECONDS_PER_HOUR) * of["plant.peak_factor"]
    busy = parts_per_s * of["box.pictures_per_part"] * of["box.latency_ms"] / MS_PER_S
    return np.maximum(1.0, np.ceil(busy / MAX_BUSY))


def yearly(of: Mapping[str, Values], system: System) -> dict[str, Values]:
    """The cost of a year by line, in the plant's currency. What is paid once is spread evenly over the years, without interest."""
    sorted_parts = flow(of, system)
    lines = {line: np.zeros_like(sorted_parts.parts) for line in LINES}
    lines["escapes"] = sorted_parts.escaped * of["prices.escape"]
    lines["overkill"] = sorted_parts.rejected * of["prices.overkill"]
    lines["review"] = sorted_parts.reviewed * of["effort.review_minutes"] / MINUTES_PER_HOUR * of["prices.operator_hour"]
    if system == "box":
        count = boxes(of)
        joules = sorted_parts.parts * of["box.pictures_per_part"] * of["box.joules_per_picture"]
        idle_kwh = count * of["box.idle_watts"] * HOURS_PER_YEAR / 1000
        lines["energy"] = (joules / JOULES_PER_KWH + idle_kwh) * of["prices.kwh"]
        lines["hardware"] = count * of["prices.box"] / of["box.years"]
        label_hours = of["effort.labels"] * of["effort.label_minutes"] / MINUTES_PER_HOUR
        lines["labels"] = label_hours * of["prices.operator_hour"] / of["box.years"]
        lines["integration"] = of["effort.integration_hours"] * of["prices.engineer_hour"] / of["box.years"]
        lines["upkeep"] = of["effort.upkeep_hours"] * of["prices.engineer_hour"]
    elif system == "present":
        lines["inspectors"] = sorted_parts.parts * of["present.seconds_per_part"] / SECONDS_PER_HOUR * of["prices.operator_hour"]
        lines["upkeep"] = of["present.cost_per_year"]
    return lines


def total(of: Mapping[str, Values], system: System) -> Values:
    """The sum of the lines."""
    return sum(yearly(of, system).values(), start=NOTHING)


def saving(of: Mapping[str, Values], baseline: System) -> Values:
    """What the box saves in a year against the baseline; negative where it costs more."""
    return total(of, baseline) - total(of, "box")


def investment(of: Mapping[str, Values]) -> Values:
    """What is paid once, before the first part."""
    lines = yearly(of, "box")
    return sum((lines[line] for line in PAID_ONCE), start=NOTHING) * of["box.years"]
