"""The judge of one station: a language model or a linear judge, behind it the calibration file, before it the score cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias

from edge.calibration.apply import apply_rule
from edge.judges.linear.judge import LinearJudge
from edge.judges.score_cache import CachedJudge
from edge.records import Scores, Words
from firmware_config.calibration import Calibration, Escape
from firmware_config.verified_file import StoredFile

Prefix: TypeAlias = tuple[StoredFile | None, tuple[int, ...]]


class LabelScorer(Protocol):
    """What scores the labels of a station; `edge.judges.label_judge.LabelJudge` and `edge.judges.linear.judge.LinearJudge`."""

    @property
    def scoring(self) -> str:
        """`[judge] method` of the station."""

    @property
    def prompt_digest(self) -> str | None:
        """Digest of the filled instruction; None where none is read."""

    @property
    def adapter_digest(self) -> str | None:
        """Digest of the adapter or of the linear judge; None where there is none."""

    @property
    def prefix(self) -> Prefix | None:
        """What a language model keeps for this judge: an adapter, and the tokens before each description; None: no model is asked."""

    def prepare(self) -> None:
        """Compute what the first picture would wait for."""

    def score(self, words: Words) -> Scores:
        """Score every label; see `edge.interfaces.Judge`."""

    def score_each(self, descriptions: Sequence[Words]) -> tuple[Scores, ...]:
        """Score many descriptions together."""


class StationJudge:
    """Judges words as the station file says; `edge.judges.open.open_station_judge` makes it.

    `calibration` is the station's calibration file, None where it has none: then the probabilities are those of `judge`.
    `cached_scores` descriptions are kept in the score cache, 0: none; `on_lookup` as of `CachedJudge`.
    """

    def __init__(
        self,
        judge: LabelScorer,
        *,
        calibration: Calibration | None,
        cached_scores: int = 0,
        on_lookup: Callable[[bool], None] = lambda _hit: None,
    ) -> None:
        self._scorer = judge
        self._judge = CachedJudge(judge, size=cached_scores, on_lookup=on_lookup) if cached_scores else judge
        self._calibration = calibration
        self._calibration_digest = None if calibration is None else calibration.digest

    @property
    def linear(self) -> LinearJudge | None:
        """The linear judge, whose weights explain a verdict; None where a language model judges."""
        return self._scorer if isinstance(self._scorer, LinearJudge) else None

    @property
    def prefix(self) -> Prefix | None:
        """What a language model keeps for this judge; None where a linear judge judges."""
        return self._scorer.prefix

    def prepare(self) -> None:
        """Compute what the first picture would wait for.

        Raises:
            JudgeError: the model failed.
        """
        self._scorer.prepare()

    @property
    def escape(self) -> Escape | None:
        """The confidence that an OK needs, and the escape rate which that guarantees; None without a calibration file."""
        return None if self._calibration is None else self._calibration.rule.escape

    def score(self, words: Words) -> Scores:
        """Score every label; see `edge.interfaces.Judge`.

        Raises:
            JudgeError: the model failed or gave numbers that are not finite.
        """
        return self._calibrated(self._judge.score(words))

    def score_each(self, descriptions: Sequence[Words]) -> tuple[Scores, ...]:
        """Score many descriptions in as few decodes as possible; compare these scores with each other only, see `LabelJudge.score_each`.

        Raises:
            JudgeError: as `score`.
        """
        return tuple(map(self._calibrated, self._scorer.score_each(descriptions)))

    def _calibrated(self, scores: Scores) -> Scores:
        if self._calibration is None:
            return scores
        calibrated = apply_rule(scores, self._calibration.rule, self._calibration.fitted_for.labels)
        return replace(calibrated, calibration=self._calibration_digest)
