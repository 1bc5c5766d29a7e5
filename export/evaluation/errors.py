"""The errors of the protocols."""

from __future__ import annotations

from export.errors import SpecError


class EvaluationError(SpecError):
    """Pictures or a plan that no protocol can be run on; the message says why and what to do."""


class NotMeasured(SpecError):  # noqa: N818 -- one scorer stays without figures, the comparison goes on and says so
    """A scorer cannot be measured on this target; the message says why and becomes a remark."""
