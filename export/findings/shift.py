"""How far two domains lie from each other in what a scorer sees of them: pixels, vision features, words, the judge's hidden states."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from export.findings.figures import Figure
from export.findings.remark import Remark
from firmware_config.strict import STRICT

Representation = Literal["pixels", "vision", "imagenet", "text", "judge"]
Answer = Literal["yes", "no", "no difference shown"]


class Shift(BaseModel):
    """One representation of one source against one target.

    `a_distance` is the proxy A-distance, 0 (alike) to 2 (told apart without a mistake); `mmd2` the squared maximum mean discrepancy with
    its permutation p; `drop` the AUROC on source validation minus that on the target, of a logistic regression on the representation.
    """

    model_config = STRICT
    source: str
    target: str
    representation: Representation
    dimensions: int
    pictures: tuple[int, int]
    a_distance: Figure
    mmd2: float
    mmd_p: float
    source_auroc: float | None
    target_auroc: float | None
    drop: Figure | None
    a_distance_as_it_is: Figure | None = None
    """With good and bad pictures as they come; `a_distance` and `mmd2` give both classes the same share on both sides."""
    mmd2_as_it_is: float | None = None


class Contrast(BaseModel):
    """Does `less` shift less than `more`? Differences of `more` minus `less` over all pairs of domains, paired: above 0 means yes."""

    model_config = STRICT
    less: Representation
    more: Representation
    a_distance: Figure
    drop: Figure | None
    by_a_distance: Answer
    by_drop: Answer | None


class ShiftFindings(BaseModel):
    """All pairs, and the plain answers: words against vision features, the judge against both."""

    model_config = STRICT
    pairs: tuple[Shift, ...]
    contrasts: tuple[Contrast, ...]
    left_out: tuple[Remark, ...] = ()
    """What could not be compared, and why."""
