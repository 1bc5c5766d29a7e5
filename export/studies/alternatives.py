"""What a user would take instead of words: a memory of good patches, a frozen probe, plain statistics of the texture.

`python -m export.studies.alternatives CACHE --out FILE.md` measures them on cells, textile and rendered parts. CACHE keeps features and
pictures, so that a rerun is quick.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.demo.textiles import textile_paths
from edge.picture.decode import read_picture
from edge.picture.preprocess import pixel_values
from edge.records import Pixels
from export.products.assembly.part import FAULTS
from export.products.assembly.render import write_folders
from export.starter.cells import load_cells, training_cells, validation_cells
from export.studies.cell_sets import cell_flags, cell_sets
from export.studies.command import study_parser, write_page
from export.studies.controls import linear_probe
from export.studies.imagenet import Maps, feature_maps, kept, pooled_features
from export.studies.patch_memory import CANDIDATES, MEMORY_PATCHES, NEIGHBOURS, PatchMemory
from export.studies.protocol import BLOCK_CELLS, RESAMPLES, Scores, auroc, best_threshold, quality
from export.studies.runs import RUNS, leave_one_run_out, runs_quality
from export.studies.template import fill, row, table
from export.studies.texture_statistics import local_contrast_scores, whole_picture_scores
from firmware_config.describers import ImagePreprocess

SEEDS = range(5)
CELL_PX, PROBE_PX = 160, 224
"""Sides of a cell for the patch memory and for the probe."""
GOOD_COUNTS = (20, 50, 200)
TEXTILE_GOOD = 200
ASSEMBLY_SEED, ASSEMBLY_BAD = 1, 20
UNUSUAL_SHARE = 0.01

ONE_PATCH, SOME_PATCHES = "patch memory, most unusual patch", "patch memory, mean of the most unusual 1 %"
PROBE, WHOLE, LOCAL = "frozen probe", "13 statistics of the whole picture", "4 statistics of local contrast"


def page(cache: Path, *, command: str) -> str:
    """Measure and return the page as Markdown."""
    return fill(
        Path(__file__).with_suffix(".md"),
        command=command,
        patches=f"{MEMORY_PATCHES:,}",
        candidates=f"{CANDIDATES:,}",
        neighbours=NEIGHBOURS,
        probe_px=PROBE_PX,
        cell_px=CELL_PX,
        textile_good=TEXTILE_GOOD + 1,
        assembly_seed=ASSEMBLY_SEED,
        block=BLOCK_CELLS,
        resamples=f"{RESAMPLES:,}",
        seeds=len(SEEDS),
        cells=cells_table(cache),
        runs=runs_table(cache),
        textile=textile_table(cache),
        assembly=assembly_table(cache),
    )


def cells_table(cache: Path) -> str:
    """The held-out mono runs and all poly cells, by scorers that learned from the training modules."""
    cells, lines, by_scorer = load_cells(), [], cell_scores(cache)
    defective, certain = cell_flags(cells)
    validation, sets = [cell.row for cell in validation_cells()], cell_sets(cells)
    for name, rows in sets.items():
        for scorer, seeds in by_scorer.items():
            thresholds = [best_threshold(scores[validation], defective[validation]) for scores in seeds]
            q = quality([scores[rows] for scores in seeds], thresholds, defective[rows], certain[rows], rows)
            figures = (f"{q.auroc_certain:.3f}", f"{q.macro_f1:.3f}", f"{q.escape:.1%}", f"{q.overkill:.1%}")
            lines.append(row(name, scorer, q.auroc, f"{q.spread[0]:.3f} to {q.spread[1]:.3f}", *figures))
    return table(("cells", "scorer", "AUROC (95 % interval)", "seeds", "certain", "macro-F1", "escape", "overkill"), lines)


def cell_scores(cache: Path) -> dict[str, list[Scores]]:
    """Scores of source validation, held-out mono and poly cells by scorer and seed, float64 (2624,), nan elsewhere; made once."""
    cells = load_cells()
    measured = sorted({cell.row for cell in validation_cells()}.union(*cell_sets(cells).values()))
    good = [cell.row for cell in training_cells() if cell.probability == 0]
    by_scorer: dict[str, list[Scores]] = {}

    def patches(seed: int) -> Scores:
        return unusual_scores(cell_maps(cache), good, measured, seed)

    for seed in SEEDS:
        for name, scores in _kept(cache / f"cells-seed{seed}.npy", partial(patches, seed)).items():
            by_scorer.setdefault(name, []).append(all_rows(scores, measured, len(cells)))
    by_scorer[PROBE] = [linear_probe(cell_features(cache), cell_flags(cells)[0], [cell.row for cell in training_cells()])]
    return by_scorer


def runs_table(cache: Path) -> str:
    """The ten production runs, each by scorers that learned from the nine others."""
    cells = load_cells()
    maps, features, (defective, _) = cell_maps(cache), cell_features(cache), cell_flags(cells)
    by_scorer: dict[str, list[Scores]] = {}

    def patches(training: Sequence[int], measured: Sequence[int], *, seed: int) -> Scores:
        return unusual_scores(maps, [one for one in training if cells[one].probability == 0], measured, seed)

    def probe(training: Sequence[int], measured: Sequence[int]) -> Scores:
        return linear_probe(features, defective, training)[list(measured)]

    for seed in SEEDS:
        scorer = partial(patches, seed=seed)
        for name, scores in _kept(cache / f"runs-seed{seed}.npy", partial(leave_one_run_out, scorer)).items():
            by_scorer.setdefault(name, []).append(scores)
    by_scorer[PROBE] = [leave_one_run_out(probe)]
    heads = ("scorer", "pooled AUROC (95 % interval)", "mean over runs", *(f"{run.start} to {run.stop - 1}" for run in RUNS))
    lines = []
    for name, seeds in by_scorer.items():
        q = runs_quality(seeds, defective)
        lines.append(row(name, q.pooled, q.mean, *(f"{one:.3f}" for one in q.by_run)))
    return table(heads, lines)


def textile_table(cache: Path) -> str:
    """Local and global defects of a woven textile beside nominal pictures."""
    pictures = {kind: [read_picture(path) for path in textile_paths(kind)] for kind in ("nominal", "local", "global")}
    good, asked = pictures["nominal"][:TEXTILE_GOOD], pictures | {"nominal": pictures["nominal"][TEXTILE_GOOD:]}
    return good_counts_table(cache, "textile", good, asked.pop("nominal"), asked)


def assembly_table(cache: Path) -> str:
    """Each kind of fault of a rendered part beside good parts."""
    folder = rendered(cache / f"assembly-seed{ASSEMBLY_SEED}", seed=ASSEMBLY_SEED, good=max(GOOD_COUNTS), bad=ASSEMBLY_BAD)

    def read(pattern: str) -> list[Pixels]:
        return [read_picture(path) for path in sorted(folder.glob(pattern), key=lambda path: (path.stem, path.parent))]

    return good_counts_table(
        cache, folder.name, read("good/*/*.png"), read("test/good/*.png"), {kind: read(f"test/{kind}/*.png") for kind in FAULTS}
    )


def rendered(folder: Path, *, seed: int, good: int, bad: int) -> Path:
    """The folder of rendered parts, made first if it is not there."""
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        write_folders(unfinished, seed=seed, good=good, bad=bad)
        unfinished.rename(folder)
    return folder


def good_counts_table(
    cache: Path, name: str, good: Sequence[Pixels], measured_good: Sequence[Pixels], bad: Mapping[str, Sequence[Pixels]]
) -> str:
    """AUROC of each kind of `bad` pictures against `measured_good`, by scorers that learned from the first of `good`."""
    pictures = [*good, *measured_good, *(picture for some in bad.values() for picture in some)]
    maps = _maps(cache / f"{name}-stride8.npy", lambda: pictures)
    kinds = np.repeat(["good", "measured", *bad], [len(good), len(measured_good), *map(len, bad.values())])
    measured = np.flatnonzero(kinds != "good").tolist()
    lines = []
    for count in (number for number in GOOD_COUNTS if number <= len(good)):
        by_scorer: dict[str, list[Scores]] = {}
        for seed in SEEDS:
            measure = partial(unusual_scores, maps, range(count), measured, seed)
            for scorer, scores in _kept(cache / f"{name}-good{count}-seed{seed}.npy", measure).items():
                by_scorer.setdefault(scorer, []).append(scores)
        asked = [pictures[i] for i in measured]
        by_scorer |= {WHOLE: [whole_picture_scores(good[:count], asked)], LOCAL: [local_contrast_scores(good[:count], asked)]}
        lines += [row(count, scorer, *_aurocs(seeds, kinds[measured], list(bad))) for scorer, seeds in by_scorer.items()]
    return table(("good pictures", "scorer", *bad, "all"), lines)


def _aurocs(seeds: Sequence[Scores], kinds: NDArray[np.str_], bad: Sequence[str]) -> list[str]:
    """The mean AUROC over seeds of each kind, and of all bad ones together."""
    found = []
    for counted in (*([kind] for kind in bad), bad):
        rows = np.isin(kinds, ["measured", *counted])
        found.append(f"{np.mean([auroc(scores[rows], kinds[rows] != 'measured') for scores in seeds]):.3f}")
    return found


def unusual_scores(maps: Maps, good: Sequence[int], measured: Sequence[int], seed: int) -> Scores:
    """Scores of the pictures `measured` beside the `good` ones, float64 (N, 2): by the most unusual patch, and by the most unusual 1 %."""
    memory = PatchMemory.learn(maps[list(good)], seed=seed)
    distances = np.stack([np.sort(memory.distances(maps[one : one + 1]).ravel())[::-1] for one in measured]).astype(np.float64)
    some = max(1, round(UNUSUAL_SHARE * distances.shape[1]))
    return np.stack([distances[:, 0], distances[:, :some].mean(1)], 1)


def _kept(path: Path, measure: Callable[[], Scores]) -> dict[str, Scores]:
    """The two columns of `unusual_scores` by the names of their scorers."""
    scores = np.asarray(kept(path, measure), np.float64)
    return {ONE_PATCH: scores[:, 0], SOME_PATCHES: scores[:, 1]}


def all_rows(scores: Scores, rows: Sequence[int], count: int) -> Scores:
    """Scores of some rows as an array of all, float64 (count,), nan elsewhere."""
    array = np.full(count, np.nan)
    array[list(rows)] = scores
    return array


def cell_maps(cache: Path) -> Maps:
    """Features of stride 8 of all cells, float16 (2624, 20, 20, 40)."""
    return _maps(cache / "cells-stride8.npy", lambda: _cells(CELL_PX))


def cell_features(cache: Path) -> NDArray[np.float32]:
    """Averaged features of all cells, float32 (2624, 1280)."""
    return np.asarray(kept(cache / "cells-pooled.npy", lambda: pooled_features(_cells(PROBE_PX))), np.float32)


def _maps(path: Path, pictures: Callable[[], Sequence[Pixels]]) -> Maps:
    return np.asarray(kept(path, lambda: feature_maps(pictures(), stride=8)), np.float16)


def _cells(side_px: int) -> list[Pixels]:
    """All cells as the box's describer sees them, uint8 (S, S, 3) BGR: brought to the same median, so that exposure does not matter."""
    seen = ImagePreprocess(size=side_px, mean=(0.0, 0.0, 0.0), std=(1 / 255, 1 / 255, 1 / 255), gain="median")
    levels = (pixel_values(read_picture(cell.path), seen)[0, ::-1].transpose(1, 2, 0) for cell in load_cells())
    return [np.clip(np.round(one), 0, 255).astype(np.uint8) for one in levels]


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and write the page."""
    parser = study_parser(
        "alternatives", "Measure what a user would take instead: patch memory, probe, statistics.", keeps="features and rendered pictures"
    )
    options = parser.parse_args(arguments)
    return write_page(parser, options, lambda command: page(options.work, command=command))


if __name__ == "__main__":
    sys.exit(main())
