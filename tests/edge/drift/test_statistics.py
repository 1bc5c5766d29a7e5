from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportions_ztest

from edge.drift.statistics import discoveries, incomplete_beta, rare_events, two_sided


@pytest.mark.parametrize(
    ("count", "parts", "before", "parts_before"), [(12, 400, 420, 42_000), (40, 400, 4, 400), (399, 400, 4_000, 4_800)]
)
def test_two_shares_are_tested_as_statsmodels_does(count: int, parts: int, before: int, parts_before: int) -> None:
    pooled = (count + before) / (parts + parts_before)
    z = (count / parts - before / parts_before) / math.sqrt(pooled * (1 - pooled) * (1 / parts + 1 / parts_before))

    expected_z, expected_p = proportions_ztest([count, before], [parts, parts_before])

    assert z == pytest.approx(expected_z)
    assert two_sided(z) == pytest.approx(expected_p, rel=1e-9)


@pytest.mark.parametrize("z", [-6.0, -1.5, 0.0, 0.3, 4.2])
@pytest.mark.parametrize("degrees", [6.0, 13.7, 41.0])
def test_a_p_value_of_students_t_is_that_of_scipy(z: float, degrees: float) -> None:
    assert two_sided(z, degrees=degrees) == pytest.approx(2 * stats.t.sf(abs(z), degrees), rel=1e-9)


@pytest.mark.parametrize(("a", "b", "x"), [(0.5, 0.5, 0.2), (20.5, 0.5, 0.9), (3.25, 400.0, 0.01), (12.0, 421.0, 0.0094), (5.0, 2.0, 0.0)])
def test_the_incomplete_beta_function_is_that_of_scipy(a: float, b: float, x: float) -> None:
    assert incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-9)


def test_rare_events_are_tested_exactly() -> None:
    expected = 2 * stats.binom.sf(4, 9, 400 / 40_400)

    assert rare_events(5, 400, 4, 40_000) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_discoveries_are_those_of_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p_values = [*(rng.random(180) ** 1.2), *(rng.random(20) * 0.004)]

    told = discoveries(p_values, 0.1)

    assert list(told) == multipletests(p_values, alpha=0.1, method="fdr_bh")[0].tolist()
    assert 0 < sum(told) < 200
