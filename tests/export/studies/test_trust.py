from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from export.studies.seed_files import CLIP_PROBE, LANGUAGE_MODEL, LINEAR
from export.studies.trust.measure import (
    Predictions,
    Scorer,
    calibrated,
    calibrated_on_shuffled_blocks,
    coverage_on,
    coverage_on_source,
    decision_rates,
    risk_coverage,
    rule_of,
    uncalibrated,
)
from export.studies.trust.page import write_page
from export.studies.trust.plots import draw_guarantee, draw_reliability, draw_risk
from firmware_config.labels import Label
from tests.support.sample_records import description, station
from tests.support.studied_seeds import CELLS, studied

COUNT = 600
SOURCE, TARGET = list(range(300)), list(range(300, COUNT))


def scorer(*, bias: float = 0.0, target_bias: float = 0.0) -> Scorer:
    """A judge whose log-odds of a defect are too high by `bias` everywhere, and by `target_bias` more on the target."""
    rng = np.random.default_rng(0)
    log_odds = rng.normal(0, 2, COUNT)
    defective = rng.random(COUNT) < 1 / (1 + np.exp(-log_odds))
    scored = log_odds + bias + target_bias * (np.arange(COUNT) >= len(SOURCE))
    labels = (Label(name="good", decision="ok"), Label(name="defective", decision="ng"))
    two_labels = station().model_copy(update={"labels": labels})
    return Scorer("judge", np.stack([np.zeros(COUNT), scored], -1), two_labels, [description()] * COUNT, defective)


def with_flipped_labels(judge: Scorer, count: int) -> Scorer:
    """The same scores with the labels of the first cells inverted."""
    flipped = judge.defective.copy()
    flipped[:count] = ~flipped[:count]
    return replace(judge, defective=flipped)


def test_calibration_corrects_a_bias_that_the_target_shares() -> None:
    biased = scorer(bias=2.0)
    assert uncalibrated(biased, TARGET).error > 0.15
    assert calibrated(biased, "logistic", SOURCE, TARGET).error < 0.07
    assert calibrated(biased, "logistic", SOURCE, SOURCE).error < 0.07


def test_calibration_does_not_correct_a_bias_of_the_target_alone() -> None:
    assert calibrated(scorer(target_bias=3.0), "logistic", SOURCE, TARGET).error > 0.15


def test_the_escape_guarantee_holds_on_like_pictures_and_fails_on_changed_ones() -> None:
    alike, changed = decision_rates(scorer(), SOURCE, TARGET), decision_rates(scorer(target_bias=-4.0), SOURCE, TARGET)
    assert alike.escape.low <= alike.escape.value <= alike.escape.high
    assert alike.escape.value <= 0.05
    assert changed.escape.value > 0.2


def test_no_source_cell_is_calibrated_by_a_fit_on_itself() -> None:
    judge = scorer()
    flipped = with_flipped_labels(judge, 30)
    before, after = (calibrated(one, "isotonic", SOURCE, SOURCE).probabilities[:30] for one in (judge, flipped))
    assert after == pytest.approx(before)


def test_shuffled_blocks_are_calibrated_by_fits_on_other_blocks() -> None:
    judge = scorer(bias=2.0)
    flipped = with_flipped_labels(judge, 15)
    before, after = (calibrated_on_shuffled_blocks(one, "isotonic", SOURCE) for one in (judge, flipped))
    assert all(a.probabilities[:15] == pytest.approx(b.probabilities[:15]) for a, b in zip(before, after, strict=True))
    assert any(a.probabilities[15:] != pytest.approx(b.probabilities[15:]) for a, b in zip(before, after, strict=True))


def test_shuffles_differ_and_each_corrects_a_bias() -> None:
    judge = scorer(bias=2.0)
    assert len({one.error for one in calibrated_on_shuffled_blocks(judge, "isotonic", SOURCE)}) > 1
    assert max(one.error for one in calibrated_on_shuffled_blocks(judge, "logistic", SOURCE)) < 0.08 < uncalibrated(judge, SOURCE).error


def test_prediction_sets_reach_their_coverage_on_the_source_alone() -> None:
    judge = scorer(target_bias=-4.0)
    assert [coverage.reached for coverage in coverage_on_source(judge, SOURCE)] == pytest.approx([0.8, 0.9, 0.95], abs=0.03)
    assert all(coverage.reached < coverage.nominal - 0.1 for coverage in coverage_on(judge, SOURCE, TARGET))


def test_risk_is_counted_among_the_surest() -> None:
    share, risk = risk_coverage(Predictions(np.array([0.6, 0.99, 0.1, 0.3]), np.array([False, True, False, True])))
    assert share == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert risk == pytest.approx([0.0, 0.0, 1 / 3, 0.5])


def test_the_plots_are_pictures_with_content(tmp_path: Path) -> None:
    judge = scorer(bias=1.0)
    pair = uncalibrated(judge, SOURCE), calibrated(judge, "logistic", SOURCE, SOURCE)
    rates = [(name, "judge", decision_rates(judge, SOURCE, rows)) for name, rows in (("source", SOURCE), ("target", TARGET))]
    draw_reliability({"source": pair, "target": pair}, tmp_path / "reliability.png")
    draw_risk({"source": {"judge": pair[0], "control": pair[1]}}, tmp_path / "risk.png")
    draw_guarantee(rates, tmp_path / "guarantee.png")
    for name in ("reliability", "risk", "guarantee"):
        pixels = cv2.imread(str(tmp_path / f"{name}.png"))
        assert pixels is not None
        assert pixels.std() > 5


def test_a_rule_has_the_chosen_fit_escape_and_coverage() -> None:
    rule = rule_of(scorer(), SOURCE)
    assert (rule.scale.kind, rule.escape.rate, rule.conformal.coverage) == ("logistic", 0.02, 0.9)


@pytest.mark.long
def test_the_page_has_both_judges_and_the_control_on_every_set(tmp_path: Path) -> None:
    write_page(studied(1, model=1.0, linear=3.0), CELLS, command="make it", out=tmp_path / "trust.md")
    text = (tmp_path / "trust.md").read_text(encoding="utf-8")
    lines = [tuple(line.strip("| ").split(" | ")) for line in text.splitlines() if line.startswith("| ")]
    decided = {line[:2] for line in lines}
    assert {(name, scorer) for name in CELLS.sets for scorer in (LANGUAGE_MODEL, LINEAR, CLIP_PROBE)} <= decided
    assert "make it" in text
    assert LINEAR in "".join(line for line in text.splitlines() if line.startswith("- **Better calibrated than the language model"))
    assert all((tmp_path / f"trust-{name}.png").is_file() for name in ("reliability", "risk", "guarantee"))
