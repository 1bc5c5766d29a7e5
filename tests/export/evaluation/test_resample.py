from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from export.evaluation.resample import LEAST_OF_A_CLASS, Resampler


def drawn(blocks: int, each: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    bad = rng.random(blocks * each) < 0.3
    return np.repeat(np.arange(blocks), each), bad, np.round(rng.standard_normal(blocks * each) + bad, 1)


def test_a_resampled_auroc_is_that_of_the_drawn_pictures() -> None:
    block_of, bad, scores = drawn(8, 6)
    shuffled = np.random.default_rng(1).permutation(len(bad))
    block_of, bad, scores = block_of[shuffled], bad[shuffled], scores[shuffled]
    resampler = Resampler(block_of, bad, resamples=20)

    found = resampler.aurocs([scores, -scores], np.ones_like(bad))
    draws = np.random.default_rng(0).multinomial(8, np.full(8, 1 / 8), size=20)
    for auroc, counts in zip(found, draws, strict=True):
        rows = np.concatenate([np.tile(np.flatnonzero(block_of == block), count) for block, count in enumerate(counts)])
        assert auroc == pytest.approx((roc_auc_score(bad[rows], scores[rows]) + roc_auc_score(bad[rows], -scores[rows])) / 2)


def test_pictures_without_a_score_do_not_count() -> None:
    block_of, bad, scores = drawn(6, 8)
    judged = np.arange(len(bad)) % 3 > 0
    worse = np.where(judged, scores, 99.0)

    first, second = (Resampler(block_of, bad, resamples=50).aurocs([one], judged) for one in (scores, worse))

    assert np.array_equal(first, second, equal_nan=True)


def test_the_interval_holds_the_true_share_about_as_often_as_it_says() -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(200):
        shares = rng.beta(2, 6, size=40)  # neighbours are alike
        hits = rng.random((40, 10)) < shares[:, None]
        resampler = Resampler(np.repeat(np.arange(40), 10), hits.ravel(), resamples=300)
        drawn_hits, drawn_all = resampler.drawn_counts(np.stack([hits.ravel(), np.ones(400)]).astype(np.float64)).T
        figure = resampler.figure(float(hits.mean()), drawn_hits / drawn_all)
        assert figure is not None
        assert figure.low is not None
        assert figure.high is not None
        held += figure.low <= 0.25 <= figure.high

    assert 0.88 <= held / 200 <= 0.99


def test_one_block_has_no_interval() -> None:
    block_of, bad, scores = drawn(1, 30)
    resampler = Resampler(block_of, bad)

    figure = resampler.figure(0.7, resampler.aurocs([scores], np.ones_like(bad)))

    assert figure is not None
    assert (figure.low, figure.high) == (None, None)


def test_a_handful_of_pictures_of_a_class_has_no_interval() -> None:
    block_of, scores = np.arange(40), np.random.default_rng(0).normal(size=40)
    few, enough = (Resampler(block_of, np.arange(40) < count) for count in (LEAST_OF_A_CLASS - 1, LEAST_OF_A_CLASS))

    told = [one.figure(0.7, one.aurocs([scores], np.ones(40, bool))) for one in (few, enough)]

    assert [figure is not None and figure.low is not None for figure in told] == [False, True]
