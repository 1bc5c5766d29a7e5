"""The specification of a cost study, a TOML file that export/cost/read.py reads. Paths in it are relative to the file itself.

A figure that depends on the plant or on its currency has no default. Every other default is an assumption, and the page calls it so.
"""

from __future__ import annotations

from pydantic import BaseModel, Field, model_validator

from export.cost.amount import Amount, Positive, Quantity, Share, between
from export.cost.counted import RATES
from firmware_config.strict import STRICT

FIXED_ZERO = Amount(value=0.0)


class Plant(BaseModel):
    """The line."""

    model_config = STRICT
    name: str = Field(min_length=1, max_length=100, description="What the page calls the plant or the line.")
    currency: str = Field(pattern=r"^[A-Z]{3}$", description="The currency of every price: three letters, such as EUR or JPY.")
    parts_per_day: Positive = Field(description="Parts inspected on a day of work.")
    defect_rate: Share = Field(description="Share of the parts that are defective when they come to the camera.")
    days_per_year: Positive = Field(default=between(240, 200, 350), description="Days of work in a year.")
    hours_per_day: Positive = Field(default=between(16, 8, 24), description="Hours of work in a day.")
    peak_factor: Positive = Field(default=between(1.5, 1, 3), description="Parts in the fastest second, as a multiple of the average.")


class Prices(BaseModel):
    """What things cost, in the plant's currency. Nothing here has a default."""

    model_config = STRICT
    escape: Quantity = Field(description="One defective part that is passed as OK: complaint, sorting, replacement.")
    overkill: Quantity = Field(description="One good part that is rejected: scrap, or a second inspection.")
    operator_hour: Quantity = Field(description="An hour of a person who reviews or labels pictures.")
    engineer_hour: Quantity = Field(description="An hour of a person who integrates and keeps up the system.")
    kwh: Quantity = Field(description="A kilowatt hour of electricity.")
    box: Quantity = Field(description="One box with camera, light and mounting.")


class Rates(BaseModel):
    """How a system decides: counted from verdicts on parts whose truth is known, or given."""

    model_config = STRICT
    verdicts: str | None = Field(
        default=None,
        min_length=1,
        description="A CSV file with the columns truth (good, bad) and decision (OK, NG, REVIEW, FAULT), or a JSON file of counts "
        "(schema kotoba.counts/1). It stands in the place of the four rates.",
    )
    escape: Share | None = Field(default=None, description="Share of defective parts that are OK.")
    overkill: Share | None = Field(default=None, description="Share of good parts that are NG.")
    review_bad: Share = Field(default=between(0.1, 0, 0.3), description="Share of defective parts that a person must look at.")
    review_good: Share = Field(default=between(0.05, 0, 0.2), description="Share of good parts that a person must look at.")

    @model_validator(mode="after")
    def _given_once(self) -> Rates:
        given = [name for name in RATES if name in self.model_fields_set]
        if self.verdicts is not None and given:
            msg = f"verdicts and {given[0]} are both given: leave one"
            raise ValueError(msg)
        if self.verdicts is None and (self.escape is None or self.overkill is None):
            msg = "give verdicts, or escape and overkill"
            raise ValueError(msg)
        for one, other in (("escape", "review_bad"), ("overkill", "review_good")):
            rate, review = getattr(self, one), getattr(self, other)
            if rate is not None and rate.middle + review.middle > 1:
                msg = f"{one} and {other} are more than 1 together: both are shares of the same parts"
                raise ValueError(msg)
        return self


class Box(Rates):
    """The box of this project."""

    timings: str | None = Field(
        default=None,
        min_length=1,
        description="A JSONL file of `kotoba-edge inspect --jsonl` from the board of the plant. It stands in the place of latency_ms.",
    )
    latency_ms: Positive = Field(default=between(300, 50, 1000), description="Milliseconds in which a box judges one picture.")
    pictures_per_part: Positive = Field(default=Amount(value=1.0), description="Pictures of one part.")
    joules_per_picture: Quantity = Field(default=between(10, 2, 40), description="Energy of one picture above idling, in joules.")
    idle_watts: Quantity = Field(default=between(10, 5, 30), description="Power of one idling box with its camera, in watts.")
    years: Positive = Field(default=between(5, 3, 8), description="Years over which what is paid once is spread.")

    @model_validator(mode="after")
    def _timed_once(self) -> Box:
        if self.timings is not None and "latency_ms" in self.model_fields_set:
            msg = "timings and latency_ms are both given: leave one"
            raise ValueError(msg)
        return self


class Effort(BaseModel):
    """The time of people."""

    model_config = STRICT
    review_minutes: Quantity = Field(default=between(0.5, 0.2, 2), description="Minutes in which a person answers one REVIEW.")
    reviewer_miss: Share = Field(
        default=between(0.1, 0, 0.3), description="Share of defective parts in REVIEW that the person passes as OK."
    )
    labels: Quantity = Field(default=between(500, 100, 2000), description="Pictures to be labelled before the start.")
    label_minutes: Quantity = Field(default=between(0.5, 0.2, 1.5), description="Minutes in which a person labels one picture.")
    integration_hours: Quantity = Field(default=between(120, 40, 300), description="Hours of integration before the start.")
    upkeep_hours: Quantity = Field(default=between(48, 12, 120), description="Hours of upkeep in a year: drift, calibration, updates.")


class Present(Rates):
    """The system of today. Without this section the box is compared with no inspection at all."""

    review_bad: Share = Field(default=FIXED_ZERO, description="Share of defective parts that a person looks at a second time.")
    review_good: Share = Field(default=FIXED_ZERO, description="Share of good parts that a person looks at a second time.")
    seconds_per_part: Quantity = Field(default=FIXED_ZERO, description="Seconds of a person for every part; 0 for a machine.")
    cost_per_year: Quantity = Field(default=FIXED_ZERO, description="Licences, service and upkeep in a year.")


class BreakEven(BaseModel):
    """The two figures of the break-even table, such as prices.escape, and the values that it shows."""

    model_config = STRICT
    rows: str = Field(default="prices.escape", description="The figure that changes from row to row.")
    columns: str = Field(default="plant.defect_rate", description="The figure that changes from column to column.")
    row_values: tuple[float, ...] = Field(
        default=(), max_length=12, description="Its values. Default: 1/4, 1/2, 1, 2 and 4 times its value."
    )
    column_values: tuple[float, ...] = Field(default=(), max_length=12, description="Its values. Default: as of row_values.")


class Draws(BaseModel):
    """The Monte Carlo draws behind every interval."""

    model_config = STRICT
    seed: int = Field(default=1, ge=0, le=2**32 - 1, description="The same seed gives the same figures.")
    count: int = Field(default=10_000, ge=1_000, le=1_000_000, description="How many.")


class CostSpec(BaseModel):
    """What a cost study reckons with. A figure is a number, { value, low, high, source } or, if it is a share, { count, of, source }."""

    model_config = STRICT
    plant: Plant
    prices: Prices
    box: Box
    effort: Effort = Effort()
    present: Present | None = None
    break_even: BreakEven = BreakEven()
    draws: Draws = Draws()
