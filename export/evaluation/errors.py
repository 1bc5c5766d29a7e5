"""The errors of the protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

from export.errors import SpecError

if TYPE_CHECKING:
    from export.findings.remark import Remark


class EvaluationError(SpecError):
    """Pictures or a plan that no protocol can be run on; the message says why and what to do."""


class NotMeasured(SpecError):  # noqa: N818 -- one scorer stays without figures, the comparison goes on and says so
    """A scorer cannot be measured on this target; the remark says why."""

    def __init__(self, why: Remark) -> None:
        super().__init__(str(why))
        self.why = why
