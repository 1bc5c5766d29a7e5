"""Judging words again without camera and describer: what explaining, replaying, rejudging and learning have in common."""

from __future__ import annotations

from collections.abc import Sequence

from edge.bundle.open import Bundle, open_trusted_bundle
from edge.errors import HistoryError
from edge.inspection.policy import decide, limits_of
from edge.judges import open_language_model, open_station_judge
from edge.judges.language_model import LanguageModel
from edge.judges.prompt import Example
from edge.records import Description, Inspection, Reason, Scores, Verdict
from firmware_config.board import read_board
from firmware_config.settings import BoxSettings
from firmware_config.station import Station


def open_rejudge(station: Station, *, settings: BoxSettings) -> Rejudge:
    """Open the bundle of a box, of its models the language model alone, and judge as this station.

    Raises:
        ConfigError, BundleError: what the command was told is wrong.
    """
    bundle = open_trusted_bundle(settings.bundle, keys=settings.keys)
    return Rejudge(open_language_model(bundle, board=read_board(settings.board)), bundle=bundle, station=station)


class Rejudge:
    """A station's judgement of words that are there already. It never remembers scores: each call judges.

    `examples` stand for those of the station's lessons.

    Raises:
        BundleError, CalibrationError: as `edge.judges.open_station_judge`.
    """

    def __init__(self, model: LanguageModel, *, bundle: Bundle, station: Station, examples: Sequence[Example] | None = None) -> None:
        self.station = station
        self.bundle = bundle
        self._judge = open_station_judge(model, bundle=bundle, station=station, examples=examples)
        self._limits = limits_of(station, self._judge.escape)

    def judge(self, description: Description, *, late: bool = False) -> tuple[Scores, Verdict]:
        """Score words and decide, as `edge.inspection.inspector.Inspector` does.

        Raises:
            JudgeError: the model failed.
        """
        scores = self._judge.score(description.words)
        return scores, self.decide(description, scores, late=late)

    def decide(self, description: Description, scores: Scores, *, late: bool = False) -> Verdict:
        """Decide by the station's limits."""
        return decide(description, scores, labels=self.station.labels, limits=self._limits, late=late)

    def judge_stored(self, inspection: Inspection, description: Description) -> tuple[Scores, Verdict]:
        """Judge the words of a stored inspection; one that was late then is late again."""
        return self.judge(description, late=Reason.LATE in inspection.verdict.reasons)

    def score_each(self, descriptions: Sequence[Description]) -> tuple[Scores, ...]:
        """Scores of several descriptions at once.

        Raises:
            JudgeError: the model failed.
        """
        return self._judge.score_each([description.words for description in descriptions])

    def require_same(self, inspection: Inspection) -> None:
        """Refuse an inspection that other models or settings made: its verdict would not be the one that these give.

        Raises:
            HistoryError: it was made by another.
        """
        made_by = (
            ("models", inspection.models_digest, self.bundle.manifest.models_digest, "give the bundle that made it"),
            ("station settings", inspection.settings_digest, self.station.settings_digest, "give the station file as it was then"),
        )
        for what, theirs, ours, advice in made_by:
            if theirs != ours:
                msg = f"inspection {inspection.id} was made with {what} {theirs}, not with {ours}: {advice}, or use `kotoba-edge rejudge`"
                raise HistoryError(msg)

    def require_same_judge(self, inspection: Inspection, scores: Scores) -> None:
        """Refuse scores that another instruction, adapter or calibration made than those stored.

        Raises:
            HistoryError: they were made by another.
        """
        stored = inspection.scores
        for what in ("prompt", "adapter", "calibration"):
            theirs, ours = getattr(stored, what), getattr(scores, what)
            if theirs != ours:
                msg = (
                    f"inspection {inspection.id} was judged with {what} {theirs or 'none'}, the station's is {ours or 'none'} now: "
                    "that is a replay of another judge, see with `kotoba-edge rejudge` what it makes of the words"
                )
                raise HistoryError(msg)
