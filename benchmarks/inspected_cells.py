"""The labelled cells of ELPV with the words and scores of their inspection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.bundle.open import Bundle
from edge.records import Description, Inspection
from edge.records import Scores as JudgeScores
from edge.spool.history import History, description_and_scores
from export.starter.cells import Cell, load_cells
from export.studies.cell_sets import cell_flags, cell_sets
from export.studies.errors import StudyError
from export.studies.protocol import Flags
from firmware_config.station import Station


@dataclass(frozen=True, slots=True)
class InspectedCells:
    """All cells in the order of the data set, with their descriptions and scores.

    `defective` and `certain` bool (N,): by their labels, and whether all labellers agreed.
    """

    cells: tuple[Cell, ...]
    descriptions: tuple[Description, ...]
    scores: tuple[JudgeScores, ...]
    defective: Flags
    certain: Flags

    @property
    def sets(self) -> dict[str, list[int]]:
        """Rows of the two measured sets. No model was trained on them."""
        return cell_sets(self.cells)


def read_inspected_cells(jsonl: Path, bundle: Bundle, station: Station) -> InspectedCells:
    """Match the lines of `kotoba-edge inspect --jsonl` with the cells by file name.

    Raises:
        StudyError: a cell has no line with probabilities, or a line was made with other models or station settings.
        HistoryError: the file cannot be read, or a line is not an inspection.
    """
    cells = load_cells()
    by_name = {Path(line.source).name: line for line in History(jsonl, is_spool=False).select(station=station.station.name)}
    missing = [cell.path.name for cell in cells if cell.path.name not in by_name or by_name[cell.path.name].scores is None]
    if missing:
        msg = (
            f"{len(missing)} of {len(cells)} cells have no line with probabilities in {jsonl}, the first is {missing[0]}: "
            "inspect all cells with `kotoba-edge inspect --jsonl`"
        )
        raise StudyError(msg)
    inspections = [by_name[cell.path.name] for cell in cells]
    _require_same_models(inspections, jsonl, bundle, station)
    descriptions, scores = zip(*map(description_and_scores, inspections), strict=True)
    defective, certain = cell_flags(cells)
    return InspectedCells(
        cells=cells,
        descriptions=descriptions,
        scores=scores,
        defective=defective,
        certain=certain,
    )


def _require_same_models(inspections: Sequence[Inspection], jsonl: Path, bundle: Bundle, station: Station) -> None:
    for inspection in inspections:
        for what, given, required in (
            ("models", inspection.models_digest, bundle.manifest.models_digest),
            ("station settings", inspection.settings_digest, station.settings_digest),
        ):
            if given != required:
                msg = (
                    f"{inspection.source} in {jsonl} was inspected with {what} {given}, the study needs {what} {required}: "
                    "inspect all cells again"
                )
                raise StudyError(msg)
