"""The controls: ways of scoring the same pictures or the same words that a language model has to beat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edge.bundles import Bundle
from edge.describers.session import open_session
from edge.judges import open_judge
from edge.judges.llama import LlamaModel
from edge.judges.prompt import description_text
from edge.picture.decode import read_picture
from edge.picture.preprocess import pixel_values
from edge.records import Description
from export.pilot.protocol import Flags, Scores
from firmware_config.board import Board
from firmware_config.station import Station

SHUFFLES = range(5)
"""Seeds of the shuffled descriptions."""

MAX_PIXELS, MAX_BYTES = 64_000_000, 256_000_000


def majority(count: int) -> Scores:
    """The same score for every picture."""
    return np.zeros(count)


def linear_probe(features: NDArray[np.float32], defective: Flags, teach: Sequence[int]) -> Scores:
    """Logistic regression on picture features, taught by the rows `teach`, C = 0.003 as for the published figures; log-odds of all."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=3_000, class_weight="balanced"))
    model.fit(features[teach], defective[teach])
    return np.asarray(model.decision_function(features), np.float64)


def words_probe(texts: Sequence[str], defective: Flags, teach: Sequence[int]) -> Scores:
    """TF-IDF of words and pairs of words, and logistic regression, on the rows `teach`; log-odds of all."""
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(max_iter=3_000, class_weight="balanced")
    )
    model.fit([texts[row] for row in teach], defective[teach])
    return np.asarray(model.decision_function(texts), np.float64)


def shuffled(scores: Scores, seed: int) -> Scores:
    """The judge's scores if descriptions were dealt to the wrong pictures: it sees the words alone, so its scores go with them."""
    return np.random.default_rng(seed).permutation(scores)


def image_features(bundle: Bundle, board: Board, pictures: Iterable[Path]) -> NDArray[np.float32]:
    """The bundle's own `image_embeds`, float32 (N, D)."""
    session = open_session(bundle.path(bundle.manifest.clip.vision), board)
    preprocess = bundle.manifest.clip.preprocess
    read = (read_picture(path, max_pixels=MAX_PIXELS, max_bytes=MAX_BYTES) for path in pictures)
    return np.stack([session.run(["image_embeds"], {"pixel_values": pixel_values(pixels, preprocess)})[0][0] for pixels in read]).astype(
        np.float32
    )


def zero_shot(bundle: Bundle, board: Board, station: Station, descriptions: Sequence[Description], rows: Iterable[int]) -> Scores:
    """Probability of not-ok from the same language model without its adapter, of the wanted rows; nan of the others."""
    llm = bundle.manifest.llm
    model = LlamaModel(bundle.path(llm.model), board=board, context_tokens=llm.context_tokens)
    plain = station.model_copy(update={"judge": station.judge.model_copy(update={"adapter": None})})
    judge = open_judge(model, bundle=bundle, station=plain)
    good = [label.decision == "ok" for label in station.labels]
    scores = np.full(len(descriptions), np.nan)
    for row in rows:
        scores[row] = 1 - sum(np.array(judge.score(descriptions[row]).probabilities)[good])
    return scores


def texts_of(descriptions: Iterable[Description]) -> list[str]:
    """The very text that the judge reads."""
    return [description_text(words) for words in descriptions]
