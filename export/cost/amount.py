"""One figure of a cost specification: a value, its range, and where it comes from."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from firmware_config.strict import STRICT

Values = npt.NDArray[np.float64]
"""One number, or one for each draw."""

OUTSIDE = 0.025
"""The share of an interval's probability below it, and above it: intervals are of 95 %."""

JEFFREYS = 0.5
"""What is added to the hits and to the misses of a count before a share is drawn (Jeffreys' prior)."""


class Amount(BaseModel):
    """A value with its range, or a share that was counted."""

    model_config = STRICT
    value: float | None = Field(default=None, ge=0, description="The value.")
    low: float | None = Field(default=None, ge=0, description="The smallest value that you think possible. Default: the value.")
    high: float | None = Field(default=None, ge=0, description="The largest value that you think possible. Default: the value.")
    count: int | None = Field(
        default=None, ge=0, description="A share that was counted: how many of `of`. It stands in the place of value."
    )
    of: int | None = Field(default=None, ge=1, description="How many were looked at.")
    source: str = Field(default="", max_length=200, description="Where the figure comes from; the page repeats it.")

    @model_validator(mode="after")
    def _whole(self) -> Amount:
        if self.count is None and self.of is None:
            if self.value is None:
                msg = "give a number, { value, low, high } or { count, of }"
                raise ValueError(msg)
            if not self.least <= self.value <= self.most:
                msg = f"the value {self.value:g} is not between low {self.least:g} and high {self.most:g}"
                raise ValueError(msg)
        elif self.count is None or self.of is None or (self.value, self.low, self.high) != (None, None, None):
            msg = "a counted share is { count, of }, both and without value, low and high"
            raise ValueError(msg)
        elif self.count > self.of:
            msg = f"counts {self.count} of {self.of}, which is more than all"
            raise ValueError(msg)
        return self

    @property
    def middle(self) -> float:
        """The value that is reckoned with."""
        if self.count is not None and self.of is not None:
            return self.count / self.of
        return self.value or 0.0

    @property
    def least(self) -> float:
        """The low end of the range; of a counted share that of the Clopper-Pearson interval of 95 %."""
        if self.count is None or self.of is None:
            return self.middle if self.low is None else self.low
        from scipy.stats import beta

        return 0.0 if self.count == 0 else float(beta.ppf(OUTSIDE, self.count, self.of - self.count + 1))

    @property
    def most(self) -> float:
        """The high end of the range; of a counted share that of the Clopper-Pearson interval of 95 %."""
        if self.count is None or self.of is None:
            return self.middle if self.high is None else self.high
        from scipy.stats import beta

        return 1.0 if self.count == self.of else float(beta.ppf(1 - OUTSIDE, self.count + 1, self.of - self.count))

    @property
    def has_range(self) -> bool:
        """Whether the figure is uncertain."""
        return self.least < self.most

    def drawn(self, rng: np.random.Generator, draws: int) -> Values:
        """Draw values: of a counted share from its beta distribution, of a range from a triangle whose top is the value."""
        if self.count is not None and self.of is not None:
            return rng.beta(self.count + JEFFREYS, self.of - self.count + JEFFREYS, draws)
        if not self.has_range:
            return np.full(draws, self.middle)
        return rng.triangular(self.least, self.middle, self.most, draws)


def between(middle: float, low: float, high: float) -> Amount:
    """A default with its range."""
    return Amount(value=middle, low=low, high=high)


def _from_number(value: Any) -> Any:  # noqa: ANN401 -- any JSON value
    return {"value": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


def _is_share(amount: Amount) -> Amount:
    if amount.most > 1:
        msg = f"is a share between 0 and 1, but goes up to {amount.most:g}: 3 % is 0.03"
        raise ValueError(msg)
    return amount


def _is_counted_nowhere(amount: Amount) -> Amount:
    if amount.count is not None:
        msg = "is no share: give a number or { value, low, high }"
        raise ValueError(msg)
    return amount


def _is_positive(amount: Amount) -> Amount:
    if amount.least <= 0:
        msg = "must be greater than 0, the low end of its range too"
        raise ValueError(msg)
    return amount


Quantity = Annotated[Amount, BeforeValidator(_from_number), AfterValidator(_is_counted_nowhere)]
"""A figure of at least 0."""

Positive = Annotated[Quantity, AfterValidator(_is_positive)]
"""A figure above 0."""

Share = Annotated[Amount, BeforeValidator(_from_number), AfterValidator(_is_share)]
"""A figure between 0 and 1."""
