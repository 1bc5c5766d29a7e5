"""Where a pilot may write: a folder of its own."""

from __future__ import annotations

from pathlib import Path

from export.errors import SpecError
from export.findings.findings import FINDINGS
from export.pilot.cost import COST
from export.pilot.spec import Data, PilotSpec
from export.texts.sources import TextsSpec

WORK = "work"
"""The folder below that of the pilot with what can be made again."""


def require_own_folder(out: Path, spec: PilotSpec, sources: TextsSpec | None) -> None:
    """Refuse a folder in which a pilot would take its own files for pictures, or write over those of somebody else.

    Raises:
        SpecError: `out` lies in a folder of pictures or in the texts, holds other files than those of a pilot, or the cost specification.
        OSError: it cannot be read.
    """
    there = out.resolve()
    for given in _given(spec.data, sources):
        if there.is_relative_to(given.resolve()):
            msg = f"the pilot cannot be written into {out}, which lies in the data {given}: give a folder outside of it as --out"
            raise SpecError(msg)
    if spec.cost is not None and spec.cost.spec.resolve() == there / COST:
        msg = f"the pilot would write over the cost specification {spec.cost.spec}: keep it outside of {out}"
        raise SpecError(msg)
    names = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if names and not names & {FINDINGS, WORK}:
        msg = f"the pilot cannot be written into {out}, which holds {min(names)}: give a new or an empty folder as --out"
        raise SpecError(msg)


def _given(data: Data, sources: TextsSpec | None) -> list[Path]:
    """The folders that the data is read from."""
    if data.texts is not None:
        return [data.texts]
    assert data.pictures is not None and sources is not None  # noqa: S101, PT018 -- the model has looked
    if data.pictures.is_dir():
        return [data.pictures]
    return [data.pictures.parent / one.folder for one in sources.pictures if one.folder is not None]
