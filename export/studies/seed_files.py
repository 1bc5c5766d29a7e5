"""What is kept of a training seed: its bundle, what a box says of the labelled cells, and the scores of other scorers of its words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.bundle.open import Bundle
from edge.calibration.scales import log_odds_not_ok
from edge.inspection.golden import without_camera
from edge.judges import open_station_judge
from edge.records import Decision, Description, Inspection
from edge.records import Scores as JudgeScores
from edge.studies.labelled import read_lines
from export.bundle.verify import opened
from export.progress import Report
from export.starter.cells import SOURCE_VALIDATION, TRAINING, load_cells
from export.studies.cell_sets import cell_sets
from export.studies.controls import scored
from export.studies.errors import StudyError
from export.studies.protocol import Scores
from firmware_config.signed_bundle import SignedBundle
from firmware_config.station import Station
from firmware_config.station_template import read_template_station

VALIDATION = "source validation"

LANGUAGE_MODEL, LINEAR = "language model on words", "linear judge on the same words"
EYE, CLIP_PROBE, ZERO_SHOT = "eye alone", "linear probe on the bundle's CLIP features", "zero-shot: the language model without an adapter"
LINEAR_ON, LANGUAGE_MODEL_ON = "linear judge, fitted on ", "language model, reads "
"""A scorer of some kinds of words is named by one of these and by a key of SUBSETS."""
SUBSETS = {
    "tags alone": ("tags",),
    "attributes alone": ("attributes",),
    "captions alone": ("captions",),
    "measured words alone": ("measured",),
    "all but measured words": ("tags", "attributes", "captions"),
}
"""Kinds of words, as `edge.records.Words` names them."""


@dataclass(frozen=True, slots=True)
class StudiedCells:
    """Rows of the cells: `training` fits the controls that take real labels, the `sets` are measured; one is VALIDATION, which chooses."""

    training: tuple[int, ...]
    sets: Mapping[str, Sequence[int]]

    @property
    def measured(self) -> list[int]:
        """The rows of all sets."""
        return sorted({row for rows in self.sets.values() for row in rows})


def studied_cells() -> StudiedCells:
    """The cells of the page of results."""
    validation = [row for part in SOURCE_VALIDATION for row in part]
    return StudiedCells(tuple(row for part in TRAINING for row in part), {VALIDATION: validation, **cell_sets(load_cells())})


@dataclass(frozen=True, slots=True)
class SeedFiles:
    """Where the files of one seed are in a work folder."""

    work: Path
    seed: int

    @property
    def bundle(self) -> Path:
        """The folder of the bundle."""
        return self.work / f"seed{self.seed}"

    @property
    def inspections(self) -> Path:
        """The JSON lines of the inspections of all measured cells."""
        return self.work / f"seed{self.seed}.jsonl"

    @property
    def scores(self) -> Path:
        """Scores of all cells by their scorers, float64 (2624,), nan for a cell that was not scored, and `models`, their digest."""
        return self.work / f"seed{self.seed}.npz"

    @property
    def finished(self) -> Path:
        """An empty file that is there when nothing is missing."""
        return self.work / f"seed{self.seed}.finished"


@dataclass(frozen=True, slots=True, eq=False)
class StudiedSeed:
    """What is known of one seed.

    By row of the cell: `descriptions`, `scores_of` the language model and `decisions`, those of a box with the bundle as it comes.
    `log_likelihoods` by judge, float64 (2624, K) in the order of the station's labels; `scores` by scorer, float64 (2624,), higher is more
    defective. nan: no score.
    """

    seed: int
    digest: str
    station: Station
    descriptions: Mapping[int, Description]
    scores_of: Mapping[int, JudgeScores]
    decisions: Mapping[int, Decision]
    log_likelihoods: Mapping[str, NDArray[np.float64]]
    scores: Mapping[str, Scores]


def read_seed(files: SeedFiles, cells: StudiedCells, *, trusted: Mapping[str, bytes]) -> StudiedSeed:
    """Read what `export.studies.taught_seeds` kept; the linear judge of the bundle judges the words.

    Raises:
        StudyError: the seed is not finished, or its files are of other models than its bundle.
        BuildError: the bundle is not to be trusted.
    """
    if not files.finished.exists():
        msg = f"seed {files.seed} is not finished in {files.work}: run `python -m export.studies.taught_seeds {files.work}` to its end"
        raise StudyError(msg)
    with opened(files.bundle, trusted=trusted) as bundle:
        station, models = study_station(bundle), bundle.manifest.models_digest
        inspections, scores = read_lines(files.inspections), read_scores(files.scores, models)
        sources = [load_cells()[row].path.name for row in cells.measured]
        if [(one.source, one.models_digest) for one in inspections] != [(source, models) for source in sources]:
            msg = f"the inspections in {files.inspections} are not those of {len(sources)} cells and models {models}: study the seed again"
            raise StudyError(msg)
        words = {row: words_of(one) for row, one in zip(cells.measured, inspections, strict=True)}
        (linear,) = bundle.manifest.linear
        by_linear = station.with_judge({"method": "linear", "linear": linear, "adapter": None, "calibration": None})
        said = scored(open_station_judge(None, bundle=bundle, station=by_linear), [one.words for one, _ in words.values()])
    judges = {LANGUAGE_MODEL: [scores for _, scores in words.values()], LINEAR: said}
    log_likelihoods = {name: np.array([one.log_likelihoods for one in some]) for name, some in judges.items()}
    ok, rows = np.array([label.decision == "ok" for label in station.labels]), cells.measured
    return StudiedSeed(
        seed=files.seed,
        digest=bundle.digest,
        station=station,
        descriptions={row: description for row, (description, _) in words.items()},
        scores_of={row: scores for row, (_, scores) in words.items()},
        decisions={row: one.verdict.decision for row, one in zip(cells.measured, inspections, strict=True)},
        log_likelihoods={name: by_row(values, rows) for name, values in log_likelihoods.items()},
        scores={**{name: by_row(log_odds_not_ok(values, ok), rows) for name, values in log_likelihoods.items()}, **scores},
    )


def by_row(values: NDArray[np.float64], rows: Sequence[int]) -> NDArray[np.float64]:
    """Values of the cells `rows`, float64 (N, ...), as an array of all cells, float64 (2624, ...), nan elsewhere."""
    array = np.full((len(load_cells()), *values.shape[1:]), np.nan)
    array[list(rows)] = values
    return array


def study_station(bundle: Bundle) -> Station:
    """The station template of a bundle without a camera."""
    return without_camera(read_template_station(SignedBundle(bundle.root, bundle.manifest))[0])


def words_of(inspection: Inspection) -> tuple[Description, JudgeScores]:
    """The description and scores of a cell, also of one that is a FAULT.

    Raises:
        StudyError: it has none.
    """
    if inspection.description is None or inspection.scores is None:
        msg = f"{inspection.source} was not judged ({inspection.detail}), and a study needs the words of every cell: report this as a bug"
        raise StudyError(msg)
    return inspection.description, inspection.scores


def keep_scores(path: Path, models: str, scorers: Mapping[str, Callable[[], Scores]], rows: Sequence[int], *, report: Report) -> None:
    """Ask the scorers of the cells `rows` that have no scores in the file yet, and keep each one's at once.

    Raises:
        StudyError: the file is of other models.
    """
    kept = read_scores(path, models) if path.exists() else {}
    for name, scorer in scorers.items():
        if name in kept:
            continue
        report(f"{name}: begins\n")
        kept[name] = by_row(scorer(), rows)
        unfinished = path.with_suffix(".part.npz")
        np.savez_compressed(unfinished, **{MODELS: np.array(models)}, **kept)  # type: ignore[arg-type]  # of allow_pickle
        unfinished.rename(path)


def read_scores(path: Path, models: str) -> dict[str, Scores]:
    """The scores of a file, by their scorers.

    Raises:
        StudyError: it is not there, or is of other models.
    """
    try:
        with np.load(path) as found:
            kept = {name: np.asarray(found[name]) for name in found.files}
    except (OSError, ValueError) as err:
        msg = f"scores {path} cannot be read ({err}): remove the file and study the seed again"
        raise StudyError(msg) from err
    given = str(kept.pop(MODELS, ""))
    if given != models:
        msg = f"the scores in {path} are of models {given}, the bundle has {models}: remove the file and study the seed again"
        raise StudyError(msg)
    return kept


MODELS = "models"
