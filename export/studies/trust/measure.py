"""Calibration error, escape and coverage: calibrated on the source validation cells, measured there, on other runs and on another material.

Everything is fitted on the source. The judges and the control use the same fits, thresholds, prediction sets and policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.calibration.conformal import prediction_set, prediction_set_threshold
from edge.calibration.fit import cross_fitted, fit_rule, right_probabilities
from edge.calibration.reliability import calibration_error, error_by_chance
from edge.calibration.sample import FOLDS, Fold, Sample, Split, block_folds
from edge.calibration.scales import Kind, apply_scale, fit_scale, probability_not_ok
from edge.records import Decision, Description, Scores
from edge.studies.outcomes import cross_fitted_verdicts, verdicts
from export.studies.protocol import Flags, Interval, blocks, share
from export.studies.seed_files import CLIP_PROBE, LANGUAGE_MODEL, LINEAR, StudiedSeed
from firmware_config.calibration import Rule
from firmware_config.labels import Label
from firmware_config.station import Station

ESCAPE, COVERAGE = 0.02, 0.9
COVERAGES = (0.8, 0.9, 0.95)
KINDS: tuple[Kind, ...] = ("temperature", "logistic", "isotonic")
CHOSEN: Kind = "logistic"
"""The best of KINDS for an earlier starter on 894 source cells; the targets had no part in the choice."""

SPLITS, SHUFFLES, SPLIT_BLOCK_CELLS, SPLIT_SEED = 200, 20, 12, 0
"""Random splits of the source for the coverage of sets, and shuffles of it for the ECE.

Both cut blocks of 12 to 15 neighbours, so that even two modules can be split in many ways.
"""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """A judge or a control with its scores of all N cells.

    `log_likelihoods` float64 (N, K) for the K labels of `station`; `descriptions` by row of the cell; `defective` bool (N,). `faults`
    are the rows of cells that are no healthy picture, which stay a FAULT whatever their words say.
    """

    name: str
    log_likelihoods: Array
    station: Station
    descriptions: Sequence[Description] | Mapping[int, Description]
    defective: Flags
    faults: AbstractSet[int] = frozenset()

    def sample(self, rows: Sequence[int]) -> Sample:
        """The cells `rows` as a calibration takes them. Of a cell only good or defective is known, not the kind of defect."""
        decisions = np.array([label.decision for label in self.station.labels])
        return Sample(self.log_likelihoods[rows], self.defective[rows, None] ^ (decisions == "ok"), decisions)

    def judged(self, rows: Sequence[int]) -> list[tuple[Description, Scores]]:
        """The cells `rows` as the policy takes them."""
        labels = tuple(label.name for label in self.station.labels)
        uniform = (1 / len(labels),) * len(labels)
        return [(self.descriptions[row], Scores(labels, tuple(map(float, self.log_likelihoods[row])), uniform, "rank", 0)) for row in rows]


@dataclass(frozen=True, slots=True)
class Predictions:
    """Probabilities of a defect, float64 (N,), and which of the cells are defective, bool (N,)."""

    probabilities: Array
    defective: Flags

    @property
    def error(self) -> float:
        """Expected calibration error (ECE), 0..1."""
        return calibration_error(self.probabilities, self.defective)

    @property
    def error_by_chance(self) -> float:
        """The ECE that a perfectly calibrated judge would show on so many cells."""
        return error_by_chance(self.probabilities)


@dataclass(frozen=True, slots=True)
class DecisionRates:
    """Shares of decisions on one set: OK of the defective cells (`escape`) and of the good (`passed`), NG of the good, REVIEW of all."""

    escape: Interval
    overkill: Interval
    review: Interval
    passed: Interval


@dataclass(frozen=True, slots=True)
class Coverage:
    """Prediction sets at a nominal coverage: the share that holds the right decision, and the share that holds both decisions."""

    nominal: float
    reached: float
    ambiguous: float


def scorers_of(seed: StudiedSeed, defective: Flags) -> list[Scorer]:
    """The language model, the linear judge of the same words, and the control: the probe on the features of CLIP."""
    two_labels = seed.station.model_copy(update={"labels": (Label(name="good", decision="ok"), Label(name="defective", decision="ng"))})
    probe = seed.scores[CLIP_PROBE]
    scores = [(name, seed.log_likelihoods[name], seed.station) for name in (LANGUAGE_MODEL, LINEAR)]
    scores.append((CLIP_PROBE, np.stack([np.zeros_like(probe), probe], -1), two_labels))
    faults = {row for row, decision in seed.decisions.items() if decision is Decision.FAULT}
    return [Scorer(name, values, station, seed.descriptions, defective, faults) for name, values, station in scores]


def uncalibrated(scorer: Scorer, rows: Sequence[int]) -> Predictions:
    """The probabilities of the scorer without calibration."""
    sample = scorer.sample(rows)
    return Predictions(probability_not_ok(sample.log_likelihoods, sample.ok), sample.bad)


def calibrated(scorer: Scorer, kind: Kind, source: Sequence[int], rows: Sequence[int], split: Split = block_folds) -> Predictions:
    """Probabilities on `rows` with a calibration on `source`; if both are the same, cross-fitted over the folds of `split`."""
    sample, fitted = scorer.sample(rows), scorer.sample(source)
    if list(source) == list(rows):
        values = cross_fitted(sample, kind, split)
    else:
        values = apply_scale(sample.log_likelihoods, fit_scale(fitted.log_likelihoods, fitted.allowed, fitted.ok, kind), sample.ok)
    return Predictions(1 - values[:, sample.ok].sum(-1), sample.bad)


def calibrated_on_shuffled_blocks(scorer: Scorer, kind: Kind, source: Sequence[int]) -> list[Predictions]:
    """Probabilities on the source, cross-fitted over ten folds of shuffled blocks; one entry for each of SHUFFLES shuffles.

    So the cells of a fold come from the same modules as the cells of the fit.
    """
    sample, rng = scorer.sample(source), np.random.default_rng(SPLIT_SEED)
    shuffles = [1 - cross_fitted(sample, kind, lambda _: _shuffled_folds(source, rng))[:, sample.ok].sum(-1) for _ in range(SHUFFLES)]
    return [Predictions(values, sample.bad) for values in shuffles]


def rule_of(scorer: Scorer, source: Sequence[int], *, escape: float = ESCAPE) -> Rule:
    """The rule that a calibration on the source gives a box."""
    return fit_rule(scorer.sample(source), kind=CHOSEN, escape=escape, coverage=COVERAGE)


def decision_rates(scorer: Scorer, source: Sequence[int], rows: Sequence[int], *, escape: float = ESCAPE) -> DecisionRates:
    """Decide on `rows` by the product's policy with a calibration on `source`; if both are the same, cross-fitted."""
    rule, judged, bad = rule_of(scorer, source, escape=escape), scorer.judged(rows), scorer.defective[list(rows)]
    same = list(source) == list(rows)
    given = cross_fitted_verdicts(judged, scorer.sample(rows), rule, scorer.station) if same else verdicts(judged, rule, scorer.station)
    given = [Decision.FAULT if row in scorer.faults else one for row, one in zip(rows, given, strict=True)]
    ok, ng, review = (np.array([one is decision for one in given]) for decision in (Decision.OK, Decision.NG, Decision.REVIEW))
    return DecisionRates(
        escape=share(ok, bad, rows),
        overkill=share(ng, ~bad, rows),
        review=share(review, np.ones_like(bad), rows),
        passed=share(ok, ~bad, rows),
    )


