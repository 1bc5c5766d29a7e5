from __future__ import annotations

import math
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from export.model_sources import FigureKind, Quantisation
from export.proof.chart import draw
from export.proof.figures import AT_MOST, LIMITS, TRY, Measured, ProofError, Suspect, edit_distance, limited, require_kept, table
from firmware_config.board import Precision
from tests.support.repository import ROOT


def test_every_precision_has_limits_and_advice() -> None:
    assert set(LIMITS) == set(TRY) == {*get_args(Precision), *get_args(Quantisation), "keep", "bundle", "gguf", "adapter"}


def test_the_documented_limits_are_the_limits() -> None:
    text = (ROOT / "docs/export.md").read_text(encoding="utf-8")
    kinds = get_args(FigureKind)
    assert f"| precision | {' | '.join(kinds)} |" in text
    for precision, limits in LIMITS.items():
        row = re.search(rf"^\| {re.escape(precision)} \|(.*)\|$", text[text.index("| precision |") :], re.MULTILINE)
        assert row is not None, precision
        cells = [cell.strip() for cell in row[1].split("|")]
        assert {kind: float(cell) for kind, cell in zip(kinds, cells, strict=True) if cell} == limits


@pytest.mark.parametrize(
    ("kind", "good", "bad"), [(kind, 0.0, 1.0) if kind in AT_MOST else (kind, 1.0, 0.0) for kind in get_args(FigureKind)]
)
def test_a_limit_is_broken_on_its_own_side_and_by_what_is_no_number(kind: FigureKind, good: float, bad: float) -> None:
    for value, kept in ((good, True), (bad, False), (math.nan, False)):
        (found,) = limited([Measured("clip.image", kind, "int8", value)], {kind: 0.5})
        assert found.kept == kept


def test_a_figure_without_a_limit_is_only_row() -> None:
    (found,) = limited([Measured("clip.image", "max_difference", "int8", 12.0)], {})
    assert found.limit is None
    require_kept([found])
    assert "BROKEN" not in table([found])


def test_the_message_names_the_worst_figure_and_draws_it(tmp_path: Path) -> None:
    figures = limited(
        [
            Measured("clip.image", "cosine", "int8", 0.98),
            Measured("blip.decoder", "agreement", "int4", 0.1),
            Measured("verdict", "probability", "bundle", 0.01),
        ],
        {},
    )
    suspects = [Suspect("clip.image", f"encoder/mlp/fc{number}", 12, 0.9 + number / 1000) for number in range(30)]
    with pytest.raises(
        ProofError, match=r"2 of 3 figures .* worst blip\.decoder \(agreement 0\.10000, limit 0\.8\) in int4: try int8"
    ) as caught:
        require_kept(figures, lambda broken: suspects if broken.stage == "clip.image" else [])
    lines = str(caught.value).splitlines()
    assert sum("BROKEN" in line for line in lines) == 2
    assert "encoder/mlp/fc0" in lines[-5]
    assert len(lines) == 1 + 4 + 1 + 5
    draw(caught.value.figures, caught.value.suspects, tmp_path / "proof.png")
    assert (tmp_path / "proof.png").stat().st_size > 10_000


def test_edit_distance_is_levenshteins_by_the_longer_length() -> None:
    assert edit_distance("kitten", "sitting") == pytest.approx(3 / 7)
    assert edit_distance([], []) == 0
    assert edit_distance([1, 2], []) == 1
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 4, 9).tolist(), rng.integers(0, 4, 7).tolist()
    assert edit_distance(one, other) == edit_distance(other, one)


@pytest.mark.parametrize(("precision", "advice"), [("int8", "int8-full, fp32 or none"), ("int8-full", "fp32 or none"), ("fp32", "none")])
def test_what_has_just_failed_is_not_advised_for_a_graph(precision: str, advice: str) -> None:
    figures = limited([Measured("judge.graph", "agreement", precision, 0.5)], {"agreement": 0.8})

    with pytest.raises(ProofError, match=rf"in {precision}: try {advice} as \[llm\] graph"):
        require_kept(figures)
