"""Measure the words before and after the quality filter; writes docs/studies/words.md and words.png.

    python -m export.studies.words.measure

It measures precision and recall on pictures with ground truth and the effect on the judge on the source validation cells, and it shows
real cells with their struck words.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Mapping, Sequence
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
from edge.errors import EdgeError
from edge.judges import open_language_model, open_station_judge
from edge.picture.decode import read_picture
from edge.records import Description, Frame
from export.bundle.verify import opened
from export.errors import ExportError
from export.products.product import Product, read_product
from export.products.sampler import Sampler
from export.products.wording import wording_of
from export.starter.cells import Cell, training_cells, validation_cells
from export.studies.controls import MAX_BYTES, MAX_PIXELS
from export.studies.errors import StudyError
from export.studies.protocol import RESAMPLES, Flags, Interval, Scores, auroc, blocks, bootstrap
from export.studies.words.checked_words import (
    KINDS,
    CheckedPicture,
    Filter,
    SampleDescriber,
    cosine_filter,
    count_words,
    quality_filter,
    random_filter,
)
from export.studies.words.page import BEFORE, FILTER, Example, Figures, JudgeFigures, page
from export.studies.words.pictures import on_real, on_rendered
from export.studies.words.sheet import write_sheet
from firmware_config.board import Board, read_board
from firmware_config.errors import ConfigError
from firmware_config.signature import read_trusted_keys
from firmware_config.station import Describe, Station, read_station
from firmware_config.write import write_atomic

STATION = Path(__file__).with_name("filtered.toml")
PRODUCT = "solar_cell"
CHOOSING_SEED, CHOOSING_PICTURES = 17, 800
"""Pictures that choose the strictness: painted on cells of the training modules."""
SETS: Mapping[str, Callable[[Product], Sampler]] = {
    "rendered cells": partial(on_rendered, seed=313, grain=False),
    "rendered cells with grain": partial(on_rendered, seed=314, grain=True),
    "painted cells": lambda product: on_real(product, validation_cells(), seed=315),
}
"""Measured sets. Their pictures were not used to train or choose anything; an eye knows the cells that it learned from by heart."""

MAY_LOSE = 0.025
"""Recall that words, and phrases, may lose on the choosing pictures: half of five points, because other pictures lose more."""
THRESHOLD = 0.17
"""Cosine threshold of the control, chosen by the same rule on the same pictures."""
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
    """Measure and write the page, or choose the strictness."""
    parser = argparse.ArgumentParser(
        prog="python -m export.studies.words.measure", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=Path(".kotoba/starter"), help="Folder of the bundle (default: %(default)s).")
    parser.add_argument("--keys", type=Path, default=Path(".kotoba/keys"), help="Folder of trusted .pub keys (default: %(default)s).")
    parser.add_argument("--pictures", type=int, default=400, help="Number of pictures of each measured set (default: %(default)s).")
    parser.add_argument("--choose", action="store_true", help="Print the strictness that the rule chooses and write nothing.")
    parser.add_argument(
        "--out", type=Path, default=Path("docs/studies/words.md"),
        help="File of the page; its picture is written beside it as .png (default: %(default)s).",
    )  # fmt: skip
    options = parser.parse_args()
    try:
        _run(options)
    except (EdgeError, ExportError, ConfigError) as err:
        parser.error(str(err))


def _run(options: argparse.Namespace) -> None:
    station, board, product = read_station(STATION), read_board("cpu"), read_product(PRODUCT)
    with opened(options.bundle, trusted=read_trusted_keys(options.keys)) as bundle:
        describer = SampleDescriber(bundle, station, board, wording_of(product))
        if options.choose:
            pictures = describer.describe(on_real(product, training_cells(), seed=CHOOSING_SEED), CHOOSING_PICTURES)
            strictness, threshold = choose(pictures, bundle.manifest.describer.clip.threshold)
            print(f"{strictness}, cosine threshold {threshold}")
            print(f"in use: {describer.strictness}, {THRESHOLD}")
            return
        tables = {
            name: measure(describer.describe(sampler_of(product), options.pictures), describer.strictness)
            for name, sampler_of in SETS.items()
        }
        judged = effect_on_judge(bundle, station, board)
        examples, filter_ms = describe_examples(bundle, station, board)
    command = shlex.join(["python", "-m", "export.studies.words.measure", "--pictures", str(options.pictures)])
    chosen = describe_strictness(describer.strictness)
    text = page(command, chosen, tables, judged, examples, pictures=options.pictures, may_lose=MAY_LOSE)
    write_atomic(options.out, text.encode())
    write_sheet(options.out.with_suffix(".png"), examples[:DRAWN])
    print(f"{options.out}: written; the filter takes {filter_ms:.2f} ms a picture for phrases that it knows")


def describe_strictness(used: Strictness) -> str:
    """The strictness in use and the control's threshold, as a sentence without its full stop."""
    limits = {
        "least lead over foils": used.margin,
        "least lead over the exchanged phrase": used.exchange,
        "least cosine": used.threshold - used.slack,
        "threshold of the control": THRESHOLD,
    }
    named = ", ".join(f"{name} {value:+.2f}" if np.isfinite(value) else f"{name} none" for name, value in limits.items())
    return f"In use: {named}"