def coverage_on_source(scorer: Scorer, source: Sequence[int]) -> list[Coverage]:
    """Coverage of prediction sets on the source: the mean over random splits, fitted on four fifths and measured on the last."""
    sample = scorer.sample(source)
    splits = [_coverage(sample.take(fit), sample.take(held_out)) for fit, held_out in _splits(source)]
    return [Coverage(nominal, *np.mean([split[nominal] for split in splits], 0)) for nominal in COVERAGES]


def coverage_on(scorer: Scorer, source: Sequence[int], rows: Sequence[int]) -> list[Coverage]:
    """Coverage on other cells with a fit on the source. It is not guaranteed, since the cells do not come as the source did."""
    by_nominal = _coverage(scorer.sample(source), scorer.sample(rows))
    return [Coverage(nominal, *by_nominal[nominal]) for nominal in COVERAGES]


def _coverage(fitted: Sample, measured: Sample) -> Mapping[float, tuple[float, float]]:
    """By nominal coverage: the share of sets with the right decision, and the share of sets with both decisions."""
    scale = fit_scale(fitted.log_likelihoods, fitted.allowed, fitted.ok, CHOSEN)
    not_ok = 1 - apply_scale(measured.log_likelihoods, scale, measured.ok)[:, measured.ok].sum(-1)
    right = right_probabilities(fitted, CHOSEN)
    sets = {
        nominal: prediction_set(np.stack([1 - not_ok, not_ok], -1), prediction_set_threshold(right, coverage=nominal))
        for nominal in COVERAGES
    }
    decision = measured.bad.astype(np.int64)
    return {nominal: (float(held[np.arange(len(decision)), decision].mean()), float(held.all(-1).mean())) for nominal, held in sets.items()}


def _splits(source: Sequence[int]) -> Iterator[Fold]:
    """Random splits of the blocks into four fifths and a fifth, as positions in `source`."""
    rng, parts = np.random.default_rng(SPLIT_SEED), _split_blocks(source)
    for _ in range(SPLITS):
        order = rng.permutation(len(parts))
        fifth = max(1, len(parts) // 5)
        yield _positions(parts, order[fifth:]), _positions(parts, order[:fifth])


def _shuffled_folds(source: Sequence[int], rng: np.random.Generator) -> Iterator[Fold]:
    """Ten folds of shuffled blocks: the positions of the other nine folds, then those of the fold."""
    parts = _split_blocks(source)
    order = rng.permutation(len(parts))
    for first in range(min(FOLDS, len(parts))):
        yield _positions(parts, np.delete(order, slice(first, None, FOLDS))), _positions(parts, order[first::FOLDS])


def _split_blocks(source: Sequence[int]) -> list[NDArray[np.int64]]:
    """Blocks of neighbours, as positions in `source`."""
    return [part for block in blocks(source) for part in np.array_split(block, max(1, len(block) // SPLIT_BLOCK_CELLS))]


def _positions(parts: Sequence[NDArray[np.int64]], chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.sort(np.concatenate([parts[i] for i in chosen]))


def risk_coverage(predictions: Predictions) -> tuple[Array, Array]:
    """Share of the cells that are decided, surest first, and the share of those that is wrong: float64 (N,) each."""
    confidence = np.maximum(predictions.probabilities, 1 - predictions.probabilities)
    wrong = (predictions.probabilities > 0.5) != predictions.defective
    order = np.argsort(-confidence, kind="stable")
    count = np.arange(1, len(order) + 1)
    return count / len(order), np.cumsum(wrong[order]) / count
