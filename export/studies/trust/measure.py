"""How far probabilities and promises can be trusted: calibrated on source cells, measured once on cells of other runs and material.

Everything is fitted and chosen on the source. The judge and the controls go the same way: the same fits, thresholds, sets and policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.bundle.open import Bundle
from edge.calibration.conformal import prediction_set, prediction_set_threshold
from edge.calibration.fit import cross_fitted, fit_rule, right_probabilities
from edge.calibration.reliability import calibration_error, error_by_chance
from edge.calibration.sample import FOLDS, Fold, Sample
from edge.calibration.scales import Kind, apply_scale, fit_scale, probability_not_ok
from edge.records import Decision, Description, Scores
from edge.studies.outcomes import cross_fitted_verdicts, verdicts
from export.starter.cells import SOURCE_VALIDATION, TRAINING
from export.studies import controls
from export.studies.protocol import Flags, Interval, blocks, share
from export.studies.results import Study
from firmware_config.board import Board
from firmware_config.calibration import Rule
from firmware_config.labels import Label
from firmware_config.station import Station

ESCAPE, COVERAGE = 0.02, 0.9
COVERAGES = (0.8, 0.9, 0.95)
KINDS: tuple[Kind, ...] = ("temperature", "logistic", "isotonic")
CHOSEN: Kind = "logistic"
"""The best of KINDS on the large source set; nothing else was looked at."""

JUDGE = "judge on words (the product)"
CLEAN, LARGE = "source, taught nothing", "source with training modules"
SPLITS, DEALS, SPLIT_BLOCK, SPLIT_SEED = 200, 20, 12, 0
"""Random splits of the source for the coverage of sets, and deals of it for ECE: blocks of 12 to 15 neighbours, so that even two modules
can be split in many ways."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """One way of scoring all cells: log-likelihoods float64 (N, K) of the labels of its station, and the words of every cell."""

    name: str
    log_likelihoods: Array
    station: Station
    words: Sequence[Description]
    defective: Flags

    def sample(self, rows: Sequence[int]) -> Sample:
        """Cells as the calibration takes them: of a cell only good or defective is known."""
        decisions = np.array([label.decision for label in self.station.labels])
        return Sample(self.log_likelihoods[rows], self.defective[rows, None] ^ (decisions == "ok"), decisions)

    def judged(self, rows: Sequence[int]) -> list[tuple[Description, Scores]]:
        """Cells as the policy takes them."""
        labels = tuple(label.name for label in self.station.labels)
        even = (1 / len(labels),) * len(labels)
        return [(self.words[row], Scores(labels, tuple(map(float, self.log_likelihoods[row])), even, "rank", 0)) for row in rows]


@dataclass(frozen=True, slots=True)
class Stated:
    """Probabilities of being defective, float64 (N,), beside what is true: `error` is their ECE, `by_chance` what a perfect judge shows."""

    chances: Array
    bad: Flags

    @property
    def error(self) -> float:
        """Expected calibration error."""
        return calibration_error(self.chances, self.bad)

    @property
    def by_chance(self) -> float:
        """The ECE that these chances would show if they were true."""
        return error_by_chance(self.chances)


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a promise on one set: `escape` of bad cells, `overkill` and `passed` (OK at once) of good ones, `review` of all."""

    escape: Interval
    overkill: Interval
    review: Interval
    passed: Interval


@dataclass(frozen=True, slots=True)
class Coverage:
    """Sets of possible decisions at one nominal coverage: the share that holds the truth, and the share with more than one decision."""

    nominal: float
    reached: float
    ambiguous: float


def sources() -> dict[str, list[int]]:
    """Rows of the source, in data-set order."""
    clean = [row for part in SOURCE_VALIDATION for row in part]
    return {CLEAN: clean, LARGE: sorted([*clean, *(row for part in TRAINING for row in part)])}


def ways_of(study: Study, bundle: Bundle, board: Board, station: Station) -> list[Way]:
    """The judge, and two controls that learned from the training modules."""
    teach = [row for part in TRAINING for row in part]
    features = controls.image_features(bundle, board, [cell.path for cell in study.cells])
    probe = controls.linear_probe(features, study.defective, teach)
    counted = controls.words_probe(controls.texts_of(description.words for description in study.descriptions), study.defective, teach)
    two = station.model_copy(update={"labels": (Label(name="good", decision="ok"), Label(name="defective", decision="ng"))})
    judge = np.array([scores.log_likelihoods for scores in study.scores])
    every = [(JUDGE, judge, station)]
    every += [
        (name, np.stack([np.zeros_like(odds), odds], -1), two)
        for name, odds in (("linear probe on CLIP features", probe), ("TF-IDF + logistic regression on the words", counted))
    ]
    return [Way(name, scores, some, study.descriptions, study.defective) for name, scores, some in every]


def uncalibrated(way: Way, rows: Sequence[int]) -> Stated:
    """Probabilities as the scores say them."""
    sample = way.sample(rows)
    return Stated(probability_not_ok(sample.log_likelihoods, sample.ok), sample.bad)


