from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, f1_score, roc_auc_score

from export.evaluation.case import Case, Scored
from export.evaluation.measure import calls_of, measure, probabilities
from export.evaluation.resample import Resampler
from tests.support.drawn_corpora import drawn_corpus

CORPUS = drawn_corpus(each=90)
SOURCE, TARGET = np.arange(180), np.arange(180, 270)
CASE = Case(CORPUS, SOURCE[:90], SOURCE[90:], TARGET, 0)


def resampler() -> Resampler:
    return Resampler(np.repeat(np.arange(18), 5), CORPUS.bad[TARGET])


def scored(seed: int, *, noise: float = 1.0) -> Scored:
    scores = CORPUS.bad + noise * np.random.default_rng(seed).standard_normal(len(CORPUS))
    return Scored(scores[CASE.validation], scores[TARGET])


def test_figures_are_those_of_scikit_learn_as_means_over_seeds() -> None:
    seeds = [(CASE, scored(seed)) for seed in range(3)]

    found = measure("box", seeds, resampler(), reference=None)

    calls = [called for case, one in seeds if (called := calls_of(case, one)) is not None]
    aurocs = [roc_auc_score(CASE.bad, one.target) for _, one in seeds]
    assert found.auroc_by_seed == pytest.approx(aurocs)
    assert found.auroc is not None
    assert found.auroc.value == pytest.approx(np.mean(aurocs))
    bad, found_by_seed = CASE.bad, np.array(calls) == 1
    for figure, values in (
        (found.macro_f1, [f1_score(bad, one, average="macro") for one in found_by_seed]),
        (found.balanced_accuracy, [balanced_accuracy_score(bad, one) for one in found_by_seed]),
        (found.escape, [(~one[bad]).mean() for one in found_by_seed]),
        (found.overkill, [one[~bad].mean() for one in found_by_seed]),
    ):
        assert figure is not None
        assert figure.value == pytest.approx(np.mean(values))
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low < figure.value < figure.high
    likely = [p for case, one in seeds if (p := probabilities(case, one)) is not None]
    assert found.brier == pytest.approx(np.mean([brier_score_loss(CASE.bad, p) for p in likely]))


def test_a_picture_without_an_answer_is_wrong_but_no_escape_and_no_false_alarm() -> None:
    calls = np.where(np.arange(90) < 30, -1, CASE.bad).astype(np.int8)
    silent = Scored(np.full(90, np.nan), np.full(90, np.nan), calls=calls, ranks=False)

    found = measure("zero_shot_generate", [(CASE, silent)], resampler(), reference=None)

    assert (found.auroc, found.brier, found.source_auroc, found.risk_coverage, found.at_escape) == (None, None, None, (), ())
    assert found.abstained == pytest.approx(1 / 3)
    assert found.escape is not None
    assert found.overkill is not None
    assert (found.escape.value, found.overkill.value) == (0.0, 0.0)
    assert found.macro_f1 is not None
    assert found.macro_f1.value == pytest.approx(f1_score(CASE.bad.astype(int), calls, labels=[0, 1], average="macro"))


def test_a_better_reference_is_ahead_and_the_same_scores_are_not() -> None:
    good, poor = [(CASE, scored(1, noise=0.3))], [(CASE, scored(2, noise=2.0))]

    behind, same = (measure("darkness", some, resampler(), reference=good).behind_reference for some in (poor, good))

    assert behind is not None
    assert behind.low is not None
    assert behind.low > 0
    assert same is not None
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


def test_pairs_count_the_pictures_that_both_judged() -> None:
    half = scored(1)
    half = replace(half, target=np.where(np.arange(90) < 45, np.nan, half.target))

    found = measure("box", [(CASE, half)], resampler(), reference=[(CASE, scored(1))])

    assert found.abstained == pytest.approx(0.5)
    assert found.behind_reference is not None
    assert found.behind_reference.value == pytest.approx(0.0)


def test_thresholds_come_from_the_source_alone() -> None:
    one = scored(1)
    other = replace(CASE, corpus=replace(CORPUS, bad=np.where(np.arange(len(CORPUS)) >= 180, ~CORPUS.bad, CORPUS.bad)))

    first, second = calls_of(CASE, one), calls_of(other, one)
    assert first is not None
    assert second is not None
    assert np.array_equal(first, second)


def test_the_escape_on_the_source_is_kept_at_each_limit() -> None:
    one = scored(1)
    source = Case(CORPUS, CASE.train, CASE.validation, CASE.validation, 0)
    found = measure(
        "box", [(source, Scored(one.validation, one.validation))], Resampler(np.repeat(np.arange(18), 5), source.bad), reference=None
    )

    assert [at.limit for at in found.at_escape] == [0.01, 0.02, 0.05]
    assert all(at.escape <= at.limit for at in found.at_escape)
    overkills = [at.overkill for at in found.at_escape]
    assert overkills == sorted(overkills, reverse=True)


def test_the_surest_pictures_have_the_fewest_mistakes_and_all_are_told_at_the_end() -> None:
    found = measure("box", [(CASE, scored(1, noise=0.4))], resampler(), reference=None)

    shares, risks = zip(*found.risk_coverage, strict=True)
    assert shares[-1] == pytest.approx(1.0)
    assert risks[0] < risks[-1]


def test_a_target_of_one_class_has_the_figures_that_it_can_have() -> None:
    target = TARGET[~CORPUS.bad[TARGET]]
    case, one = replace(CASE, target=target), scored(1)
    only_good = Scored(one.validation, one.target[~CASE.bad])

    found = measure("box", [(case, only_good)], Resampler(np.arange(len(target)), case.bad), reference=None)

    assert (found.auroc, found.macro_f1, found.balanced_accuracy, found.escape) == (None, None, None, None)
    assert found.overkill is not None
