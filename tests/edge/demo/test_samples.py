from __future__ import annotations

from collections import Counter

import pytest

from edge.demo.cells import HELD_OUT_MONO, load_cells
from edge.demo.samples import SAMPLES
from edge.demo.textiles import TEACHING, textile_paths
from edge.texts.demo import TEXTS


def test_the_demo_shows_as_many_mono_as_poly_cells_and_none_of_a_run_that_taught() -> None:
    samples = SAMPLES["solar_cell"](24)
    rows = {cell.path: cell.row for cell in load_cells()}
    held_out = {row for part in HELD_OUT_MONO for row in part}
    assert Counter((sample.material, sample.defective) for sample in samples) == dict.fromkeys(
        [("mono", False), ("mono", True), ("poly", False), ("poly", True)], 6
    )
    assert {rows[sample.path] for sample in samples if sample.material == "mono"} <= held_out


def test_the_demo_shows_textile_that_did_not_teach_and_both_kinds_of_defect() -> None:
    samples = SAMPLES["woven"](24)
    assert Counter(sample.path.parent.name for sample in samples) == {"nominal": 12, "local": 6, "global": 6}
    assert all(sample.defective == (sample.path.parent.name != "nominal") for sample in samples)
    nominal = textile_paths("nominal")
    shown = [nominal.index(sample.path) for sample in SAMPLES["woven"](400) if not sample.defective]
    assert len(shown) == len(set(shown)) == 200
    assert min(shown) >= 600 > max(TEACHING)
    first = {kind: set(textile_paths(kind)[:100]) for kind in ("local", "global")}
    assert {sample.path for sample in SAMPLES["woven"](400) if sample.defective} == first["local"] | first["global"]


@pytest.mark.parametrize("product", SAMPLES)
def test_the_demo_shows_the_same_pictures_every_time_and_its_texts_know_them(product: str) -> None:
    samples = SAMPLES[product](8)
    assert SAMPLES[product](8) == samples
    assert len(samples) == 8
    for texts in TEXTS.values():
        assert texts.pictures[product]
        assert texts.licence[product]
        assert {sample.material for sample in samples} <= set(texts.materials)
