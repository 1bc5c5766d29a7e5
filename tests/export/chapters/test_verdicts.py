"""The decisions of a box: as it comes, with a calibration of the pilot, and counted by domain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.records import Decision
from export.chapters.decided import decided, pooled, share
from export.chapters.errors import ChapterError
from export.chapters.inspected import Inspected
from export.chapters.verdicts import as_it_comes, calibrated, folds_by_block, source_validation
from tests.support.inspected_pictures import inspected, picture

COUNT = 400
DOMAINS = ("one", "two")


def well_judged(*, moved: float = 0.0, shift: float = 2.0) -> Inspected:
    """A judge whose log-odds are right on both domains but for `shift`, and too low by `moved` on the second one."""
    rng = np.random.default_rng(0)
    right = rng.normal(0, 3, COUNT)
    bad = rng.random(COUNT) < 1 / (1 + np.exp(-right))
    return inspected(right + shift - moved * (np.arange(COUNT) >= COUNT // 2), bad, domains=DOMAINS)


def test_decisions_are_counted_by_domain_and_label() -> None:
    log_odds, bad = np.array([-3.0, 3.0, -3.0, 3.0, np.nan, -3.0]), np.array([False, False, True, True, True, False])
    pictures = inspected(log_odds, bad, domains=DOMAINS)

    one, two = decided(pictures, as_it_comes(pictures), seen={"one"})

    assert (one.domain, one.seen, two.seen) == ("one", True, False)
    assert (one.good, one.bad) == ({"OK": 1, "NG": 1, "REVIEW": 0, "FAULT": 0}, {"OK": 1, "NG": 0, "REVIEW": 0, "FAULT": 0})
    assert (one.escape.count, one.escape.of, one.overkill.count, one.overkill.of) == (1, 1, 1, 2)
    assert two.bad == {"OK": 0, "NG": 1, "REVIEW": 0, "FAULT": 1}
    assert two.reasons == {"blank": 1}
    assert (two.review.count, two.review.of) == (1, 3)


def test_domains_together_are_the_sum_of_their_counts() -> None:
    pictures = well_judged()
    one, two = decided(pictures, as_it_comes(pictures), seen={"one"})

    both = pooled([one, two], domain="both")

    assert both.escape.of == int(pictures.bad.sum())
    assert both.escape.count == one.escape.count + two.escape.count
    assert sum(both.good.values()) + sum(both.bad.values()) == COUNT
    assert not both.seen


def test_nothing_seen_is_any_share() -> None:
    assert (share(0, 0).low, share(0, 0).high, share(0, 0).value) == (0.0, 1.0, None)
    assert share(0, 148).high == pytest.approx(0.0246, abs=1e-4)


def test_a_calibration_of_the_source_keeps_its_escape_on_like_pictures_and_not_on_changed_ones() -> None:
    source = np.arange(COUNT) < COUNT // 2
    escapes = [
        decided(pictures, calibrated(pictures, source, escape=0.05), seen={"one"})[1].escape
        for pictures in (well_judged(), well_judged(moved=6.0))
    ]
    alike, changed = escapes
    assert alike.low <= 0.05
    assert changed.low > 0.2


def test_no_picture_is_decided_by_a_calibration_that_knows_its_block() -> None:
    pictures, source = well_judged(), np.arange(COUNT) < COUNT // 2
    flipped = pictures.bad.copy()
    flipped[:5] = ~flipped[:5]

    before, after = (calibrated(one, source, escape=0.05).verdicts for one in (pictures, replace(pictures, bad=flipped)))

    assert before[:5] == after[:5]
    assert before[COUNT // 2 :] != after[COUNT // 2 :]


def test_folds_split_no_block() -> None:
    blocks = [f"block {number // 3}" for number in range(40)]
    folds = list(folds_by_block(blocks)(40))
    assert len(folds) == 10
    assert sorted(row for _, held_out in folds for row in held_out) == list(range(40))
    assert all(not {blocks[row] for row in others} & {blocks[row] for row in held_out} for others, held_out in folds)


def test_a_fault_stays_a_fault_whatever_is_calibrated() -> None:
    pictures = well_judged()
    log_odds = pictures.log_odds
    log_odds[[3, 300]] = np.nan
    broken = inspected(log_odds, pictures.bad, domains=DOMAINS)

    given = calibrated(broken, np.arange(COUNT) < COUNT // 2, escape=0.05).verdicts

    assert [given[row].decision for row in (3, 300)] == [Decision.FAULT] * 2
    assert np.isnan(broken.log_odds[[3, 300]]).all()


def test_too_few_pictures_or_one_block_give_no_calibration() -> None:
    pictures = well_judged()
    few = np.arange(COUNT) < 10
    with pytest.raises(ChapterError, match=r"the source has \d good and \d defective pictures, and 10 of each are needed"):
        calibrated(pictures, few, escape=0.05)
    one_block = replace(pictures, pictures=tuple(replace(one, block="same") for one in pictures.pictures))
    with pytest.raises(ChapterError, match="of one block, and two are needed"):
        calibrated(one_block, np.ones(COUNT, np.bool_), escape=0.05)


def test_marked_pictures_of_the_seen_domains_are_the_source_else_all_of_them() -> None:
    plain = [picture("one", 0, bad=False), picture("two", 1, bad=True)]
    marked = [picture("one", 2, bad=False, split="validation"), picture("two", 3, bad=True, split="validation")]
    assert source_validation(plain, {"one"}).tolist() == [True, False]
    assert source_validation([*plain, *marked], {"one"}).tolist() == [False, False, True, False]
