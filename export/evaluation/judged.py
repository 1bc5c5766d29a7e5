"""Scorers in which a language model judges the words: the box's own, zero-shot, and tuned on the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from edge.calibration.scales import log_odds_not_ok
from edge.records import Words
from export.errors import LlmError
from export.evaluation.case import Case, Rows, Scored, Scores
from export.evaluation.corpus import allowed_labels
from export.evaluation.errors import NotMeasured
from export.evaluation.models import Neutral, Tuner
from export.evaluation.plan import Plan
from export.findings.remark import Remark
from export.instruct.judge import JudgeScorers
from export.tuning.examples import only
from firmware_config.labels import Label

Kind = Literal["tags", "attributes", "captions"]
Number = TypeVar("Number", np.float64, np.int8)
Normalised = Literal["sum", "mean", "calibrated"]


@dataclass(slots=True, eq=False)
class Judges:
    """The language model of a comparison, and the adapters that were tuned for it so far.

    `argmax`: the likeliest label decides, as published, and not a threshold from source validation.
    """

    plan: Plan
    labels: tuple[Label, ...]
    judge: JudgeScorers | None
    tuner: Tuner | None = None
    neutral: Neutral | None = None
    argmax: bool = False
    adapters: dict[tuple[object, ...], Path] = field(default_factory=dict)

    def zero_shot(self, case: Case, how: Normalised) -> Scored:
        """Rank classification without an adapter.

        Raises:
            NotMeasured: there is no language model.
        """
        return self._ranked(self._model(), case, case.corpus.words, labels=self.labels, how=how)

    def generated(self, case: Case, *, tuned: bool) -> Scored:
        """What the model says: a label, or nothing that counts. There are decisions and no scores.

        Raises:
            NotMeasured: there is no language model, it cannot be tuned here, or it cannot generate.
        """
        judge, adapter = self._model(), self.adapter(case) if tuned else None
        ok = {label.name: label.decision == "ok" for label in self.labels}
        try:
            said = judge.generate([case.corpus.words[row] for row in case.target], adapter)
        except LlmError as err:  # a model that ranks but has no graph to generate with must not end a comparison
            raise NotMeasured(Remark(code="error_text", values={"why": str(err).rstrip(".")})) from err
        calls = np.array([-1 if name is None else int(not ok[name]) for name in said], np.int8)
        nothing = np.full(len(case.target), np.nan)
        return Scored(np.full(len(case.validation), np.nan), nothing, calls=calls, ranks=False)

    def tuned(self, case: Case, kinds: Sequence[Kind] = ()) -> Scored:
        """The model tuned on the source; with `kinds`, it reads these alone and was tuned on them.

        Raises:
            NotMeasured: there is no language model, or it cannot be tuned here.
        """
        words = [only(one, kinds) for one in case.corpus.words] if kinds else case.corpus.words
        return self._ranked(self._model(), case, words, labels=self.labels, adapter=self.adapter(case, kinds))

    def neutrally_tuned(self, case: Case) -> Scored:
        """Tuned with label words that mean nothing.

        Raises:
            NotMeasured: there is no such model, or it cannot be tuned here.
        """
        if self.neutral is None:
            raise NotMeasured(Remark(code="no_neutral_model"))
        adapter = self.adapter(case, neutral=self.neutral)
        return self._ranked(self.neutral.judge, case, case.corpus.words, labels=self.neutral.labels, adapter=adapter)

    def shuffled(self, case: Case) -> Scored:
        """The tuned model, each picture with the description of another one of its set: what remains owes nothing to the words.

        Raises:
            NotMeasured: there is no language model, or it cannot be tuned here.
        """
        scored = self.tuned(case)
        calls = None if scored.calls is None else _exchanged(scored.calls, case.seed)
        validation, target = (_exchanged(some, case.seed) for some in (scored.validation, scored.target))
        return Scored(validation, target, calls=calls)

    def fusion(self, case: Case, vision: Scored) -> Scored:
        """Log-odds of the vision probe and of the tuned model, added with weights that are fitted on source validation.

        Raises:
            NotMeasured: there is no language model, it cannot be tuned here, or source validation has one class only.
        """
        words, bad = self.tuned(case), case.bad_validation
        if bad.all() or not bad.any():
            raise NotMeasured(Remark(code="one_class_checks"))
        both = np.stack([vision.validation, words.validation], 1)
        middle, spread = both.mean(0), both.std(0) + 1e-9
        regression = LogisticRegression(class_weight="balanced").fit((both - middle) / spread, bad)
        on_target = (np.stack([vision.target, words.target], 1) - middle) / spread
        validation, target = (np.asarray(regression.decision_function(some)) for some in ((both - middle) / spread, on_target))
        return Scored(validation, target)

    def adapter(self, case: Case, kinds: Sequence[Kind] = (), *, neutral: Neutral | None = None) -> Path:
        """The adapter of a case, tuned if it is not there yet.

        Raises:
            NotMeasured: no tuner is given, or the source has one class only.
        """
        if self.tuner is None:
            raise NotMeasured(Remark(code="no_tuning"))
        rows, extra = self._examples(case)
        checks = _capped(case.validation, case.corpus.bad[case.validation], self.plan.tune_checks, case.seed)
        for some in (rows, checks):
            bad = case.corpus.bad[some]
            if bad.all() or not bad.any():
                raise NotMeasured(Remark(code="one_class_tunes"))
        parts = (rows.tobytes(), extra.tobytes(), case.extra.rows.tobytes(), case.extra.bad.tobytes(), checks.tobytes())
        key = (case.corpus, parts, case.seed, tuple(kinds), neutral is None)
        if key not in self.adapters:
            words = [only(one, kinds) if kinds else one for one in case.corpus.words]
            labels = self.labels if neutral is None else neutral.labels
            allowed = self._allowed(case, rows, None, labels) + self._allowed(case, case.extra.rows[extra], case.extra.bad[extra], labels)
            self.adapters[key] = self.tuner.tune(
                [words[row] for row in (*rows, *case.extra.rows[extra])],
                allowed,
                validation_words=[words[row] for row in checks],
                validation_allowed=self._allowed(case, checks, None, labels),
                labels=labels,
                seed=case.seed,
            )
        return self.adapters[key]

    def _examples(self, case: Case) -> tuple[Rows, Rows]:
        """Source rows that teach a tuning, and positions in `case.extra`: labelled ones as often as they weigh, but at most as many."""
        rows, extra = _capped(case.train, case.corpus.bad[case.train], self.plan.tune_examples, case.seed), np.arange(len(case.extra.rows))
        if case.extra.known and len(extra):
            often = max(1, min(round(case.extra.weight), len(rows) // len(extra)))
            return rows, np.tile(extra, often)
        return rows, _capped(extra, case.extra.bad, self.plan.tune_examples, case.seed)

    def _allowed(self, case: Case, rows: Rows, taken_for: NDArray[np.bool_] | None, labels: Sequence[Label]) -> list[tuple[str, ...]]:
        """The right labels of rows, under the names of `labels`. Pseudo-labels know good and defective alone."""
        corpus, renamed = case.corpus, {mine.name: new.name for mine, new in zip(self.labels, labels, strict=True)}
        allowed = []
        for number, row in enumerate(rows):
            bad = bool(corpus.bad[row] if taken_for is None else taken_for[number])
            if taken_for is None or case.extra.known:
                names = allowed_labels(corpus.rows[row], self.labels, bad=bad)
            else:
                names = tuple(label.name for label in self.labels if (label.decision != "ok") == bad)
            allowed.append(tuple(renamed[name] for name in names))
        return allowed

    def _ranked(
        self,
        judge: JudgeScorers,
        case: Case,
        words: Sequence[Words],
        *,
        labels: Sequence[Label],
        how: Normalised = "sum",
        adapter: Path | None = None,
    ) -> Scored:
        ok = np.array([label.decision == "ok" for label in labels])
        found = []
        for rows in (case.validation, case.target):
            likely = judge.rank([words[row] for row in rows], adapter) if len(rows) else np.empty((0, len(ok)))
            found.append(likely / judge.lengths if how == "mean" else likely - judge.empty(adapter) if how == "calibrated" else likely)
        calls = (~ok[found[1].argmax(1)]).astype(np.int8) if self.argmax else None
        validation, target = (log_odds_not_ok(likely, ok) for likely in found)
        return Scored(validation, target, calls=calls)

    def _model(self) -> JudgeScorers:
        if self.judge is None:
            raise NotMeasured(Remark(code="no_model"))
        return self.judge


def boxed(case: Case, scores: Scores | None) -> Scored:
    """Log-odds that a bundle's own judge gave all pictures of the corpus, (N,).

    Raises:
        NotMeasured: the bundle has no such judge.
    """
    if scores is None or np.isnan(scores[case.target]).all():
        raise NotMeasured(Remark(code="no_scores"))
    return Scored(scores[case.validation], scores[case.target])


def _exchanged(values: NDArray[Number], seed: int) -> NDArray[Number]:
    return np.random.default_rng(seed).permutation(values)


def _capped(rows: Rows, bad: NDArray[np.bool_], most: int, seed: int) -> Rows:
    """At most `most` rows, half of each class at most, drawn at random; in their order."""
    if len(rows) <= most:
        return rows
    rng = np.random.default_rng(seed)
    half = most // 2
    chosen = [rng.permutation(np.flatnonzero(side))[: max(half, most - int((~side).sum()))] for side in (bad, ~bad)]
    return rows[np.sort(np.concatenate(chosen))]