def stated(way: Way, kind: Kind, source: Sequence[int], rows: Sequence[int]) -> Stated:
    """Probabilities by a fit on the source; on the source itself each block of neighbours by a fit on the others."""
    sample, taught = way.sample(rows), way.sample(source)
    if list(source) == list(rows):
        chances = cross_fitted(sample, kind)
    else:
        chances = apply_scale(sample.log_likelihoods, fit_scale(taught.log_likelihoods, taught.allowed, taught.ok, kind), sample.ok)
    return Stated(1 - chances[:, sample.ok].sum(-1), sample.bad)


def dealt_blocks(way: Way, kind: Kind, source: Sequence[int]) -> list[Stated]:
    """Probabilities on the source where cells come as the labelled ones did: a tenth of the blocks is told by a fit on all others.

    One for each of DEALS deals.
    """
    sample, rng = way.sample(source), np.random.default_rng(SPLIT_SEED)
    found = [1 - cross_fitted(sample, kind, lambda _: _hands(source, rng))[:, sample.ok].sum(-1) for _ in range(DEALS)]
    return [Stated(chances, sample.bad) for chances in found]


def rule_of(way: Way, source: Sequence[int], *, escape: float = ESCAPE) -> Rule:
    """What a box would be told by a calibration on the source."""
    return fit_rule(way.sample(source), kind=CHOSEN, escape=escape, coverage=COVERAGE)


def kept(way: Way, source: Sequence[int], rows: Sequence[int], *, escape: float = ESCAPE) -> Kept:
    """Verdicts of the product's own policy under the source's rule; on the source itself each block under the rule of the others."""
    rule, judged, bad = rule_of(way, source, escape=escape), way.judged(rows), way.defective[list(rows)]
    same = list(source) == list(rows)
    given = cross_fitted_verdicts(judged, way.sample(rows), rule, way.station) if same else verdicts(judged, rule, way.station)
    passed, called, doubted = (np.array([one is decision for one in given]) for decision in (Decision.OK, Decision.NG, Decision.REVIEW))
    return Kept(
        escape=share(passed, bad, rows),
        overkill=share(called, ~bad, rows),
        review=share(doubted, np.ones_like(bad), rows),
        passed=share(passed, ~bad, rows),
    )


def coverage_on_source(way: Way, source: Sequence[int]) -> list[Coverage]:
    """Mean over random splits: fitted on four fifths, measured on the last."""
    sample = way.sample(source)
    found = [_covered(sample.take(one), sample.take(other)) for one, other in _splits(source)]
    return [Coverage(nominal, *np.mean([split[nominal] for split in found], 0)) for nominal in COVERAGES]


def coverage_on(way: Way, source: Sequence[int], rows: Sequence[int]) -> list[Coverage]:
    """Sets by the source's fit on another set, of which nothing is promised."""
    found = _covered(way.sample(source), way.sample(rows))
    return [Coverage(nominal, *found[nominal]) for nominal in COVERAGES]


def _covered(taught: Sample, asked: Sample) -> Mapping[float, tuple[float, float]]:
    """By nominal coverage: the share of `asked` whose set holds the truth, and the share whose set holds both decisions."""
    not_ok = 1 - apply_scale(asked.log_likelihoods, fit_scale(taught.log_likelihoods, taught.allowed, taught.ok, CHOSEN), asked.ok)[
        :, asked.ok
    ].sum(-1)
    right = right_probabilities(taught, CHOSEN)
    sets = {
        nominal: prediction_set(np.stack([1 - not_ok, not_ok], -1), prediction_set_threshold(right, coverage=nominal))
        for nominal in COVERAGES
    }
    truth = asked.bad.astype(np.int64)
    return {nominal: (float(some[np.arange(len(truth)), truth].mean()), float(some.all(-1).mean())) for nominal, some in sets.items()}


def _splits(source: Sequence[int]) -> Iterator[Fold]:
    """Random four fifths and the last fifth."""
    rng, parts = np.random.default_rng(SPLIT_SEED), _parts(source)
    for _ in range(SPLITS):
        order = rng.permutation(len(parts))
        last = max(1, len(parts) // 5)
        yield _positions(parts, order[last:]), _positions(parts, order[:last])


def _hands(source: Sequence[int], rng: np.random.Generator) -> Iterator[Fold]:
    """One deal into ten hands: each with all others."""
    parts = _parts(source)
    order = rng.permutation(len(parts))
    for first in range(min(FOLDS, len(parts))):
        yield _positions(parts, np.delete(order, slice(first, None, FOLDS))), _positions(parts, order[first::FOLDS])


def _parts(source: Sequence[int]) -> list[NDArray[np.int64]]:
    """Blocks of neighbours, as positions in `source`."""
    return [part for block in blocks(source) for part in np.array_split(block, max(1, len(block) // SPLIT_BLOCK))]


def _positions(parts: Sequence[NDArray[np.int64]], chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.sort(np.concatenate([parts[i] for i in chosen]))


def risk_coverage(stated_: Stated) -> tuple[Array, Array]:
    """Share of cells that are decided, surest first, and the share of them that is decided wrongly; float64 (N,) each."""
    sure = np.maximum(stated_.chances, 1 - stated_.chances)
    wrong = (stated_.chances > 0.5) != stated_.bad
    order = np.argsort(-sure, kind="stable")
    count = np.arange(1, len(order) + 1)
    return count / len(order), np.cumsum(wrong[order]) / count
