"""The controls: other scorers of the same pictures or words, which the judge has to beat."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edge.bundle.open import Bundle
from edge.calibration.scales import fit_temperature, probabilities
from edge.interfaces import Judge
from edge.judges import open_language_model, open_station_judge
from edge.judges.label_judge import LabelJudge
from edge.judges.prompt import Prompt, description_text
from edge.picture.decode import read_picture
from edge.picture.preprocess import pixel_values
from edge.records import Scores as JudgeScores
from edge.records import Words
from edge.runtime.onnx import open_session
from export.studies.protocol import Flags, Scores
from export.tuning.examples import Example
from firmware_config.board import Board
from firmware_config.station import Station

SHUFFLES = range(5)
"""Seeds of the control that shuffles descriptions between pictures."""

MAX_PIXELS, MAX_BYTES = 64_000_000, 256_000_000
"""Limits on a picture that a study reads."""


def majority(count: int) -> Scores:
    """The same score for each of `count` pictures, float64 (count,)."""
    return np.zeros(count)


def linear_probe(features: NDArray[np.float32], defective: Flags, train_rows: Sequence[int]) -> Scores:
    """Logistic regression on picture features (N, D), fitted on `train_rows`; returns log-odds of all rows, float64 (N,).

    C = 0.003 was used for all published figures.
    """
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=3_000, class_weight="balanced"))
    model.fit(features[train_rows], defective[train_rows])
    return np.asarray(model.decision_function(features), np.float64)


def words_probe(texts: Sequence[str], defective: Flags, train_rows: Sequence[int]) -> Scores:
    """Logistic regression on TF-IDF of words and word pairs, fitted on `train_rows`; returns log-odds of all texts, float64 (N,)."""
    return _tf_idf_regression(texts, [texts[row] for row in train_rows], defective[train_rows])


def words_probe_on_examples(texts: Sequence[str], examples: Sequence[Example], station: Station) -> Scores:
    """The same regression, fitted on the examples that tuned the judge, without augmentation."""
    good = {label.name for label in station.labels if label.decision == "ok"}
    defective = np.array([not good & set(example.allowed) for example in examples])
    return _tf_idf_regression(texts, texts_of(example.words for example in examples), defective)


def _tf_idf_regression(texts: Sequence[str], train_texts: Sequence[str], defective: Flags) -> Scores:
    """C = 1 is the best of 1, 10 and 100 on the source validation cells, fitted on the examples that tuned the judge."""
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=1.0, max_iter=3_000, class_weight="balanced")
    )
    model.fit(train_texts, defective)
    return np.asarray(model.decision_function(texts), np.float64)


def shuffled(scores: Scores, seed: int) -> Scores:
    """The judge's scores if each picture had the description of another one, float64 (N,). The judge reads words alone."""
    return np.random.default_rng(seed).permutation(scores)


def image_features(bundle: Bundle, board: Board, pictures: Iterable[Path]) -> NDArray[np.float32]:
    """The `image_embeds` of the bundle's CLIP, float32 (N, D)."""
    session = open_session(bundle.path(bundle.manifest.describer.clip.vision), board)
    preprocess = bundle.manifest.describer.clip.preprocess
    all_pixels = (read_picture(path, max_pixels=MAX_PIXELS, max_bytes=MAX_BYTES) for path in pictures)
    embeds = [session.run(["image_embeds"], {"pixel_values": pixel_values(pixels, preprocess)})[0][0] for pixels in all_pixels]
    return np.stack(embeds).astype(np.float32)


def zero_shot(bundle: Bundle, board: Board, station: Station, words: Mapping[int, Words]) -> dict[int, float]:
    """Probability of "not ok" by row, from the bundle's language model without an adapter. `words` are by row too."""
    plain = station.model_copy(update={"judge": station.judge.model_copy(update={"adapter": None, "calibration": None})})
    judge = open_station_judge(open_language_model(bundle, board=board), bundle=bundle, station=plain)
    good = [label.decision == "ok" for label in station.labels]
    return {row: 1 - sum(np.array(scores.probabilities)[good]) for row, scores in _scored(judge, words).items()}


def other_tuning(
    adapter: Path, bundle: Bundle, board: Board, station: Station, words: Mapping[int, Words], validation: Mapping[int, bool]
) -> dict[int, float]:
    """Probability of "not ok" by row, from the judge with another adapter on the same words.

    `validation` gives the rows on which its temperature is fitted, and which of them are defective.
    """
    template = bundle.path(bundle.manifest.templates[station.judge.template]).read_text(encoding="utf-8")
    prompt, model = Prompt.parse(template, station.labels), open_language_model(bundle, board=board)
    judge = LabelJudge(model, labels=station.labels, prompt=prompt, adapter=adapter, temperature=None)
    log_likelihoods = {row: np.array(scores.log_likelihoods) for row, scores in _scored(judge, words).items()}
    ok = np.array([label.decision == "ok" for label in station.labels])
    allowed = np.array([~ok if defective else ok for defective in validation.values()])
    temperature = fit_temperature(np.stack([log_likelihoods[row] for row in validation]), allowed, ok)
    return {row: float(probabilities(scores, temperature)[~ok].sum()) for row, scores in log_likelihoods.items()}


def _scored(judge: Judge, words: Mapping[int, Words]) -> dict[int, JudgeScores]:
    """Scores by row. Each text is judged once: a third of the cells have the description of another cell."""
    texts = {row: description_text(words[row]) for row in words}
    scores = {text: judge.score(words[row]) for text, row in {text: row for row, text in texts.items()}.items()}
    return {row: scores[text] for row, text in texts.items()}


def texts_of(words: Iterable[Words]) -> list[str]:
    """The descriptions as the text that the judge reads."""
    return [description_text(one) for one in words]
