"""The cost study beside a pilot."""

from __future__ import annotations

from pathlib import Path

from export.cost.read import read_figures
from export.cost.study import Study, study

COSTS = "cost.toml"
"""The specification of the cost study in the folder of a pilot."""


def cost_study(costs: Path | None) -> Study | None:
    """Reckon the study of a specification, or of the folder that holds one as cost.toml; None of none.

    Raises:
        SpecError: the specification, or a file that it names, cannot be read or has a wrong value.
    """
    if costs is None:
        return None
    figures = read_figures(costs / COSTS if costs.is_dir() else costs)
    return study(figures.spec, figures.stages)
