"""Judge words again, without camera and describer. Explaining, reproducing, rejudging and teaching have this in common."""

from __future__ import annotations

from collections.abc import Sequence

from edge.bundle.open import Bundle
from edge.errors import HistoryError
from edge.inspection.policy import decide, limits_of
from edge.judges import open_needed_model, open_station_judge
from edge.judges.language_model import LanguageModel
from edge.judges.linear.judge import LinearJudge
from edge.judges.prompt import Example
from edge.records import Description, Inspection, Reason, Scores, Verdict
from edge.slots.open import open_running_bundle
from firmware_config.board import read_board
from firmware_config.settings import BoxSettings
from firmware_config.station import Station


def open_rejudger(station: Station, *, settings: BoxSettings) -> Rejudger:
    """Open the bundle of a box, and load its language model if the station needs it, to judge words as this station does.

    Raises:
        ConfigError, BundleError: the board, the bundle, its keys or what the station needs of the bundle is wrong.
    """
    bundle = open_running_bundle(settings)
    return Rejudger(open_needed_model(bundle, [station], board=read_board(settings.board)), bundle=bundle, station=station)


class Rejudger:
    """Judges stored words as a station does now. Nothing is cached: each call runs the model; a linear judge needs none.

    `examples` replace those of the station's lessons.

    Raises:
        BundleError, CalibrationError: as `edge.judges.open_station_judge`.
    """

    def __init__(self, model: LanguageModel | None, *, bundle: Bundle, station: Station, examples: Sequence[Example] | None = None) -> None:
        self.station = station
        self.bundle = bundle
        self._judge = open_station_judge(model, bundle=bundle, station=station, examples=examples)
        self._limits = limits_of(station, self._judge.escape)

    @property
    def linear(self) -> LinearJudge | None:
        """The station's linear judge; None where a language model judges."""
        return self._judge.linear

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
        """Judge the words of a stored inspection. If its verdict was late, the new verdict is late too.

        Raises:
            JudgeError: the model failed.
        """
        return self.judge(description, late=Reason.LATE in inspection.verdict.reasons)

    def score_each(self, descriptions: Sequence[Description]) -> tuple[Scores, ...]:
        """Score several descriptions in one batch.

        Raises:
            JudgeError: the model failed.
        """
        return self._judge.score_each([description.words for description in descriptions])

    def require_same(self, inspection: Inspection) -> None:
        """Refuse an inspection that was made with other models or settings: its verdict depends on them.

        Raises:
            HistoryError: it was.
        """
        ours = self.bundle.manifest.models_digest
        if inspection.models_digest != ours:
            digests = f"models {inspection.models_digest}, the bundle has models {ours}"
            msg = f"inspection {inspection.id} was made with {digests}: give the bundle that made it, or use `kotoba-edge rejudge`"
            raise HistoryError(msg)
        ours = self.station.settings_digest
        if inspection.settings_digest != ours:
            digests = f"station settings {inspection.settings_digest}, the station file has settings {ours}"
            advice = "give the station file of that time, or use `kotoba-edge rejudge`"
            msg = f"inspection {inspection.id} was made with {digests} (labels, describe, judge or region of interest differ): {advice}"
            raise HistoryError(msg)

    def require_same_judge(self, inspection: Inspection, scores: Scores) -> None:
        """Refuse stored scores that another instruction, adapter or calibration made than the one of `scores`.

        Raises:
            HistoryError: another made them.
        """
        for name in ("prompt", "adapter", "calibration"):
            theirs, ours = getattr(inspection.scores, name), getattr(scores, name)
            if theirs != ours:
                digests = f"{name} {theirs or 'none'}, the station has {name} {ours or 'none'}"
                advice = "give the files of that time, or use `kotoba-edge rejudge`"
                msg = f"inspection {inspection.id} was judged with {digests}: {advice}"
                raise HistoryError(msg)
