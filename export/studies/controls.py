"""The controls: ways of scoring the same pictures or the same words that a language model has to beat."""

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
    return _counted_words(texts, [texts[row] for row in teach], defective[teach])


def words_probe_taught_alike(texts: Sequence[str], examples: Sequence[Example], station: Station) -> Scores:
    """The same, taught by the pictures that tuned the judge, in the words of the describer as they are."""
    good = {label.name for label in station.labels if label.decision == "ok"}
    defective = np.array([not good & set(example.allowed) for example in examples])
    return _counted_words(texts, texts_of(example.words for example in examples), defective)


def _counted_words(texts: Sequence[str], taught: Sequence[str], defective: Flags) -> Scores:
    """C = 1 is the best of 1, 10 and 100 on the source validation cells, taught by the pictures that tuned the judge."""
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=1.0, max_iter=3_000, class_weight="balanced")
    )
    model.fit(taught, defective)
    return np.asarray(model.decision_function(texts), np.float64)


def shuffled(scores: Scores, seed: int) -> Scores:
    """The judge's scores if descriptions were dealt to the wrong pictures: it sees the words alone, so its scores go with them."""
    return np.random.default_rng(seed).permutation(scores)


def image_features(bundle: Bundle, board: Board, pictures: Iterable[Path]) -> NDArray[np.float32]:
    """The bundle's own `image_embeds`, float32 (N, D)."""
    session = open_session(bundle.path(bundle.manifest.describer.clip.vision), board)
    preprocess = bundle.manifest.describer.clip.preprocess
    read = (read_picture(path, max_pixels=MAX_PIXELS, max_bytes=MAX_BYTES) for path in pictures)
    return np.stack([session.run(["image_embeds"], {"pixel_values": pixel_values(pixels, preprocess)})[0][0] for pixels in read]).astype(
        np.float32
    )


def zero_shot(bundle: Bundle, board: Board, station: Station, descriptions: Mapping[int, Words]) -> dict[int, float]:
    """Probability of not-ok by row from the same language model without its adapter."""
    plain = station.model_copy(update={"judge": station.judge.model_copy(update={"adapter": None, "calibration": None})})
    judge = open_station_judge(open_language_model(bundle, board=board), bundle=bundle, station=plain)
    good = [label.decision == "ok" for label in station.labels]
    return {row: 1 - sum(np.array(scores.probabilities)[good]) for row, scores in _scored(judge, descriptions).items()}


def tuned_anew(
    adapter: Path, bundle: Bundle, board: Board, station: Station, descriptions: Mapping[int, Words], choose: Mapping[int, bool]
) -> dict[int, float]:
    """Probability of not-ok by row from another tuning of the same judge, of the same words.

    `choose` gives the rows from which its temperature comes, and which of them are defective.
    """
    template = bundle.path(bundle.manifest.templates[station.judge.template]).read_text(encoding="utf-8")
    prompt, model = Prompt.parse(template, station.labels), open_language_model(bundle, board=board)
    judge = LabelJudge(model, labels=station.labels, prompt=prompt, adapter=adapter, temperature=None)
    found = {row: np.array(scores.log_likelihoods) for row, scores in _scored(judge, descriptions).items()}
    ok = np.array([label.decision == "ok" for label in station.labels])
    allowed = np.array([~ok if defective else ok for defective in choose.values()])
    temperature = fit_temperature(np.stack([found[row] for row in choose]), allowed, ok)
    return {row: float(probabilities(scores, temperature)[~ok].sum()) for row, scores in found.items()}


def _scored(judge: Judge, descriptions: Mapping[int, Words]) -> dict[int, JudgeScores]:
    """Each text once: a third of the cells are described as another one is."""
    texts = {row: description_text(words) for row, words in descriptions.items()}
    scores = {text: judge.score(descriptions[row]) for text, row in {text: row for row, text in texts.items()}.items()}
    return {row: scores[text] for row, text in texts.items()}


def texts_of(descriptions: Iterable[Words]) -> list[str]:
    """The very text that the judge reads."""
    return [description_text(words) for words in descriptions]
