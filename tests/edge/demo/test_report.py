from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge.demo.report import Report, lines_of
from edge.demo.samples import Sample
from edge.records import Decision, Verdict
from edge.texts.demo import TEXTS
from tests.support.inspections import FULL, LOST

GOOD, BAD, POLY = (
    Sample(Path("cell.png"), material, defective) for material, defective in (("mono", False), ("mono", True), ("poly", True))
)
DOUBTFUL = Sample(Path("cell.png"), "mono", defective=False, certain=False)


def report(language: str) -> Report:
    """Two good mono cells, one of them NG; two defective ones, one of them OK; a defective poly cell that needs a look."""
    counted = Report(TEXTS[language])
    shown = ((GOOD, Decision.OK), (DOUBTFUL, Decision.NG), (BAD, Decision.OK), (BAD, Decision.NG), (POLY, Decision.REVIEW))
    for sample, decision in shown:
        counted.add(replace(FULL, verdict=Verdict(decision, "crack", 0.9)), sample)
    return counted


@pytest.mark.parametrize(
    ("language", "mono", "poly"),
    [
        (
            "en",
            "mono      escape: 1 of 2 defective are OK; overkill: 1 of 2 good are not OK (1 NG, 0 REVIEW, 0 FAULT)",
            "poly      escape: 0 of 1 defective are OK; overkill: 0 of 0 good are not OK (0 NG, 0 REVIEW, 0 FAULT)",
        ),
        (
            "ja",
            "単結晶  見逃し: 不良品 2 枚のうち 1 枚が OK。過検出: 良品 2 枚のうち 1 枚が OK にならず (NG 1 枚、REVIEW 0 枚、FAULT 0 枚)",
            "多結晶  見逃し: 不良品 1 枚のうち 0 枚が OK。過検出: 良品 0 枚のうち 0 枚が OK にならず (NG 0 枚、REVIEW 0 枚、FAULT 0 枚)",
        ),
    ],
)
def test_the_summary_counts_escapes_and_overkills_of_each_material(language: str, mono: str, poly: str) -> None:
    lines = report(language).summary().splitlines()
    assert "OK 2, NG 2, REVIEW 1, FAULT 0" in lines[1]
    assert lines[2:4] == [mono, poly]


def test_the_summary_counts_cells_on_whose_label_the_experts_did_not_agree() -> None:
    assert "(the experts did not agree on the label of 1 of these cells)" in report("en").summary()


def test_a_verdict_is_printed_beside_the_label_of_its_cell() -> None:
    head, words, caption = lines_of(FULL, BAD, number=7, texts=TEXTS["en"], colour=False).splitlines()
    assert head.startswith("   7  ")
    assert "label: defective mono" in head
    assert words.strip().startswith("words: ")
    assert caption.strip().startswith("caption: ")


def test_a_fault_is_printed_with_its_detail() -> None:
    assert str(LOST.detail) in lines_of(LOST, GOOD, number=1, texts=TEXTS["en"], colour=False)
