"""Carries out a plan: the training of the eye and of the judge, and the bundle."""

from __future__ import annotations

from pathlib import Path

from export.errors import BuildError
from export.progress import Report
from export.teach.plan import Plan
from firmware_config.board import Board


def run(plan: Plan, *, out: Path, key: Path, cache: Path, board: Board, report: Report) -> None:  # noqa: ARG001 -- the seam of the command
    """Teach, and build the bundle.

    Raises:
        BuildError: always, so far.
    """
    msg = f"teaching {plan.spec.name} to {out}: this version checks specifications and does not teach yet: use --check"
    raise BuildError(msg)
