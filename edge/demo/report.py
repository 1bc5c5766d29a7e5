"""What the demo prints, in English and Japanese: a block for each verdict, and the summary."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from edge.demo.cells import Cell
from edge.records import Decision, Inspection

COLOURS = {Decision.OK: "32", Decision.NG: "31", Decision.REVIEW: "33", Decision.FAULT: "35"}
SHOWN_WORDS = 4


@dataclass(frozen=True, slots=True)
class Texts:
    """One language."""

    begin: str
    true: str
    functional: str
    defective: str
    unsure: str
    words: str
    said: str
    summary: str
    escape: str
    overkill: str
    doubtful: str
    latency: str
    sheet: str


ENGLISH = Texts(
    begin="{count} solar cells, bundle {bundle}, broker on 127.0.0.1:{port}, verdicts as received on {topic}",
    true="true label",
    functional="functional",
    defective="defective",
    unsure=" (the people who labelled it did not agree)",
    words="words",
    said="caption",
    summary="{count} verdicts received over MQTT",
    escape="escape    {bad} of {all} defective cells passed as OK",
    overkill="overkill  {bad} of {all} functional cells not passed: {ng} NG, {review} REVIEW, {fault} FAULT",
    doubtful="          ({count} of these cells are doubtful: those who labelled them did not agree)",
    latency="latency   {stage:8} p50 {p50:7.1f} ms   p95 {p95:7.1f} ms",
    sheet="pictures with their words and verdicts: {path}",
)

JAPANESE = Texts(
    begin="太陽電池セル {count} 枚、バンドル {bundle}、ブローカー 127.0.0.1:{port}、{topic} で受信した判定を表示します",
    true="正解",
    functional="良品",
    defective="不良",
    unsure="(ラベル付け担当者の意見が分かれたセル)",
    words="言葉",
    said="説明",
    summary="MQTT で受信した判定: {count} 件",
    escape="見逃し    不良 {all} 枚のうち {bad} 枚を OK と判定",
    overkill="過検出    良品 {all} 枚のうち {bad} 枚を OK とせず: NG {ng}、REVIEW {review}、FAULT {fault}",
    doubtful="          (うち {count} 枚は正解ラベルの意見が分かれたセル)",
    latency="処理時間  {stage:8} p50 {p50:7.1f} ms   p95 {p95:7.1f} ms",
    sheet="画像と言葉と判定の一覧: {path}",
)


def texts_of(language: str) -> Texts:
    """The texts of `ja` or `en`."""
    return JAPANESE if language == "ja" else ENGLISH


def line_of(inspection: Inspection, cell: Cell, *, number: int, texts: Texts, colour: bool) -> str:
    """One verdict in three lines: decision, label, confidence and the true label; the words; the caption."""
    verdict = inspection.verdict
    decision = f"{verdict.decision.value:6}"
    shown = f"\x1b[1;{COLOURS[verdict.decision]}m{decision}\x1b[0m" if colour else decision
    confidence = "" if verdict.confidence is None else f" {verdict.confidence:.2f}"
    reasons = f" [{', '.join(reason.value for reason in verdict.reasons)}]" if verdict.reasons else ""
    truth = texts.defective if cell.defective else texts.functional
    unsure = "" if cell.certain else texts.unsure
    head = f"{number:4}  {shown} {verdict.label or '-'}{confidence}{reasons}   {texts.true}: {truth} {cell.material}{unsure}"
    if inspection.description is None:
        return f"{head}\n        {inspection.detail}"
    words = ", ".join(
        tag.word for tag in (*inspection.description.words.tags[:SHOWN_WORDS], *inspection.description.words.attributes[:SHOWN_WORDS])
    )
    caption = next(iter(inspection.description.words.captions), "")
    return f"{head}\n        {texts.words}: {words}\n        {texts.said}: {caption}"


class Report:
    """Counts what arrived."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._decisions: dict[bool, Counter[Decision]] = {True: Counter(), False: Counter()}
        self._doubtful = 0
        self._times_ms: defaultdict[str, list[float]] = defaultdict(list)

    @property
    def count(self) -> int:
        """How many verdicts arrived."""
        return sum(counter.total() for counter in self._decisions.values())

    def add(self, inspection: Inspection, cell: Cell) -> None:
        """Count a verdict beside the truth."""
        self._decisions[cell.defective][inspection.verdict.decision] += 1
        self._doubtful += not cell.certain
        for stage, took_ms in inspection.timings_ms:
            self._times_ms[stage].append(took_ms)
        if inspection.timings_ms:
            self._times_ms["total"].append(sum(took_ms for _, took_ms in inspection.timings_ms))

    def summary(self) -> str:
        """Counts, escape, overkill, and the time of each stage."""
        texts, bad, good = self._texts, self._decisions[True], self._decisions[False]
        all_decisions = bad + good
        lines = [
            f"{texts.summary.format(count=self.count)}: "
            + ", ".join(f"{decision.value} {all_decisions[decision]}" for decision in Decision),
            texts.escape.format(bad=bad[Decision.OK], all=bad.total()),
            texts.overkill.format(
                bad=good.total() - good[Decision.OK],
                all=good.total(),
                ng=good[Decision.NG],
                review=good[Decision.REVIEW],
                fault=good[Decision.FAULT],
            ),
        ]
        if self._doubtful:
            lines.append(texts.doubtful.format(count=self._doubtful))
        for stage, times in self._times_ms.items():
            p50, p95 = np.percentile(times, (50, 95))
            lines.append(texts.latency.format(stage=stage, p50=p50, p95=p95))
        return "\n".join(["", *lines])
