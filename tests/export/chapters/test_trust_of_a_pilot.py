"""What the confidence of a box is worth, measured on its own pictures."""

from __future__ import annotations

import numpy as np
import pytest

from edge.calibration.reliability import calibration_error
from export.chapters.inspected import Inspected
from export.chapters.trust import SOURCE, trust
from export.findings.remark import Remark
from tests.support.inspected_pictures import inspected

COUNT = 400
VALIDATION = np.arange(COUNT) < COUNT // 2


def judged(*, bias: float = 0.0, target_bias: float = 0.0) -> Inspected:
    """A judge whose log-odds are too high by `bias`, and by `target_bias` more on the second domain."""
    rng = np.random.default_rng(1)
    right = rng.normal(0, 2, COUNT)
    bad = rng.random(COUNT) < 1 / (1 + np.exp(-right))
    return inspected(right + bias + target_bias * ~VALIDATION, bad, domains=("one", "two"))


def test_a_bias_is_mended_by_the_calibration_where_the_source_shares_it() -> None:
    found = trust(judged(bias=2.0), VALIDATION)
    assert set(found.ece) == {SOURCE, "two"}
    assert found.ece_as_it_comes["two"] > 0.15
    assert max(found.ece.values()) < 0.09
    assert found.why_not is None


def test_a_bias_of_the_target_alone_is_not_mended_and_breaks_the_promise() -> None:
    found = trust(judged(target_bias=-5.0), VALIDATION)
    assert found.ece["two"] > 0.2
    kept = {(one.domain, one.limit): one.kept for one in found.promises}
    assert kept[SOURCE, 0.05]
    assert kept["two", 0.05] is False


def test_bins_hold_all_pictures_and_give_the_error_again() -> None:
    pictures = judged(bias=2.0)
    found = trust(pictures, VALIDATION)
    bins = found.reliability["two"]
    assert sum(one.pictures for one in bins) == COUNT // 2
    assert all(one.low <= one.probability <= one.high for one in bins)
    weighted = sum(one.pictures * abs(one.probability - one.defective) for one in bins) / (COUNT // 2)
    assert weighted == pytest.approx(found.ece["two"])
    assert calibration_error(np.array([0.5, 0.5]), np.array([True, False])) == pytest.approx(0)


def test_without_enough_source_pictures_it_says_why() -> None:
    found = trust(judged(), np.zeros(COUNT, np.bool_))
    assert found.why_not is not None
    assert found.why_not == Remark(code="too_few_to_calibrate", values={"good": 0, "bad": 0, "least": 10})
    assert not found.ece
    assert not found.promises
