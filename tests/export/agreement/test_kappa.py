"""Kappa and its standard errors, beside statsmodels and beside figures that were published."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa, fleiss_kappa
from statsmodels.stats.proportion import proportion_confint

from export.agreement.interval import share_of
from export.agreement.kappa import cohen, cohen_of_table, fleiss, fleiss_of_counts

FLEISS_1971 = [
    (0, 0, 0, 6, 0), (0, 3, 0, 0, 3), (0, 1, 4, 0, 1), (0, 0, 0, 0, 6), (0, 3, 0, 3, 0), (2, 0, 4, 0, 0),
    (0, 0, 4, 0, 2), (2, 0, 3, 1, 0), (2, 0, 0, 4, 0), (0, 0, 0, 0, 6), (1, 0, 0, 5, 0), (1, 1, 0, 4, 0),
    (0, 3, 3, 0, 0), (1, 0, 0, 5, 0), (0, 2, 0, 3, 1), (0, 0, 5, 0, 1), (3, 0, 0, 1, 2), (5, 1, 0, 0, 0),
    (0, 2, 0, 4, 0), (1, 0, 2, 0, 3), (0, 0, 0, 0, 6), (0, 1, 0, 5, 0), (0, 2, 0, 1, 3), (2, 0, 0, 4, 0),
    (1, 0, 0, 4, 1), (0, 5, 0, 1, 0), (4, 0, 0, 0, 2), (0, 2, 0, 4, 0), (1, 0, 5, 0, 0), (0, 0, 0, 0, 6),
]  # fmt: skip
"""Of 30 patients, how many of 6 psychiatrists chose each of 5 diagnoses: Fleiss, Psychological Bulletin 76 (1971), table 1."""


def test_fleiss_kappa_and_its_standard_error_are_those_of_the_published_example() -> None:
    kappa, se = fleiss_of_counts(np.array(FLEISS_1971, np.float64))

    assert kappa == pytest.approx(0.430, abs=5e-4)  # as printed in the article
    assert kappa is not None
    assert se is not None
    assert kappa / se == pytest.approx(17.65183, abs=1e-5)  # R, irr::kappam.fleiss: z = 17.7


@pytest.mark.parametrize("seed", range(20))
def test_cohens_kappa_and_its_standard_error_are_those_of_statsmodels(seed: int) -> None:
    table = np.random.default_rng(seed).integers(1, 60, (2 + seed % 3,) * 2).astype(np.float64)

    kappa, se = cohen_of_table(table)

    theirs = cohens_kappa(table)
    assert kappa == pytest.approx(theirs.kappa, abs=1e-12)
    assert se == pytest.approx(theirs.std_kappa, abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_fleiss_kappa_is_that_of_statsmodels(seed: int) -> None:
    answers = np.random.default_rng(seed).random((40, 2 + seed % 5)) < 0.3
    bad = answers.sum(axis=1)

    assert fleiss(answers).value == pytest.approx(fleiss_kappa(np.stack([bad, answers.shape[1] - bad], axis=1)), abs=1e-12)


@pytest.mark.parametrize(("count", "of"), [(0, 1), (0, 50), (1, 50), (42, 50), (50, 50), (3, 48), (5, 102), (1, 1)])
def test_an_interval_is_the_exact_one_of_statsmodels(count: int, of: int) -> None:
    share = share_of(count, of)

    assert (share.low, share.high) == pytest.approx(proportion_confint(count, of, alpha=0.05, method="beta"), abs=1e-12)
    assert share.share == count / of


def test_a_share_of_nothing_has_no_figure() -> None:
    assert share_of(0, 0).share is share_of(0, 0).low is share_of(0, 0).high is None


def test_answers_of_one_kind_have_no_kappa() -> None:
    same = np.zeros((10, 2), np.bool_)

    assert fleiss(same).value is fleiss(same).se is fleiss(same).se_parts is None
    assert cohen(same, same).value is cohen(same, same).se_parts is None


def test_one_trial_is_paired_with_every_trial_of_the_other() -> None:
    answers = np.array([[True, True, False], [False, False, False], [True, True, True], [False, True, False]])
    once = np.array([[True], [False], [True], [False]])

    # Of 12 pairs: both NG 5, NG and OK 1 (as the other says), OK and NG 1, both OK 5. Chance 1/2, agreement 10/12, kappa 2/3.
    assert cohen(answers, once).value == pytest.approx(2 / 3)
    assert cohen(once, answers).value == pytest.approx(2 / 3)


def test_trials_that_repeat_each_other_leave_the_error_over_parts_as_it_is_and_shrink_that_of_the_formula() -> None:
    generator = np.random.default_rng(5)
    standard = generator.random((60, 1)) < 0.4
    once = standard ^ (generator.random((60, 1)) < 0.1)

    one, four = cohen(once, standard), cohen(np.repeat(once, 4, axis=1), standard)

    assert four.value == pytest.approx(one.value)
    assert one.se is not None
    assert four.se == pytest.approx(one.se / 2)
    assert four.se_parts == pytest.approx(one.se_parts)
    assert one.se_parts == pytest.approx(one.se, rel=0.1)
