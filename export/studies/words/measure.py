"""How good the words are before and after the quality filter: `python -m export.studies.words.measure` writes docs/studies/words.*.

Precision and recall on pictures whose truth is known, what the filter does to the judge on the source validation cells, and real cells
with their struck words.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.bundle.open import Bundle
from edge.demo.cells import sample_cells
from edge.describers import open_vision_models
from edge.describers.filter.foils import Strictness
from edge.judges import open_language_model, open_station_judge
from edge.picture.decode import read_picture
from edge.records import Description, Frame
from export.bundle.verify import opened
from export.starter.cells import Cell, validation_cells
from export.studies.controls import MAX_BYTES, MAX_PIXELS
from export.studies.protocol import DRAWS, Flags, Interval, Scores, auroc, blocks, bootstrap
from export.studies.words.filters import KINDS, Heard, Keep, Listener, absolute, at_random, counted, ours
from export.studies.words.page import Example, Measured, page, write_sheet
from firmware_config.board import Board, read_board
from firmware_config.signature import read_trusted_keys
from firmware_config.station import Describe, Station, read_station
from firmware_config.write import write_atomic

STATION = Path(__file__).with_name("filtered.toml")
CHOOSING_SEED, CHOOSING = 17, 800
"""Painted pictures on canvases of the training modules that choose the margins, three of four with grain."""
SETS = {"rendered cells": (313, 1.0, 0.0), "rendered cells with grain": (314, 1.0, 1.0), "painted cells": (315, 0.0, 0.75)}
"""What is measured: seed, share rendered, share with grain. These pictures taught nothing and chose nothing."""

MAY_LOSE = 0.025
"""Recall that words, and phrases, may lose on the pictures that choose: half of five points, as other pictures lose more."""
THRESHOLD = 0.17
"""Of the control with one absolute cosine: chosen by the same rule on the same pictures."""
MARGINS = (-0.20, -0.15, -0.10, -0.05, 0.0, 0.05, 0.10)
EXCHANGES = (-np.inf, 0.0, 0.01, 0.02, 0.05)
SLACKS = (0.14, 0.12, 0.10, 0.08, 0.06, 0.04)
EXAMPLES, DRAWN = 20, 12
GROUPS: dict[str, tuple[str, ...]] = {
    "tags": ("tags",),
    "attributes": ("attributes",),
    "phrases of the greedy caption": ("caption",),
    "phrases of all captions": ("caption", "captions"),
}

_Key = TypeVar("_Key")


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(prog="python -m export.studies.words.measure", description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path(".kotoba/starter"), help="default: %(default)s")
    parser.add_argument("--keys", type=Path, default=Path(".kotoba/keys"), help="default: %(default)s")
    parser.add_argument("--pictures", type=int, default=400, help="of each set (default: %(default)s)")
    parser.add_argument("--choose", action="store_true", help="only say which margins the rule chooses")
    parser.add_argument("--out", type=Path, default=Path("docs/studies/words.md"), help="default: %(default)s; the picture lies beside it")
    options = parser.parse_args()
    station, board = read_station(STATION), read_board("cpu")
    with opened(options.bundle, trusted=read_trusted_keys(options.keys)) as bundle:
        listener = Listener(bundle, station, board)
        if options.choose:
            found, threshold = choose(
                listener.listen(count=CHOOSING, seed=CHOOSING_SEED, rendered=0.03, grain=0.75), bundle.manifest.describer.clip.threshold
            )
            print(f"{found}, absolute threshold {threshold}")
            print(f"in use: {listener.strictness}, {THRESHOLD}")
            return
        tables = {
            name: table(listener.listen(count=options.pictures, seed=seed, rendered=rendered, grain=grain), listener.strictness)
            for name, (seed, rendered, grain) in SETS.items()
        }
        judged = effect_on_judge(bundle, station, board)
        shown, per_picture_ms = examples(bundle, station, board)
    command = shlex.join(["python", "-m", "export.studies.words.measure", "--pictures", str(options.pictures)])
    used = listener.strictness
    limits = {"Margin": used.margin, "of exchanged phrases": used.exchange, "least cosine": used.threshold - used.slack}
    chosen = ", ".join(f"{name} {value:+.2f}" if np.isfinite(value) else f"{name} none" for name, value in limits.items())
    chosen += f"; absolute threshold of the control {THRESHOLD:+.2f}"
    text = page(command, chosen, tables, judged, shown, pictures=options.pictures, may_lose=MAY_LOSE)
    write_atomic(options.out, text.encode())
    write_sheet(options.out.with_suffix(".png"), shown[:DRAWN])
    print(f"{options.out}: written; the filter took {per_picture_ms:.2f} ms a picture once its phrases were known")


def choose(heard: Sequence[Heard], threshold: float | None) -> tuple[Strictness, float]:
    """The strictness, and the absolute threshold of the control: of those that lose at most MAY_LOSE of recall the best."""
    slacks = (np.inf,) if threshold is None else SLACKS
    grid = [Strictness(m, e, s, -np.inf if threshold is None else threshold) for m in MARGINS for e in EXCHANGES for s in slacks]
    thresholds = [round(float(value), 2) for value in np.arange(-0.3, 0.4, 0.01)]
    return (
        _most_precise(heard, {strictness: ours(strictness) for strictness in grid}),
        _most_precise(heard, {value: absolute(value) for value in thresholds}),
    )


def _most_precise(heard: Sequence[Heard], ways: Mapping[_Key, Keep]) -> _Key:
    """By the mean of the precisions of words and of phrases."""

    def totals(keep: Keep) -> list[NDArray[np.float64]]:
        return [np.sum([counted(one, keep, kinds) for one in heard], axis=0) for kinds in (KINDS[:2], KINDS[2:])]

    found = {key: totals(keep) for key, keep in ways.items()}
    allowed = {key: both for key, both in found.items() if all(total[0] - total[2] <= MAY_LOSE * total[4] for total in both)}
    return max(allowed, key=lambda key: float(np.mean([total[2] / total[3] for total in allowed[key]])))


def table(heard: Sequence[Heard], strictness: Strictness) -> dict[str, dict[str, Measured]]:
    """By group of words and way of striking: precision, recall, the share of true words kept, and the gain in precision."""
    rows: dict[str, dict[str, Measured]] = {}
    for name, kinds in GROUPS.items():
        filtered = np.stack([counted(one, ours(strictness), kinds) for one in heard])
        share = 1 - filtered[:, 3].sum() / filtered[:, 1].sum()
        ways = {
            "before": filtered[:, [0, 1, 0, 1, 4]],
            "**the filter**": filtered,
            "as many at random": np.stack([counted(one, keep, kinds) for keep in [at_random(share, seed=0)] for one in heard]),
            f"cosine of {THRESHOLD:+.2f} or more": np.stack([counted(one, absolute(THRESHOLD), kinds) for one in heard]),
        }
        rows[name] = {way: _measured(found) for way, found in ways.items()}
    return rows


def _measured(found: NDArray[np.float64]) -> Measured:
    """`found` float64 (pictures, 5) as `counted` gives it; pictures are drawn anew for the intervals."""
    drawn = found[np.random.default_rng(0).integers(len(found), size=(DRAWS, len(found)))].sum(1)
    totals = np.concatenate([found.sum(0)[None], drawn])

    def of(values: NDArray[np.float64]) -> Interval:
        low, high = np.quantile(values[1:], [0.025, 0.975])
        return Interval(float(values[0]), float(low), float(high))

    true, said, true_kept, kept, could = totals.T.clip(min=1)
    return Measured(of(true_kept / kept), of(true_kept / could), of(true_kept / true), gain=of(true_kept / kept - true / said))


def effect_on_judge(bundle: Bundle, station: Station, board: Board) -> dict[str, tuple[Interval, Interval, int]]:
    """AUROC of the shipped judge on the source validation cells by what is on; its difference to nothing; cells without words (REVIEW)."""
    model = open_language_model(bundle, board=board)
    judge = open_station_judge(model, bundle=bundle, station=station)
    cells = validation_cells()
    defective = np.array([cell.defective for cell in cells])
    good = np.array([label.decision == "ok" for label in station.labels])
    parts = blocks([cell.row for cell in cells])
    settings = station.describe
    ways = {
        "nothing": settings.model_copy(update={"filter": False, "terms": ()}),
        "terms": settings.model_copy(update={"filter": False}),
        "filter": settings.model_copy(update={"terms": ()}),
        "filter and terms": settings,
    }
    scores: dict[str, Scores] = {}
    silent: dict[str, int] = {}
    for way, wanted in ways.items():
        words = described(bundle, wanted, board, cells)
        scores[way] = np.array([1 - np.array(judge.score(one.words).probabilities)[good].sum() for one in words])
        silent[way] = sum(not (one.words.tags and one.words.attributes) for one in words)
    before = scores["nothing"]
    found = {}
    for way, mine in scores.items():
        own = bootstrap(partial(_auroc_less, mine, None, defective), parts)
        found[way] = (own, bootstrap(partial(_auroc_less, mine, before, defective), parts), silent[way])
    return found


def _auroc_less(mine: Scores, theirs: Scores | None, defective: Flags, index: NDArray[np.int64]) -> float:
    return auroc(mine[index], defective[index]) - (0.0 if theirs is None else auroc(theirs[index], defective[index]))


def described(bundle: Bundle, settings: Describe, board: Board, cells: Sequence[Cell]) -> list[Description]:
    """What a describer says of real cells."""
    describer = open_vision_models(bundle, board=board).describer(settings)
    return [describer.describe(_frame(cell)) for cell in cells]


def examples(bundle: Bundle, station: Station, board: Board) -> tuple[list[Example], float]:
    """Real cells that the demo's seed picks, none of which taught, and the filter's own time per picture in ms."""
    settings = station.describe.model_copy(update={"samples": 1})
    vision = open_vision_models(bundle, board=board)
    plain = vision.describer(settings.model_copy(update={"filter": False, "terms": ()}))
    filtering = vision.describer(settings)
    cells = sample_cells(EXAMPLES)
    found = [Example(cell, plain.describe(_frame(cell)), filtering.describe(_frame(cell))) for cell in cells]
    again = [dict(filtering.describe(_frame(cell)).timings_ms)["filter"] for cell in cells]
    return found, float(np.median(again))


def _frame(cell: Cell) -> Frame:
    pixels = read_picture(cell.path, max_pixels=MAX_PIXELS, max_bytes=MAX_BYTES)
    return Frame(pixels, datetime.now(timezone.utc), 0, "study", 0, cell.path.name)


if __name__ == "__main__":
    main()
