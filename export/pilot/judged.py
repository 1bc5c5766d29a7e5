"""What the judges of the bundle say of words, kept on disk in parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.bundle.open import Bundle
from edge.calibration.scales import log_odds_not_ok
from edge.errors import BundleError
from edge.interfaces import Judge
from edge.judges import open_needed_model, open_station_judge
from edge.records import Words
from export.cache import sha256
from export.pilot.kept import kept_arrays
from export.progress import Report
from export.studies.controls import texts_of
from firmware_config.board import Board
from firmware_config.station import Station

PART = 200
"""Texts whose scores are kept together."""


def judged(words: Sequence[Words], *, bundle: Bundle, board: Board, station: Station, cache: Path, report: Report) -> NDArray[np.float64]:
    """Log-odds of "not ok" of each description, float64 (N,) in nats, by the station's judge without its calibration.

    Each text is judged once.

    Raises:
        BundleError: the bundle lacks what the station's judge needs.
        JudgeError: the model failed.
    """
    texts = texts_of(words)
    first = {text: row for row, text in reversed(list(enumerate(texts)))}
    distinct = sorted(first)
    ok = np.array([label.decision == "ok" for label in station.labels])
    judges: list[Judge] = []

    def judge(part: Sequence[str]) -> Mapping[str, NDArray[np.generic]]:
        if not judges:
            judges.append(_judge(bundle, board, station))
        likelihoods = np.array([judges[0].score(words[first[text]]).log_likelihoods for text in part], np.float64)
        return {"box": log_odds_not_ok(likelihoods, ok)}

    scores: dict[str, float] = {}
    for begin in range(0, len(distinct), PART):
        part = distinct[begin : begin + PART]
        values = kept_arrays(cache / f"{_key(part, bundle, station)}.npz", partial(judge, part))["box"]
        scores |= zip(part, np.asarray(values, np.float64).tolist(), strict=True)
        report(f"judging {min(begin + PART, len(distinct))} of {len(distinct)} descriptions")
    return np.array([scores[text] for text in texts], np.float64)


def linear_station(bundle: Bundle, station: Station) -> Station | None:
    """The station with the bundle's linear judge that fits it, None where there is none, or the station is judged by it anyway."""
    if station.judge.method == "linear":
        return None
    for name in sorted(bundle.manifest.linear):
        linear = station.model_copy(
            update={"judge": station.judge.model_copy(update={"method": "linear", "linear": name, "calibration": None})}
        )
        try:
            open_station_judge(None, bundle=bundle, station=linear)
        except BundleError:  # made for other labels
            continue
        return linear
    return None


def _judge(bundle: Bundle, board: Board, station: Station) -> Judge:
    plain = station.model_copy(update={"judge": station.judge.model_copy(update={"calibration": None})})
    return open_station_judge(open_needed_model(bundle, [plain], board=board), bundle=bundle, station=plain)


def _key(texts: Sequence[str], bundle: Bundle, station: Station) -> str:
    beside = [path and sha256(path) for path in (station.judge.template_file, station.judge.lessons)]
    decided_by = [bundle.digest, station.digest, beside, list(texts)]
    return hashlib.sha256(json.dumps(decided_by, sort_keys=True).encode()).hexdigest()[:32]
