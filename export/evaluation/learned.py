"""Scorers that learn from labelled pictures in a moment: regression on words and on picture features, trees on measures.

C, or the number of trees, is chosen by AUROC on source validation; of equal ones the smallest. Good and defective pictures weigh the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from edge.judges.linear.terms import terms_of
from edge.judges.prompt import description_text
from edge.records import Words
from export.evaluation.case import Case, Flags, Rows, Scored, Scores
from export.evaluation.errors import NotMeasured
from export.evaluation.thresholds import auroc
from export.findings.remark import Remark

TEXT_STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
PROBE_STRENGTHS = (0.0001, 0.001, 0.01, 0.1)
"""Values of C that are tried."""
TOLERANCE = 1e-3
TREES, LEAVES, TREE_RATE, BINS = 80, 8, 0.1, 64

Predict = Callable[[Rows], Scores]


def text_regression(case: Case) -> Scored:
    """TF-IDF of the words that the judge reads, and logistic regression.

    Raises:
        NotMeasured: the source has one class only, or no words.
    """
    texts = texts_of(case.corpus.words)
    rows, _, _ = training(case)
    vectorizer = TfidfVectorizer(analyzer=terms_of, sublinear_tf=True)
    try:
        vectorizer.fit([texts[row] for row in rows])
    except ValueError as err:  # scikit-learn's word for "no term at all"
        raise NotMeasured(Remark(code="no_words")) from err
    return _regression(case, lambda some: vectorizer.transform([texts[row] for row in some]), TEXT_STRENGTHS)


def probe(case: Case, features: NDArray[np.float32]) -> Scored:
    """Logistic regression on standardised features (N, D) of all pictures of the corpus.

    Raises:
        NotMeasured: the source has one class only, or there are no features.
    """
    if not features.shape[1]:
        raise NotMeasured(Remark(code="no_features"))
    rows, _, _ = training(case)
    scaler = StandardScaler().fit(features[rows])
    return _regression(case, lambda some: np.asarray(scaler.transform(features[some]), np.float32), PROBE_STRENGTHS)


def measure_trees(case: Case) -> Scored:
    """Boosted trees on the picture measures.

    Raises:
        NotMeasured: the source has one class only, or there are no measures.
    """
    measures = case.corpus.measures
    if not measures.shape[1]:
        raise NotMeasured(Remark(code="no_measures"))
    rows, bad, weights = training(case)
    trees = HistGradientBoostingClassifier(
        max_iter=TREES, max_leaf_nodes=LEAVES, learning_rate=TREE_RATE, max_bins=BINS, early_stopping=False, random_state=case.seed
    ).fit(measures[rows], bad, sample_weight=weights)
    stages = list(trees.staged_decision_function(measures[case.validation])) if len(case.validation) else []
    best = int(np.argmax([auroc(_flat(one), case.bad_validation) or 0.0 for one in stages])) if stages else TREES - 1
    on_target = next(one for number, one in enumerate(trees.staged_decision_function(measures[case.target])) if number == best)
    return Scored(_flat(stages[best]) if stages else np.empty(0), _flat(on_target))


def texts_of(words: Sequence[Words]) -> list[str]:
    """The descriptions as the text that the judge reads."""
    return [description_text(one) for one in words]


def training(case: Case) -> tuple[Rows, Flags, Scores]:
    """The rows that teach, what each is taken for, and its weight: the weights of the good and of the defective ones sum to the same.

    Raises:
        NotMeasured: they are of one class only.
    """
    rows = np.concatenate([case.train, case.extra.rows])
    bad = np.concatenate([case.corpus.bad[case.train], case.extra.bad])
    if bad.all() or not bad.any():
        raise NotMeasured(Remark(code="one_class_teaches"))
    weights = np.concatenate([np.ones(len(case.train)), np.full(len(case.extra.rows), case.extra.weight)])
    for side in (bad, ~bad):
        weights[side] *= len(rows) / 2 / weights[side].sum()
    return rows, bad, weights


def _regression(case: Case, features: Callable[[Rows], NDArray[np.float32] | csr_matrix], strengths: Sequence[float]) -> Scored:
    rows, bad, weights = training(case)
    taught, checked = features(rows), features(case.validation) if len(case.validation) else None
    model = LogisticRegression(max_iter=1_000, tol=TOLERANCE, warm_start=True, random_state=0)
    best, chosen, on_validation = -1.0, None, np.empty(0)
    for strength in strengths:
        model.set_params(C=strength).fit(taught, bad, sample_weight=weights)
        scores = _flat(model.decision_function(checked)) if checked is not None else np.empty(0)
        figure = auroc(scores, case.bad_validation) or 0.0
        if figure > best:
            best, chosen, on_validation = figure, (model.coef_.copy(), model.intercept_.copy()), scores
    assert chosen is not None  # noqa: S101 -- strengths are never empty
    model.coef_, model.intercept_ = chosen
    return Scored(on_validation, _flat(model.decision_function(features(case.target))))


def _flat(scores: object) -> Scores:
    return np.asarray(scores, np.float64).reshape(-1)
