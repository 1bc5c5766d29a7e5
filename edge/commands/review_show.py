"""What `kotoba-edge review show` prints of one verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import EdgeError, HistoryError
from edge.judges.prompt import description_text
from edge.message import utc_text
from edge.records import Inspection
from edge.review.answers import Answer
from edge.review.explain import Explanation, explain
from edge.review.explain_text import as_json, as_text
from edge.spool.history import description_and_scores
from edge.texts.reasons import REASONS
from edge.texts.review import TEXTS
from firmware_config.errors import ConfigError
from firmware_config.settings import BoxSettings
from firmware_config.station import Station


@dataclass(frozen=True, slots=True)
class Shown:
    """A verdict with its explanation, or with the sentence why it has none; neither where none was asked for."""

    inspection: Inspection
    station: Station | None
    explanation: Explanation | None
    why_not: str | None
    picture: Path | None

    def as_text(self, *, language: str, kept_at: Path | None, answers: Sequence[Answer]) -> str:
        """Lines for a person; `kept_at` is where the verdict says that its picture is."""
        texts = TEXTS[language]
        lines = [as_text(self.explanation, language=language)] if self.explanation is not None else self._stored(language)
        lines += [f"{texts.not_explained}: {self.why_not}"] if self.why_not else []
        lines += [texts.unsure_clock] if self.inspection.clock_synchronised is False else []
        where = texts.no_picture if kept_at is None else str(kept_at) if self.picture else texts.is_gone.format(path=kept_at)
        lines += ["", f"{texts.picture}: {where}"]
        if self.station is not None:
            lines.append(f"{texts.labels}: {', '.join(label.name for label in self.station.labels)}")
        for answer in answers:
            note = f" ({answer.note})" if answer.note else ""
            lines.append(texts.answered.format(label=answer.label, by=answer.by, at=utc_text(answer.at, timespec="seconds"), note=note))
        lines += [] if answers else [texts.answer.format(id=self.inspection.id)]
        return "\n".join(lines)

    def as_json(self) -> dict[str, object]:
        """The explanation as `kotoba-edge explain --json` prints it, or why there is none."""
        explanation = None if self.explanation is None else as_json(self.explanation, language="en")
        return {"explanation": explanation, "not_explained": self.why_not}

    def _stored(self, language: str) -> list[str]:
        texts, inspection, verdict = TEXTS[language], self.inspection, self.inspection.verdict
        captured = utc_text(inspection.captured_at, timespec="seconds")
        confidence = "" if verdict.confidence is None else f" {verdict.confidence:.3f}"
        head = f"{verdict.decision.value}  {verdict.label or '-'}{confidence}   {inspection.station}:{inspection.seq}"
        lines = [f"{head}  {inspection.source}  {captured}  {inspection.id}"]
        lines += [f"{texts.reasons}: {REASONS[reason][language]} ({reason.value})" for reason in verdict.reasons]
        lines += [f"{texts.detail}: {inspection.detail}"] if inspection.detail else []
        if inspection.description is not None:
            lines += [f"{texts.words}:", *(f"  {line}" for line in description_text(inspection.description.words).splitlines())]
        return lines


def show(inspection: Inspection, station: Station | None, box: BoxSettings | None, *, png: Path | None, picture: Path | None) -> Shown:
    """Explain a verdict with the models of a box, None for none; with `png` draw it, with the kept picture where there is one.

    Raises:
        HistoryError: it is to be drawn and cannot be explained, or the PNG cannot be written.
        PictureError: the kept picture cannot be read.
    """
    explanation, why_not = None, None
    if box is not None and station is None:
        why_not = f"there is no file of station {inspection.station} in {box.stations}"
    elif box is not None and station is not None:
        from edge.review.rejudge import open_rejudger

        try:
            description_and_scores(inspection)  # a FAULT has nothing to explain, and needs no models
            explanation = explain(open_rejudger(station, settings=box), inspection)
        except (EdgeError, ConfigError) as err:
            why_not = str(err)
    if png is not None:
        _draw(png, explanation, station, picture, why_not or "nothing was judged again (--brief)")
    return Shown(inspection, station, explanation, why_not, picture)


def _draw(png: Path, explanation: Explanation | None, station: Station | None, picture: Path | None, why_not: str) -> None:
    from edge.review.explain_picture import evidence_of, write_explanation

    if explanation is None or station is None:
        msg = f"drawing an explanation to {png}: {why_not}: look at the picture itself"
        raise HistoryError(msg)
    pixels = None if picture is None else evidence_of(explanation.inspection, picture, station=station)
    write_explanation(png, explanation, pixels=pixels)