def choose(pictures: Sequence[CheckedPicture], threshold: float | None) -> tuple[Strictness, float]:
    """Choose the most precise strictness and the most precise cosine threshold of those that lose at most MAY_LOSE of recall.

    `threshold` is the bundle's clip.threshold.

    Raises:
        StudyError: all lose more.
    """
    slacks = (np.inf,) if threshold is None else SLACKS
    grid = [Strictness(m, e, s, -np.inf if threshold is None else threshold) for m in MARGINS for e in EXCHANGES for s in slacks]
    cosines = [round(float(value), 2) for value in np.arange(-0.3, 0.4, 0.01)]
    return (
        _most_precise(pictures, {strictness: quality_filter(strictness) for strictness in grid}),
        _most_precise(pictures, {cosine: cosine_filter(cosine) for cosine in cosines}),
    )


def _most_precise(pictures: Sequence[CheckedPicture], filters: Mapping[_Key, Filter]) -> _Key:
    """The key of the filter with the highest mean of the precisions of words and of phrases."""

    def totals(stays: Filter) -> list[NDArray[np.float64]]:
        return [np.sum([count_words(picture, stays, kinds) for picture in pictures], axis=0) for kinds in (KINDS[:2], KINDS[2:])]

    by_key = {key: totals(stays) for key, stays in filters.items()}
    allowed = {key: both for key, both in by_key.items() if all(total[0] - total[2] <= MAY_LOSE * total[4] for total in both)}
    if not allowed:
        msg = f"no filter of these words loses at most {MAY_LOSE:.1%} of their recall: the words of this bundle need none"
        raise StudyError(msg)
    return max(allowed, key=lambda key: float(np.mean([total[2] / total[3] for total in allowed[key]])))


def measure(pictures: Sequence[CheckedPicture], strictness: Strictness) -> dict[str, dict[str, Figures]]:
    """Measure the filter and the controls, by group of words."""
    groups: dict[str, dict[str, Figures]] = {}
    for name, kinds in GROUPS.items():
        filtered = np.stack([count_words(picture, quality_filter(strictness), kinds) for picture in pictures])
        at_random = random_filter(1 - filtered[:, 3].sum() / filtered[:, 1].sum(), seed=0)
        counts = {
            BEFORE: filtered[:, [0, 1, 0, 1, 4]],
            FILTER: filtered,
            "as many at random": np.stack([count_words(picture, at_random, kinds) for picture in pictures]),
            f"cosine of {THRESHOLD:+.2f} or more": np.stack(
                [count_words(picture, cosine_filter(THRESHOLD), kinds) for picture in pictures]
            ),
        }
        groups[name] = {way: _figures(by_picture) for way, by_picture in counts.items()}
    return groups


