from __future__ import annotations

from pathlib import Path

import numpy as np

from edge.records import Pixels
from export.studies.alternatives import ONE_PATCH, good_counts_table


def weave(seed: int, *, planted: bool = False) -> Pixels:
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:48, :48]
    grey = 120 + 40 * np.sin(xx * 1.3 + rng.uniform(0, 6)) * np.sin(yy * 0.7 + rng.uniform(0, 6)) + rng.normal(0, 6, xx.shape)
    if planted:
        grey[16:36, 16:36] = 120
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def test_a_table_has_the_auroc_of_each_kind_by_scorer_and_number_of_good_pictures(tmp_path: Path) -> None:
    good, measured, alike = ([weave(seed) for seed in range(first, first + 20)] for first in (0, 100, 200))
    bad = {"hole": [weave(seed, planted=True) for seed in range(300, 310)], "none": alike}

    told = good_counts_table(tmp_path, "weave", good, measured, bad)

    heads, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in told.splitlines()]
    assert heads == ["good pictures", "scorer", "hole", "none", "all"]
    assert [int(row[0]) for row in rows] == [20] * 4
    by_patch = next(row for row in rows if row[1] == ONE_PATCH)
    assert float(by_patch[2]) == 1
    assert 0.2 < float(by_patch[3]) < 0.8
    assert good_counts_table(tmp_path, "weave", good, measured, bad) == told
