"""The figures of a proof, kept in a file beside what they were measured on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

from export.proof.figures import Measured

PROOF = "proof.json"


def record_figures(folder: Path, measured: Sequence[Measured]) -> None:
    """Write the figures into a folder."""
    (folder / PROOF).write_text(json.dumps([astuple(one) for one in measured], indent=1) + "\n", encoding="utf-8")


def recorded(folder: Path) -> tuple[Measured, ...]:
    """The figures that `record_figures` wrote."""
    return tuple(Measured(*row) for row in json.loads((folder / PROOF).read_text(encoding="utf-8")))
