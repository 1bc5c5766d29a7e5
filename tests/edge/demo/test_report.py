from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge.demo.cells import Cell
from edge.demo.report import Report, lines_of
from edge.records import Decision, Verdict
from edge.texts.demo import TEXTS
from tests.support.inspections import FULL, LOST

GOOD, DOUBTFUL, BAD = (Cell(row, Path(f"cell{row}.png"), probability, "mono") for row, probability in enumerate((0.0, 1 / 3, 1.0)))


def report(language: str) -> Report:
    """Two functional cells, one of them NG; two defective cells, one of them OK."""
    counted = Report(TEXTS[language])
    for cell, decision in ((GOOD, Decision.OK), (DOUBTFUL, Decision.NG), (BAD, Decision.OK), (BAD, Decision.NG)):
        counted.add(replace(FULL, verdict=Verdict(decision, "crack", 0.9)), cell)
    return counted


@pytest.mark.parametrize(
    ("language", "escape", "overkill"),
    [
        ("en", "1 of 2 defective cells are OK", "1 of 2 functional cells are not OK: 1 NG, 0 REVIEW, 0 FAULT"),
        ("ja", "不良品 2 枚のうち 1 枚が OK", "良品 2 枚のうち 1 枚が OK にならず: NG 1 枚、REVIEW 0 枚、FAULT 0 枚"),
    ],
)
def test_the_summary_counts_escapes_and_overkills(language: str, escape: str, overkill: str) -> None:
    summary = report(language).summary()
    assert escape in summary
    assert overkill in summary


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
