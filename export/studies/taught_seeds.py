"""Teaches the starter once for each training seed, and keeps what its judges, its eye and its words say of the labelled cells.

`python -m export.studies.taught_seeds WORK` makes for each seed K:

- WORK/seedK/: the bundle, beside it its page; the stages of teaching stay in the cache of `kotoba-export teach`;
- WORK/seedK.jsonl: what a box with this bundle says of each measured cell;
- WORK/seedK.npz: scores of what else the bundle's models and words can be asked.

What was interrupted goes on where it stopped. `python -m export.studies.results WORK` makes the page of them.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import numpy as np

import export.starter
from edge.bundle.open import Bundle
from edge.errors import EdgeError
from edge.inspection.open import open_inspectors
from edge.inspection.policy import fault
from edge.picture.decode import read_picture
from edge.picture.health import HealthCheck
from edge.picture.preprocess import pixel_values
from edge.records import Frame, Inspection, Words
from export.bundle.key import builder_key
from export.bundle.verify import opened
from export.cache import Cache
from export.errors import ExportError
from export.eye.quick import open_front
from export.eye.tail import Taught, defect_logits
from export.eye.trunk import Trunk
from export.progress import Report
from export.starter.cells import load_cells
from export.starter.lay_out import lay_out
from export.studies.controls import image_features, language_model, linear_probe, refitted_linear
from export.studies.kept_inspections import Inspect, inspect_each
from export.studies.progress import reporter
from export.studies.protocol import Scores
from export.studies.seed_files import (
    CLIP_PROBE,
    EYE,
    LANGUAGE_MODEL_ON,
    LINEAR_ON,
    SUBSETS,
    VALIDATION,
    ZERO_SHOT,
    SeedFiles,
    StudiedCells,
    keep_scores,
    studied_cells,
    study_station,
    words_of,
)
from export.teach.judge_stages import JudgeStages
from export.teach.plan import Plan, check
from export.teach.run import eye_of, run
from export.teach.spec import read_teach_spec
from export.teach.stages import Stages
from export.tuning.examples import KINDS_OF_WORDS, only
from firmware_config.board import Board, read_board
from firmware_config.errors import ConfigError
from firmware_config.exit_codes import DONE, FAILED
from firmware_config.signature import key_id, public_key
from firmware_config.station import Familiarity, Station

SPECIFICATION = Path(export.starter.__file__).with_name("teach.toml")
STATE = Path(".kotoba")
SEEDS = (1, 2, 3, 4, 5)
ASKED = SEEDS[0]
"""The seed whose language model is also asked without its adapter and with some kinds of words, which takes as long as six inspections."""
NO_LIMITS = {"blank_spread": 0.0, "min_light": 0.0, "max_clipped": 1.0, "min_sharpness": None}
"""The [picture] of a station that takes every readable picture."""
LOOK_BATCH = 16

Scorers = Mapping[str, Callable[[], Scores]]
"""By name: gives the scores of the measured cells, float64 (N,), higher is more defective."""


def study_seed(
    plan: Plan, files: SeedFiles, cells: StudiedCells, *, asks: bool, key: Path, cache: Path, board: Board, report: Report
) -> None:
    """Teach a plan and keep what is to be known of it; `asks` is for the seed ASKED. A finished seed is left as it is.

    Raises:
        ExportError, EdgeError, ConfigError: teaching failed, a model failed, or what is kept is of other models.
    """
    if files.finished.exists():
        report(f"seed {files.seed}: kept from an earlier run\n")
        return
    files.work.mkdir(parents=True, exist_ok=True)
    run(plan, out=files.bundle, key=key, cache=cache, board=board, report=report)
    stages = Stages(Cache(cache), report=lambda _: None)
    eye = eye_of(plan, stages, report=report)
    judge = JudgeStages(plan, eye.artefacts(), stages=stages, board=board, report=report)
    public = public_key(builder_key(key))
    with opened(files.bundle, trusted={key_id(public): public}) as bundle:
        station, unseen = study_station(bundle), judge.memory(held_out=False) / "memory.json"
        inspections = inspect_cells(bundle, station, cells, unseen=unseen, files=files, board=board, report=report)
        words = [words_of(one)[0].words for one in inspections]
        scorers: Scorers = {
            EYE: partial(_eye, plan.trunk, eye.tails(), cells),
            CLIP_PROBE: partial(_clip_probe, bundle, board, cells),
            **_on_words(judge, station, words),
            **(_asked(bundle, board, station, words, report) if asks else {}),
        }
        keep_scores(files.scores, bundle.manifest.models_digest, scorers, cells.measured, report=report)
    files.finished.touch()


def inspect_cells(
    bundle: Bundle, station: Station, cells: StudiedCells, *, unseen: Path, files: SeedFiles, board: Board, report: Report
) -> list[Inspection]:
    """Inspect the measured cells, in the order of their rows.

    Validation cells are compared with the memory `unseen`, which lacks them: that of the bundle knows each of the good ones. A cell that is
    no healthy picture to the station is a FAULT, as on a box, but it is described and judged all the same.

    Raises:
        StudyError: as `export.studies.kept_inspections.inspect_each`.
    """
    all_cells, validation = load_cells(), set(cells.sets[VALIDATION])
    paths = [all_cells[row].path for row in cells.measured]

    def open_inspect() -> Inspect:
        free = station.model_copy(update={"picture": station.picture.model_copy(update=NO_LIMITS)})
        stations = [free, free.model_copy(update={"familiarity": Familiarity(memory_file=unseen)})]
        knowing, unknowing = open_inspectors(bundle, stations, board=board)
        gate = HealthCheck(station.picture)

        def inspect(index: int) -> Inspection:
            path, inspector = paths[index], unknowing if cells.measured[index] in validation else knowing
            frame = Frame(read_picture(path), datetime.now(timezone.utc), 0, station.station.name, index + 1, path.name)
            inspection, trouble = inspector.inspect(frame), gate.trouble(frame)
            return inspection if trouble is None else replace(inspection, verdict=fault(trouble[0]), detail=trouble[1])

        return inspect

    what, names = f"{len(paths)} cells, seed {files.seed}", [path.name for path in paths]
    models = bundle.manifest.models_digest
    return inspect_each(names, open_inspect, jsonl=files.inspections, models=models, station=station, what=what, report=report)


def _eye(trunk: Trunk, tails: Sequence[Taught], cells: StudiedCells) -> Scores:
    """The mean logit of "defective" of the tails, which the words learned to tell."""
    look, all_cells = open_front(trunk), load_cells()
    fronts = []
    for first in range(0, len(cells.measured), LOOK_BATCH):
        pictures = (read_picture(all_cells[row].path) for row in cells.measured[first : first + LOOK_BATCH])
        fronts.append(look(np.concatenate([pixel_values(picture, trunk.preprocess) for picture in pictures])))
    return defect_logits(tails, np.concatenate(fronts))


def _clip_probe(bundle: Bundle, board: Board, cells: StudiedCells) -> Scores:
    """Logistic regression on the features of the bundle's CLIP, fitted on the real labels of the training cells."""
    all_cells, rows, count = load_cells(), [*cells.training, *cells.measured], len(cells.training)
    features = image_features(bundle, board, [all_cells[row].path for row in rows])
    return linear_probe(features, np.array([all_cells[row].defective for row in rows]), range(count))[count:]


