"""The controls: other scorers of the same pictures or words, which the judge has to beat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edge.bundle.open import Bundle
from edge.calibration.scales import log_odds_not_ok
from edge.interfaces import Judge
from edge.judges import open_language_model, open_station_judge
from edge.judges.prompt import description_text
from edge.picture.decode import read_picture
from edge.picture.preprocess import pixel_values
from edge.records import Scores as JudgeScores
from edge.records import Words
from edge.runtime.onnx import open_session
from export.progress import Report
from export.studies.protocol import Flags, Scores, auroc
from export.tuning.examples import Example
from export.tuning.linear import STRENGTHS, fit_regression
from firmware_config.board import Board
from firmware_config.labels import Label
from firmware_config.station import Station

DARKNESS_PERCENTILE = 20

MAX_PIXELS, MAX_BYTES = 64_000_000, 256_000_000
"""Limits on a picture that a study reads."""


def majority(count: int) -> Scores:
    """The same score for each of `count` pictures, float64 (count,)."""
    return np.zeros(count)


def darkness(pictures: Iterable[Path]) -> Scores:
    """How dark each picture is, float64 (N,): its 20th percentile of grey levels, turned round. Nothing is learned."""
    return np.array([-np.percentile(_read(path), DARKNESS_PERCENTILE) for path in pictures])


def linear_probe(features: NDArray[np.float32], defective: Flags, train_rows: Sequence[int]) -> Scores:
    """Logistic regression on picture features (N, D), fitted on `train_rows`; returns log-odds of all rows, float64 (N,).

    C = 0.003 was used for all published figures.
    """
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=3_000, class_weight="balanced"))
    model.fit(features[train_rows], defective[train_rows])
    return np.asarray(model.decision_function(features), np.float64)


def refitted_linear(examples: Sequence[Example], checks: Sequence[Example], labels: Sequence[Label], words: Sequence[Words]) -> Scores:
    """Log-odds of "not ok" of words, float64 (N,), by a linear judge that is fitted as that of a bundle: C is chosen on the checks."""
    ok = np.array([label.decision == "ok" for label in labels])
    good = {label.name for label in labels if label.decision == "ok"}
    bad_checks = np.array([not good & set(example.allowed) for example in checks])
    texts, check_texts = texts_of(words), texts_of(example.words for example in checks)
    fits = []
    for strength in STRENGTHS:
        vectorizer, regression = fit_regression(examples, labels, strength=strength)
        on_checks, on_words = (
            log_odds_not_ok(regression.predict_log_proba(vectorizer.transform(some)), ok) for some in (check_texts, texts)
        )
        fits.append((auroc(on_checks, bad_checks), on_words))
    return max(fits, key=lambda fit: fit[0])[1]


def shuffled(scores: Scores, seed: int) -> Scores:
    """The judge's scores if each picture had the description of another one, float64 (N,). The judge reads words alone.

    What was not judged, nan, stays so.
    """
    judged, exchanged = np.flatnonzero(~np.isnan(scores)), scores.copy()
    exchanged[judged] = np.random.default_rng(seed).permutation(scores[judged])
    return exchanged


def image_features(bundle: Bundle, board: Board, pictures: Iterable[Path]) -> NDArray[np.float32]:
    """The `image_embeds` of the bundle's CLIP, float32 (N, D)."""
    session = open_session(bundle.file(bundle.manifest.describer.clip.vision), board)
    preprocess = bundle.manifest.describer.clip.preprocess
    embeds = [session.run(["image_embeds"], {"pixel_values": pixel_values(_read(path), preprocess)})[0][0] for path in pictures]
    return np.stack(embeds).astype(np.float32)


def language_model(bundle: Bundle, board: Board, station: Station, words: Sequence[Words], *, adapter: bool, report: Report) -> Scores:
    """Log-odds of "not ok" of words, float64 (N,), by the bundle's language model with the station's adapter or without one."""
    changes = {"calibration": None} | ({} if adapter else {"adapter": None})
    judge = open_station_judge(
        open_language_model(bundle, board=board),
        bundle=bundle,
        station=station.model_copy(update={"judge": station.judge.model_copy(update=changes)}),
    )
    ok = np.array([label.decision == "ok" for label in station.labels])
    return log_odds_not_ok(np.array([scores.log_likelihoods for scores in scored(judge, words, report=report)]), ok)


def scored(judge: Judge, words: Sequence[Words], *, report: Report = lambda _: None) -> list[JudgeScores]:
    """What a judge says of words. Each text is judged once: many cells have the description of another cell."""
    texts = texts_of(words)
    first = {text: row for row, text in reversed(list(enumerate(texts)))}
    scores = {}
    for number, (text, row) in enumerate(first.items(), 1):
        scores[text] = judge.score(words[row])
        report(f"judging {number} of {len(first)} descriptions")
    return [scores[text] for text in texts]


def texts_of(words: Iterable[Words]) -> list[str]:
    """The descriptions as the text that the judge reads."""
    return [description_text(one) for one in words]


def _read(path: Path) -> NDArray[np.uint8]:
    return read_picture(path, max_pixels=MAX_PIXELS, max_bytes=MAX_BYTES)
