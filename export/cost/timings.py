"""How long a box takes for a picture, stage by stage, from inspections that it has written."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from export.cost.amount import Amount
from export.errors import SpecError
from firmware_config.errors import first_mistake
from firmware_config.regular_file import read_limited

MAX_TIMINGS_BYTES = 500_000_000
"""About 200,000 inspections with their words."""

CAPTURE, JUDGE = "capture", "judge"
"""The stage that goes on while the picture before is judged, and the one that a whole inspection has."""

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Stage:
    """The percentiles of one stage, in milliseconds."""

    name: str
    p50_ms: float
    p95_ms: float
    p99_ms: float


class _Timed(BaseModel):
    """What is read of an inspection; the rest of the message is not looked at."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)
    timings_ms: dict[str, float] = Field(description="Stage to milliseconds.")


def read_timings(path: Path, *, source: str) -> tuple[Amount, tuple[Stage, ...]]:
    """The milliseconds per picture (mean; the range from the 5th to the 95th percentile) and the stages, of the inspections with a judge.

    The capture is a stage, but no part of the milliseconds per picture: it goes on while the picture before is judged.

    Raises:
        SpecError: the file cannot be read, a line is no inspection, or none was judged.
    """
    try:
        lines = read_limited(path, MAX_TIMINGS_BYTES).splitlines()
    except (OSError, ValueError) as err:
        reason = err.strerror if isinstance(err, OSError) else err
        msg = f"timings {path} cannot be read ({reason}): give the path of a file of `kotoba-edge inspect --jsonl`"
        raise SpecError(msg) from err
    stages: defaultdict[str, list[float]] = defaultdict(list)
    totals = []
    for number, line in enumerate(lines, start=1):
        try:
            timings_ms = _Timed.model_validate_json(line, strict=True).timings_ms
        except ValidationError as err:
            msg = f"timings {path}, line {number}: {first_mistake(err)}: give a file of `kotoba-edge inspect --jsonl`"
            raise SpecError(msg) from err
        if JUDGE in timings_ms:
            totals.append(sum(spent_ms for stage, spent_ms in timings_ms.items() if stage != CAPTURE))
            for stage, spent_ms in timings_ms.items():
                stages[stage].append(spent_ms)
    if not totals or min(totals) <= 0:
        msg = f"timings {path}: no inspection was judged in a measured time: inspect pictures that are no FAULT"
        raise SpecError(msg)
    mean, (low, high) = float(np.mean(totals)), np.percentile(totals, (5, 95))
    latency_ms = Amount(value=mean, low=min(mean, float(low)), high=max(mean, float(high)), source=source)
    return latency_ms, tuple(Stage(name, *map(float, np.percentile(times, PERCENTILES))) for name, times in stages.items())
