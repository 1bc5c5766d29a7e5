"""The page of results, from scores that are made up."""

from __future__ import annotations

import numpy as np
import pytest

from edge.errors import EdgeError
from edge.records import Decision
from export.studies import results
from export.studies.seed_files import CLIP_PROBE, EYE, LANGUAGE_MODEL, LINEAR, VALIDATION, ZERO_SHOT
from firmware_config.calibration import Rule
from tests.support.studied_seeds import CELLS, DEFECTIVE, POLY, studied, told


def tables(page: str, head: str) -> list[list[list[str]]]:
    """The rows of each table whose first column has this head."""
    found: list[list[list[str]]] = []
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == head:
            found.append([])
            inside = True
        elif inside and not cells[0].startswith("---"):
            found[-1].append(cells)
    return found


@pytest.fixture(scope="module")
def page() -> str:
    seeds = [studied(seed, model=50, linear=0.5) for seed in (1, 2)]
    return results.page(
        seeds, CELLS, {"patch memory": [told(0.5, seed=one) for one in (20, 21, 22)]}, command="python -m export.studies.results WORK"
    )


@pytest.mark.long
def test_a_table_of_each_set_has_every_scorer_beside_the_language_model(page: str) -> None:
    of_sets = tables(page, "scorer")
    assert len(of_sets) == len(CELLS.sets) == 3
    for lines in of_sets:
        by_scorer = {line[0]: line[1:] for line in lines}
        assert list(by_scorer) == [
            LANGUAGE_MODEL, LINEAR, EYE, CLIP_PROBE, "patch memory", results.DARKNESS, results.MAJORITY, results.SHUFFLED, ZERO_SHOT,
        ]  # fmt: skip
        assert by_scorer[LANGUAGE_MODEL] == ["1.000 (1.000 to 1.000)", "2: 1.000 to 1.000", "1.000", "1.000", "0.0%", "0.0%", ""]
        assert by_scorer["patch memory"][1].startswith("3: ")
        assert by_scorer[ZERO_SHOT][:3] == ["0.500 (0.500 to 0.500)", "1", "0.500"]
        assert by_scorer[LINEAR][-1].endswith(": the language model is better")
        assert by_scorer[EYE][-1].endswith(": no difference shown")


@pytest.mark.long
def test_words_that_lose_what_the_eye_sees_are_told(page: str) -> None:
    (lines,) = tables(page, "cells")
    assert {(line[1], line[-1]) for line in lines} == {(LANGUAGE_MODEL, "yes"), (LINEAR, "**no**")}
    assert {line[-2] for line in lines if line[1] == LINEAR} == {"the eye is better"}


@pytest.mark.long
def test_decisions_are_counted_for_the_bundle_and_for_each_promise(page: str) -> None:
    for name, lines in zip(CELLS.sets, tables(page, "judge"), strict=True):
        ways = ("", ", carried over") if name != VALIDATION else ("",)
        promises = [f"source validation, {rate}{way}" for rate in ("2 %", "5 %") for way in ways]
        assert [(line[0], line[1]) for line in lines] == [
            *((LANGUAGE_MODEL, f"none, min_confidence = {confidence}") for confidence in results.CONFIDENCES),
            *((judge, promise) for promise in promises for judge in (LANGUAGE_MODEL, LINEAR)),
        ]
        good = "91.7% " if name == POLY else "100.0% "  # a good poly cell is a FAULT
        fault = "4.0%" if name == POLY else "0.0%"
        for line in lines[: len(results.CONFIDENCES)]:
            assert line[2:7] == ["0.0% (0.0% to 0.0%)", "0.0% to 0.0%", "0.0%", "0.0%", fault]
            assert line[7].startswith(good)
        assert {line[6] for line in lines} == {fault}


def test_a_promise_that_the_source_can_keep_lets_good_cells_pass_and_no_bad_ones() -> None:
    one = studied(1, model=50, linear=0.5)
    for name in (VALIDATION, POLY):
        given = results.decisions(one, LANGUAGE_MODEL, CELLS, name, escape=0.1)
        ok = {row for row, decision in zip(CELLS.sets[name], given, strict=True) if decision is Decision.OK}
        assert not any(DEFECTIVE[row] for row in ok)
        assert ok or name == VALIDATION
    assert Decision.OK not in results.decisions(one, LANGUAGE_MODEL, CELLS, POLY, escape=0.02)


def test_a_promise_is_carried_over_by_the_cells_of_the_set_that_are_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def far(rule: Rule, _: object, log_likelihoods: np.ndarray, *__: object, good: float) -> Rule:
        asked.append(len(log_likelihoods))
        assert good == 0.9
        return rule.model_copy(update={"moved": 1000.0})

    def refused(*_: object, **__: object) -> Rule:
        raise EdgeError

    def given() -> list[Decision]:
        return results.decisions(studied(1, model=1, linear=0.5), LANGUAGE_MODEL, CELLS, POLY, escape=0.1, carried=True)

    monkeypatch.setattr(results, "carried_over", far)
    faults = 1
    assert given() == [Decision.FAULT, *[Decision.OK] * (len(CELLS.sets[POLY]) - faults)]
    assert asked == [len(CELLS.sets[POLY]) - faults]
    monkeypatch.setattr(results, "carried_over", refused)
    assert given() == results.decisions(studied(1, model=1, linear=0.5), LANGUAGE_MODEL, CELLS, POLY, escape=0.1)


def test_a_verdict_with_less_confidence_is_review() -> None:
    one = studied(1, model=0.5, linear=0.5)
    rows = CELLS.sets[VALIDATION]
    at = {confidence: results.own_decisions(one, rows, confidence) for confidence in (0.5, 0.8)}
    likeliest = {row: max(one.scores_of[row].probabilities) for row in rows}
    assert Decision.REVIEW not in at[0.5]
    assert {row for row, decision in zip(rows, at[0.8], strict=True) if decision is Decision.REVIEW} == {
        row for row in rows if likeliest[row] < 0.8
    }
