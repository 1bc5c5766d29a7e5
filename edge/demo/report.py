"""What the demo prints: a block of lines for each verdict, and the summary. The texts are in edge/texts/demo.py."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np

from edge.demo.samples import Sample
from edge.records import Decision, Inspection
from edge.texts.demo import Texts

ANSI_COLOURS = {Decision.OK: "32", Decision.NG: "31", Decision.REVIEW: "33", Decision.FAULT: "35"}
SHOWN_WORDS = 4
"""Of the tags, of the attributes, and of what was measured."""


def lines_of(inspection: Inspection, sample: Sample, *, number: int, texts: Texts, colour: bool) -> str:
    """One verdict in three lines: decision, label, confidence and the right label; the words; the caption."""
    verdict = inspection.verdict
    decision = f"{verdict.decision.value:6}"
    shown = f"\x1b[1;{ANSI_COLOURS[verdict.decision]}m{decision}\x1b[0m" if colour else decision
    confidence = "" if verdict.confidence is None else f" {verdict.confidence:.2f}"
    reasons = f" [{', '.join(reason.value for reason in verdict.reasons)}]" if verdict.reasons else ""
    label = f"{texts.defective if sample.defective else texts.good} {texts.materials[sample.material]}"
    uncertain = "" if sample.certain else texts.uncertain
    head = f"{number:4}  {shown} {verdict.label or '-'}{confidence}{reasons}   {texts.label}: {label}{uncertain}"
    if inspection.description is None:
        return f"{head}\n        {inspection.detail}"
    description = inspection.description.words
    tags, measured = (*description.tags[:SHOWN_WORDS], *description.attributes[:SHOWN_WORDS]), description.measured[:SHOWN_WORDS]
    words = ", ".join([*(tag.word for tag in tags), *(one.word for one in measured)])
    return f"{head}\n        {texts.words}: {words}\n        {texts.caption}: {next(iter(description.captions), '')}"


class Report:
    """Counts the verdicts that arrived, beside the right labels, for each material."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._decisions: defaultdict[tuple[str, bool], Counter[Decision]] = defaultdict(Counter)
        self._doubtful = 0
        self._times_ms: defaultdict[str, list[float]] = defaultdict(list)

    @property
    def count(self) -> int:
        """How many verdicts arrived."""
        return sum(counter.total() for counter in self._decisions.values())

    def add(self, inspection: Inspection, sample: Sample) -> None:
        """Count a verdict."""
        self._decisions[sample.material, sample.defective][inspection.verdict.decision] += 1
        self._doubtful += not sample.certain
        for stage, time_ms in inspection.timings_ms:
            self._times_ms[stage].append(time_ms)
        if inspection.timings_ms:
            self._times_ms["total"].append(sum(time_ms for _, time_ms in inspection.timings_ms))

    def summary(self) -> str:
        """Counts; escapes and overkills of each material; the time of each stage."""
        texts, decisions = self._texts, sum(self._decisions.values(), Counter[Decision]())
        counts = ", ".join(f"{decision.value} {decisions[decision]}" for decision in Decision)
        lines = [f"{texts.summary.format(count=self.count)}: {counts}"]
        lines += [self._of(material) for material in dict.fromkeys(material for material, _ in self._decisions)]
        if self._doubtful:
            lines.append(texts.doubtful.format(count=self._doubtful))
        for stage, times in self._times_ms.items():
            p50, p95 = np.percentile(times, (50, 95))
            lines.append(texts.latency.format(stage=stage, p50=p50, p95=p95))
        return "\n".join(["", *lines])

    def _of(self, material: str) -> str:
        """Escapes and overkills of a material."""
        bad, good = self._decisions[material, True], self._decisions[material, False]
        return self._texts.of_material.format(
            material=self._texts.materials[material], bad=bad.total(), escaped=bad[Decision.OK], good=good.total(),
            rejected=good.total() - good[Decision.OK], ng=good[Decision.NG], review=good[Decision.REVIEW], fault=good[Decision.FAULT],
        )  # fmt: skip
