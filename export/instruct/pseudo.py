"""Pseudo-labels: what a tuned judge says of pictures without labels, taken for true in the next tuning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.calibration.scales import probability_not_ok
from edge.records import Words
from export.instruct.lessons import Allowed
from export.instruct.tuned import Tuned
from firmware_config.labels import Label


@dataclass(frozen=True, slots=True)
class PseudoLabel:
    """The row of a picture, the label that is taken for right, and the probability of its decision (0..1)."""

    row: int
    label: str
    probability: float


def pseudo_labels(
    log_likelihoods: NDArray[np.float64], labels: Sequence[Label], *, temperature: float, confidence: float | None
) -> list[PseudoLabel]:
    """Labels for N pictures from log-likelihoods float64 (N, K) in nats, in the order of the rows.

    With `confidence` (0..1) only those of whose decision, ok or not, the judge is at least so sure, and as many good as defective ones, the
    surest first: a judge that calls everything defective in new light must not teach itself that. None: every picture gets its likeliest
    label, as published.
    """
    ok = np.array([label.decision == "ok" for label in labels])
    bad = probability_not_ok(log_likelihoods / temperature, ok)
    likeliest = log_likelihoods.argmax(1) if confidence is None else _likeliest_of_decision(log_likelihoods, ok, bad >= 0.5)
    said_bad = ~ok[likeliest]
    sure = np.where(said_bad, bad, 1 - bad)
    rows = range(len(bad)) if confidence is None else _surest(sure, said_bad, confidence)
    return [PseudoLabel(row, labels[int(likeliest[row])].name, float(sure[row])) for row in rows]


def _likeliest_of_decision(log_likelihoods: NDArray[np.float64], ok: NDArray[np.bool_], bad: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The likeliest label among those of the likelier decision, int64 (N,)."""
    return np.asarray(np.where(ok[None] == bad[:, None], -np.inf, log_likelihoods).argmax(1))


def _surest(sure: NDArray[np.float64], bad: NDArray[np.bool_], confidence: float) -> list[int]:
    sides = [np.flatnonzero(side & (sure >= confidence)) for side in (bad, ~bad)]
    count = min(map(len, sides))
    return sorted(int(row) for side in sides for row in side[np.argsort(-sure[side], kind="stable")[:count]])


@dataclass(frozen=True, slots=True)
class Round:
    """A tuning, and the pseudo-labels with which it was made: none in the first one, of which the number is 0."""

    number: int
    tuned: Tuned
    pseudo: tuple[PseudoLabel, ...]


Tune = Callable[[Sequence[Words], Sequence[Allowed]], Tuned]
"""Tunes on examples; validation and settings are fixed."""
Rank = Callable[[Sequence[Words], Tuned], NDArray[np.float64]]
"""Log-likelihoods float64 (N, K) of a tuned judge in nats."""


def adaptation_rounds(
    source: tuple[Sequence[Words], Sequence[Allowed]],
    target: Sequence[Words],
    labels: Sequence[Label],
    *,
    rounds: int,
    confidence: float | None,
    tune: Tune,
    rank: Rank,
) -> Iterator[Round]:
    """Tune on the source; then, `rounds` times, label the target with the last judge and tune afresh on the source and these labels.

    It ends early where no picture gets a label. Validation is that of the source throughout.
    """
    words, right = source
    last = Round(0, tune(words, right), ())
    yield last
    for number in range(1, rounds + 1):
        said = rank(target, last.tuned)
        pseudo = pseudo_labels(said, labels, temperature=last.tuned.temperature, confidence=confidence)
        if not pseudo:
            return
        more = [target[one.row] for one in pseudo]
        last = Round(number, tune([*words, *more], [*right, *(one.label for one in pseudo)]), tuple(pseudo))
        yield last