def _figures(counts: NDArray[np.float64]) -> Figures:
    """Figures from `counts` float64 (pictures, 5), one row of `count_words` for each picture; intervals resample pictures."""
    resampled = counts[np.random.default_rng(0).integers(len(counts), size=(RESAMPLES, len(counts)))].sum(1)
    totals = np.concatenate([counts.sum(0)[None], resampled])

    def interval(values: NDArray[np.float64]) -> Interval:
        low, high = np.quantile(values[1:], [0.025, 0.975])
        return Interval(float(values[0]), float(low), float(high))

    true, words, true_kept, kept, all_true = totals.T.clip(min=1)
    gain = interval(true_kept / kept - true / words)
    return Figures(interval(true_kept / kept), interval(true_kept / all_true), interval(true_kept / true), gain)


def effect_on_judge(bundle: Bundle, station: Station, board: Board) -> dict[str, JudgeFigures]:
    """Measure the bundle's judge on the source validation cells, by what is active in describing."""
    judge = open_station_judge(open_language_model(bundle, board=board), bundle=bundle, station=station)
    cells = validation_cells()
    defective = np.array([cell.defective for cell in cells])
    ok = np.array([label.decision == "ok" for label in station.labels])
    parts = blocks([cell.row for cell in cells])
    settings = station.describe
    active = {
        "nothing": settings.model_copy(update={"filter": False, "terms": ()}),
        "terms": settings.model_copy(update={"filter": False}),
        "filter": settings.model_copy(update={"terms": ()}),
        "filter and terms": settings,
    }
    scores: dict[str, Scores] = {}
    without_words: dict[str, int] = {}
    for name, describe in active.items():
        descriptions = _describe_cells(bundle, describe, board, cells)
        scores[name] = np.array([1 - np.array(judge.score(one.words).probabilities)[ok].sum() for one in descriptions])
        without_words[name] = sum(not (one.words.tags and one.words.attributes) for one in descriptions)
    plain = scores["nothing"]
    return {
        name: JudgeFigures(
            auroc=bootstrap(partial(_auroc, values, None, defective), parts),
            difference=bootstrap(partial(_auroc, values, plain, defective), parts),
            without_words=without_words[name],
        )
        for name, values in scores.items()
    }


def _auroc(scores: Scores, baseline: Scores | None, defective: Flags, index: NDArray[np.int64]) -> float:
    """AUROC of `scores`, minus that of `baseline` if there is one."""
    return auroc(scores[index], defective[index]) - (0.0 if baseline is None else auroc(baseline[index], defective[index]))


def _describe_cells(bundle: Bundle, settings: Describe, board: Board, cells: Sequence[Cell]) -> list[Description]:
    describer = open_vision_models(bundle, board=board).describer(settings)
    return [describer.describe(_frame(cell)) for cell in cells]


def describe_examples(bundle: Bundle, station: Station, board: Board) -> tuple[list[Example], float]:
    """Describe the demo's cells without and with the filter, and measure the filter's time per picture in ms."""
    settings = station.describe.model_copy(update={"samples": 1})
    vision = open_vision_models(bundle, board=board)
    plain = vision.describer(settings.model_copy(update={"filter": False, "terms": ()}))
    filtering = vision.describer(settings)
    cells = sample_cells(EXAMPLES)
    examples = [Example(cell, plain.describe(_frame(cell)), filtering.describe(_frame(cell))) for cell in cells]
    times_ms = [dict(filtering.describe(_frame(cell)).timings_ms)["filter"] for cell in cells]
    return examples, float(np.median(times_ms))


def _frame(cell: Cell) -> Frame:
    pixels = read_picture(cell.path, max_pixels=MAX_PIXELS, max_bytes=MAX_BYTES)
    return Frame(pixels, datetime.now(timezone.utc), 0, "study", 0, cell.path.name)


if __name__ == "__main__":
    main()
