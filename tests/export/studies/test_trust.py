from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from export.starter.cells import HELD_OUT_MONO
from export.studies.protocol import blocks, bootstrap, share
from export.studies.trust.measure import (
    CLEAN,
    LARGE,
    Stated,
    Way,
    coverage_on,
    coverage_on_source,
    dealt_blocks,
    kept,
    risk_coverage,
    rule_of,
    sources,
    stated,
    uncalibrated,
)
from export.studies.trust.plots import draw_promise, draw_reliability, draw_risk
from firmware_config.labels import Label
from tests.support.sample_records import description, station

COUNT = 600
SOURCE, TARGET = list(range(300)), list(range(300, COUNT))


def way(*, lean: float = 0.0, other: float = 0.0) -> Way:
    """A judge that leans by `lean` everywhere and by `other` more on the target."""
    rng = np.random.default_rng(0)
    log_odds = rng.normal(0, 2, COUNT)
    bad = rng.random(COUNT) < 1 / (1 + np.exp(-log_odds))
    scored = log_odds + lean + other * (np.arange(COUNT) >= len(SOURCE))
    labels = (Label(name="good", decision="ok"), Label(name="defective", decision="ng"))
    told = station().model_copy(update={"labels": labels})
    return Way("judge", np.stack([np.zeros(COUNT), scored], -1), told, [description()] * COUNT, bad)


def test_the_sources_share_no_cell_with_what_is_measured() -> None:
    known = sources()
    held_out = {row for part in HELD_OUT_MONO for row in part}
    assert (len(known[CLEAN]), len(known[LARGE])) == (132, 894)
    assert set(known[CLEAN]) < set(known[LARGE])
    assert not held_out & set(known[LARGE])


def test_calibration_mends_a_leaning_judge_also_where_it_leans_alike() -> None:
    leaning = way(lean=2.0)
    assert uncalibrated(leaning, TARGET).error > 0.15
    assert stated(leaning, "logistic", SOURCE, TARGET).error < 0.07
    assert stated(leaning, "logistic", SOURCE, SOURCE).error < 0.07


def test_calibration_does_not_mend_what_changes_after_it() -> None:
    assert stated(way(other=3.0), "logistic", SOURCE, TARGET).error > 0.15


def test_a_promise_is_kept_where_pictures_come_alike_and_broken_where_they_do_not() -> None:
    alike, changed = kept(way(), SOURCE, TARGET), kept(way(other=-4.0), SOURCE, TARGET)
    assert alike.escape.low <= alike.escape.value <= alike.escape.high
    assert alike.escape.value <= 0.05
    assert changed.escape.value > 0.2


def test_on_the_source_no_cell_is_told_by_itself() -> None:
    judge = way()
    turned = replace(judge, defective=judge.defective.copy())
    turned.defective[:30] = ~turned.defective[:30]
    assert stated(turned, "isotonic", SOURCE, SOURCE).chances[:30] == pytest.approx(stated(judge, "isotonic", SOURCE, SOURCE).chances[:30])


def test_dealt_blocks_are_told_by_others_and_differ_from_deal_to_deal() -> None:
    judge = way(lean=2.0)
    turned = replace(judge, defective=judge.defective.copy())
    turned.defective[:15] = ~turned.defective[:15]
    ours, theirs = (dealt_blocks(one, "isotonic", SOURCE) for one in (judge, turned))
    assert all(one.chances[:15] == pytest.approx(other.chances[:15]) for one, other in zip(ours, theirs, strict=True))
    assert any(one.chances[15:] != pytest.approx(other.chances[15:]) for one, other in zip(ours, theirs, strict=True))
    assert len({one.error for one in ours}) > 1
    assert max(one.error for one in dealt_blocks(judge, "logistic", SOURCE)) < 0.08 < uncalibrated(judge, SOURCE).error


def test_sets_hold_the_truth_as_often_as_they_say_on_the_source_alone() -> None:
    judge = way(other=-4.0)
    assert [one.reached for one in coverage_on_source(judge, SOURCE)] == pytest.approx([0.8, 0.9, 0.95], abs=0.03)
    assert [one.reached < one.nominal - 0.1 for one in coverage_on(judge, SOURCE, TARGET)] == [True, True, True]


def test_a_share_has_the_interval_of_the_bootstrap() -> None:
    rng = np.random.default_rng(1)
    of, among = rng.random(200) < 0.3, rng.random(200) < 0.7
    rows = range(200)

    found = share(of, among, rows)

    slow = bootstrap(lambda index: float((of & among)[index].sum() / among[index].sum()), blocks(rows))
    assert (found.value, found.low, found.high) == pytest.approx((slow.value, slow.low, slow.high), abs=0.01)


def test_risk_is_counted_among_the_surest() -> None:
    share_decided, risk = risk_coverage(Stated(np.array([0.6, 0.99, 0.1, 0.3]), np.array([False, True, False, True])))
    assert share_decided == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert risk == pytest.approx([0.0, 0.0, 1 / 3, 0.5])


def test_the_plots_are_pictures(tmp_path: Path) -> None:
    judge = way(lean=1.0)
    pair = uncalibrated(judge, SOURCE), stated(judge, "logistic", SOURCE, SOURCE)
    draw_reliability({"source": pair, "target": pair}, tmp_path / "reliability.png")
    draw_risk({"source": {"judge": pair[0], "control": pair[1]}}, tmp_path / "risk.png")
    draw_promise(
        [("source", "judge", kept(judge, SOURCE, SOURCE)), ("target", "judge", kept(judge, SOURCE, TARGET))], tmp_path / "promise.png"
    )
    for name in ("reliability", "risk", "promise"):
        pixels = cv2.imread(str(tmp_path / f"{name}.png"))
        assert pixels is not None
        assert pixels.std() > 5


def test_a_rule_is_what_a_box_would_be_told() -> None:
    rule = rule_of(way(), SOURCE)
    assert (rule.scale.kind, rule.escape.rate, rule.conformal.coverage) == ("logistic", 0.02, 0.9)
