"""Numbers and ranges that a product may name; of a range the lower value stands first."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field


def rising(values: tuple[float, float]) -> tuple[float, float]:
    """Check that the lower value comes first.

    Raises:
        ValueError: it does not.
    """
    if values[0] > values[1]:
        msg = f"the range begins at {values[0]:g} and ends at {values[1]:g}: give the lower value first"
        raise ValueError(msg)
    return values


Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
_Extent: TypeAlias = Annotated[float, Field(gt=0, le=2)]
_Factor: TypeAlias = Annotated[float, Field(gt=0, le=10)]
_Deviation: TypeAlias = Annotated[float, Field(ge=0, le=20)]

Shares: TypeAlias = Annotated[tuple[Share, Share], AfterValidator(rising)]
"""0 to 1."""
Sizes: TypeAlias = Annotated[tuple[_Extent, _Extent], AfterValidator(rising)]
"""Shares of the picture's longer side; above 1 it reaches out of the picture."""
Factors: TypeAlias = Annotated[tuple[_Factor, _Factor], AfterValidator(rising)]
"""What something is multiplied by."""
Deviations: TypeAlias = Annotated[tuple[_Deviation, _Deviation], AfterValidator(rising)]
"""Deviations of a blur, in pixels of the eye."""
