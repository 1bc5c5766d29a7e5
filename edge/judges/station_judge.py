"""The judge of one station: its label judge, behind it the calibration file, before it the score cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from edge.calibration.apply import apply_rule
from edge.judges.label_judge import LabelJudge
from edge.judges.score_cache import CachedJudge
from edge.records import Scores, Words
from firmware_config.calibration import Calibration, Escape


class StationJudge:
    """Judges words as the station file says; `edge.judges.open.open_station_judge` makes it.

    `calibration` is the station's calibration file, None where it has none: then the probabilities are those of the label judge.
    `cached_scores` descriptions are kept in the score cache, 0: none; `on_lookup` as of `CachedJudge`.
    """

    def __init__(
        self,
        judge: LabelJudge,
        *,
        calibration: Calibration | None,
        cached_scores: int = 0,
        on_lookup: Callable[[bool], None] = lambda _hit: None,
    ) -> None:
        self._label_judge = judge
        self._judge = CachedJudge(judge, size=cached_scores, on_lookup=on_lookup) if cached_scores else judge
        self._calibration = calibration
        self._calibration_digest = None if calibration is None else calibration.digest

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
        return tuple(map(self._calibrated, self._label_judge.score_each(descriptions)))

    def _calibrated(self, scores: Scores) -> Scores:
        if self._calibration is None:
            return scores
        calibrated = apply_rule(scores, self._calibration.rule, self._calibration.fitted_for.labels)
        return replace(calibrated, calibration=self._calibration_digest)
