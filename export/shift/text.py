"""Descriptions as numbers, for the shift of words: TF-IDF of the terms of a linear judge, then a truncated SVD. No label is read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from edge.judges.linear.terms import terms_of
from edge.judges.prompt import description_text
from edge.records import Words

DIMENSIONS = 64


def text_features(words: Sequence[Words]) -> NDArray[np.float32]:
    """Each description as at most 64 numbers, float32 (N, D), fitted on all of them; D is 1, all of it 0, where all say the same."""
    texts = [description_text(one) for one in words]
    if len({tuple(terms_of(text)) for text in texts}) < 2:
        return np.zeros((len(texts), 1), np.float32)
    values = TfidfVectorizer(analyzer=terms_of, sublinear_tf=True).fit_transform(texts)
    if values.shape[1] < 2:
        return np.asarray(values.toarray(), np.float32)
    return TruncatedSVD(min(DIMENSIONS, values.shape[1] - 1), random_state=0).fit_transform(values).astype(np.float32)
