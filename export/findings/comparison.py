"""Scorers beside each other on one target: the rows of every table of a pilot.

A threshold comes from source validation, never from the target. Figures are means over seeds; their intervals come from a bootstrap over
blocks of neighbours.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from export.findings.figures import Figure
from export.findings.remark import Remark
from export.findings.scorers import Scorer
from firmware_config.strict import STRICT

Protocol = Literal["leave_one_domain_out", "adaptation", "few_shot", "conditions", "paper"]
ConditionKind = Literal["exposure", "defocus", "noise", "motion", "jpeg"]


class AtEscape(BaseModel):
    """A threshold that keeps the escape on source validation at `limit` or below, and what it does on the target (shares, 0..1)."""

    model_config = STRICT
    limit: float
    overkill: float
    escape: float


class Measured(BaseModel):
    """One scorer on one target. Shares and figures are 0..1; None where a scorer has no such figure (no probability, one class only)."""

    model_config = STRICT
    scorer: Scorer
    seeds: int = Field(ge=1)
    auroc: Figure | None
    auroc_by_seed: tuple[float, ...]
    macro_f1: Figure | None
    balanced_accuracy: Figure | None
    escape: Figure | None
    overkill: Figure | None
    at_escape: tuple[AtEscape, ...] = ()
    abstained: float | None = None
    ece: float | None = None
    brier: float | None = None
    source_auroc: float | None = None
    """On source validation; minus `auroc` it is the drop that the change of domain costs."""
    behind_reference: Figure | None = None
    """AUROC of the reference minus that of this scorer, paired; None on the reference itself."""
    risk_coverage: tuple[tuple[float, float], ...] = ()
    """(share judged, share wrong among them), the surest first."""


class Condition(BaseModel):
    """A change of capture. `level`: gain for exposure, sigma in px for defocus, grey levels for noise, px for motion, quality for jpeg."""

    model_config = STRICT
    kind: ConditionKind
    level: float


class PseudoLabels(BaseModel):
    """What a scorer took for true on the target: the share that was right (None of none), and of the pictures that got a label (0..1)."""

    model_config = STRICT
    scorer: Scorer
    precision: float | None
    coverage: float


class Comparison(BaseModel):
    """The scorers on one target under one protocol. `shots` is labels per class of the target domain; None where that does not apply."""

    model_config = STRICT
    protocol: Protocol
    sources: tuple[str, ...]
    target: str
    good: int
    bad: int
    blocks: int
    reference: Scorer
    condition: Condition | None = None
    shots: int | None = None
    rounds: int | None = None
    """Of pseudo-labels, in an adaptation; 0 is the judge before it."""
    pseudo_labels: tuple[PseudoLabels, ...] = ()
    measured: tuple[Measured, ...]
    remarks: tuple[Remark, ...] = ()