def _on_words(judge: JudgeStages, station: Station, words: Sequence[Words]) -> Scorers:
    """Linear judges that are fitted on some kinds of the words that taught the bundle's."""
    examples, checks = judge.examples()

    def fitted(kinds: Sequence[str]) -> Scores:
        taught, chosen = ([replace(one, words=only(one.words, kinds)) for one in some] for some in (examples, checks))
        return refitted_linear(taught, chosen, station.labels, [only(one, kinds) for one in words])

    return {f"{LINEAR_ON}{name}": partial(fitted, kinds) for name, kinds in _spoken([one.words for one in examples]).items()}


def _asked(bundle: Bundle, board: Board, station: Station, words: Sequence[Words], report: Report) -> Scorers:
    """The language model without its adapter, and with it on some kinds of words, for which it is not tuned again."""

    def asked(kinds: Sequence[str], *, adapter: bool) -> Scores:
        return language_model(bundle, board, station, [only(one, kinds) for one in words], adapter=adapter, report=report)

    subsets = {f"{LANGUAGE_MODEL_ON}{name}": partial(asked, kinds, adapter=True) for name, kinds in _spoken(words).items()}
    return {ZERO_SHOT: partial(asked, KINDS_OF_WORDS, adapter=False), **subsets}


def _spoken(words: Sequence[Words]) -> dict[str, tuple[str, ...]]:
    """Those of SUBSETS that leave some words."""
    return {name: kinds for name, kinds in SUBSETS.items() if any(getattr(one, kind) for one in words for kind in kinds)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and study each seed."""
    parser = argparse.ArgumentParser(
        prog="python -m export.studies.taught_seeds",
        description="Teach the starter once for each training seed, and keep what it says of the labelled cells.",
        epilog="Example: python -m export.studies.taught_seeds .kotoba/seeds --seeds 1 2 3 4 5",
    )
    parser.add_argument("work", type=Path, metavar="WORK", help="The folder that keeps the bundles, inspections and scores.")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=SEEDS, metavar="K", help="The training seeds. Default: 1 2 3 4 5; one of them is 1."
    )
    parser.add_argument(
        "--cache", type=Path, default=STATE / "cache", metavar="DIR", help="The cache of `kotoba-export teach`. Default: %(default)s."
    )
    parser.add_argument(
        "--key", type=Path, default=STATE / "keys/builder.key", metavar="FILE", help="The key that signs the bundles. Default: %(default)s."
    )
    options = parser.parse_args(arguments)
    if min(options.seeds) < 0:
        parser.error(f"--seeds {min(options.seeds)}: give seeds from 0 on")
    logging.basicConfig(level=logging.WARNING)  # before onnxruntime's quantizer, which would make every library log at INFO
    report, board = reporter(), read_board("cpu")
    try:
        spec, product = read_teach_spec(SPECIFICATION)
        cells = spec.pictures.good[0].parent
        if not cells.exists():
            lay_out(cells, product.name)
        for seed in options.seeds:
            report(f"seed {seed} of {', '.join(map(str, options.seeds))}\n")
            plan = check(spec.model_copy(update={"seeds": (seed,)}), product, near=Path.cwd(), report=report)
            files = SeedFiles(options.work, seed)
            study_seed(plan, files, studied_cells(), asks=seed == ASKED, key=options.key, cache=options.cache, board=board, report=report)
    except (ExportError, EdgeError, ConfigError, OSError) as err:
        print(f"{parser.prog}: {err}", file=sys.stderr)
        return FAILED
    return DONE


if __name__ == "__main__":
    sys.exit(main())
