"""A small product that is taught on a handful of the real cells, and which of them a study of it measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from export.starter.cells import HELD_OUT_MONO, Cell, load_cells, training_cells, validation_cells
from export.studies.seed_files import VALIDATION, StudiedCells
from export.teach.plan import Plan, check
from export.teach.spec import read_teach_spec
from tests.support.teaching import PRODUCT, SPEC, write_teaching
from tests.support.tiny_llama import write_llama
from tests.support.tiny_teaching import EFFORT

GOOD, BAD, EACH = 40, 12, 12
DARKEST = 1835
"""A poly cell that has less light than any good cell of the source."""


def write_tiny_cells(folder: Path) -> Path:
    """Write the specification, its product, its cells and its language model; returns the path of the specification."""
    pictures = 'good = ["cells"]\nlabelled_for = "checks"\nlabelled = { ng = ["ng"] }\n'
    spec = SPEC.replace('good = ["good"]\n', pictures) + '\n[llm]\npath = "model.gguf"\n'
    product = PRODUCT.replace("\n[[", '\nmeasured = ["darker"]\n\n[[', 1)  # more words are too many letters for the language model
    path = write_teaching(folder, spec=spec, product=product)
    certain = [cell for cell in (*training_cells()[60:], *validation_cells()) if cell.certain]
    for name, some in (("cells", _some(certain, GOOD, defective=False)), ("ng", _some(certain, BAD, defective=True))):
        (folder / name).mkdir()
        for number, cell in enumerate(some):
            (folder / name / f"{number:03}.png").symlink_to(cell.path)
    write_llama(folder / "model.gguf")
    return path


def tiny_cells_plan(folder: Path, *, seed: int) -> Plan:
    """The plan of what `write_tiny_cells` wrote, for one seed."""
    spec, product = read_teach_spec(folder / "bolts.toml")
    return replace(check(spec.model_copy(update={"seeds": (seed,)}), product, near=folder, report=lambda _: None), effort=EFFORT)


def tiny_studied_cells() -> StudiedCells:
    """A dozen good and a dozen defective cells of each set."""
    cells = load_cells()
    mono = [cells[row] for rows in HELD_OUT_MONO for row in rows]
    poly = [cell for cell in cells if cell.material == "poly"]
    sets = {VALIDATION: validation_cells(), "held-out mono runs": mono, "all poly cells": poly}
    rows = {name: sorted(cell.row for bad in (True, False) for cell in _some(some, EACH, defective=bad)) for name, some in sets.items()}
    rows["all poly cells"] = sorted({*rows["all poly cells"], DARKEST})
    training = [cell.row for bad in (True, False) for cell in _some(training_cells(), EACH, defective=bad)]
    return StudiedCells(tuple(training), rows)


def _some(cells: Sequence[Cell], count: int, *, defective: bool) -> list[Cell]:
    """Some good or defective cells, evenly spaced."""
    found = [cell for cell in cells if cell.defective is defective]
    return [found[index * len(found) // count] for index in range(count)]
