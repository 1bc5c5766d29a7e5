from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.records import Words
from export.teach.adapt import adapted, pseudo_labelled
from export.tuning.examples import Example
from firmware_config.labels import Label

LABELS = (Label(name="good", decision="ok"), Label(name="crack", decision="ng"), Label(name="dent", decision="ng"))
GOOD, CRACK, DENT = (0.9, 0.06, 0.04), (0.05, 0.9, 0.05), (0.05, 0.05, 0.9)
SURELY_GOOD, DOUBTFUL = (0.98, 0.01, 0.01), (0.6, 0.2, 0.2)
ALL = tuple(label.name for label in LABELS)


def said(*pictures: Sequence[float]) -> NDArray[np.float64]:
    return np.asarray(np.log(pictures), np.float64)


def examples(count: int) -> list[Example]:
    return [Example(Words((), (), (f"picture {number}",)), ALL, str(number)) for number in range(count)]


def chosen(language_model: Sequence[Sequence[float]], linear: Sequence[Sequence[float]]) -> dict[str, tuple[str, ...]]:
    found = pseudo_labelled(examples(len(linear)), said(*language_model), said(*linear), LABELS)
    return {example.source: example.allowed for example in found}


def test_a_picture_counts_where_both_judges_are_sure_and_agree() -> None:
    language_model = (GOOD, CRACK, GOOD, DOUBTFUL, CRACK)
    linear = (GOOD, CRACK, CRACK, GOOD, DOUBTFUL)
    assert chosen(language_model, linear) == {"0": ("good",), "1": ("crack",)}


def test_as_many_bad_as_good_ones_count_and_the_surest_first() -> None:
    assert chosen((GOOD, CRACK, SURELY_GOOD), (GOOD, CRACK, SURELY_GOOD)) == {"2": ("good",), "1": ("crack",)}
    assert chosen((CRACK, CRACK, DENT), (CRACK, CRACK, DENT)) == {}


def test_judges_that_agree_on_defective_but_not_on_the_kind_leave_the_kind_open() -> None:
    assert chosen((GOOD, CRACK), (GOOD, DENT)) == {"0": ("good",), "1": ("crack", "dent")}


def maker(folder: Path, *aurocs: float, rows: Sequence[Sequence[float]] = (GOOD, CRACK)) -> Callable[[Sequence[Example]], Path]:
    """Makes judges with these AUROCs on the checks, one after the other, that say the same of the unlabelled pictures."""
    left = iter(enumerate(aurocs))

    def make(more: Sequence[Example]) -> Path:
        number, auroc = next(left)
        made = folder / f"judges-{number}-with-{len(more)}"
        made.mkdir()
        scores = {"unlabelled": {"language model": (said(*rows) * 2).tolist(), "linear judge": said(*rows).tolist()}}
        (made / "checks.json").write_text(json.dumps({"log_likelihoods": scores}))
        (made / "figures.json").write_text(json.dumps({"judge_auroc": auroc}))
        temperatures = [{"adapter": "a", "template": "default", "temperature": 2.0}, {"linear": "a", "temperature": 1.0}]
        (made / "temperatures.json").write_text(json.dumps(temperatures))
        return made

    return make


CASES = {
    "each round is no worse": (
        (0.8, 0.8, 0.9),
        "judges-2-with-2",
        ["0.800 before, 0.800 adapted: kept", "0.800 before, 0.900 adapted: kept"],
    ),
    "the first round is worse": ((0.8, 0.79), "judges-0-with-0", ["0.800 before, 0.790 adapted: dropped, the judge before it stays"]),
    "the second round is worse": ((0.8, 0.85, 0.8), "judges-1-with-2", ["adapted: kept", "0.850 before, 0.800 adapted: dropped"]),
}


@pytest.mark.parametrize("case", CASES)
def test_an_adapted_judge_that_is_worse_on_the_checks_is_dropped(case: str, tmp_path: Path) -> None:
    aurocs, kept, expected = CASES[case]
    lines: list[str] = []
    best = adapted(maker(tmp_path, *aurocs), examples(2), rounds=2, labels=LABELS, report=lines.append)
    assert best.name == kept
    assert len(lines) == len(expected)
    for line, words in zip(lines, expected, strict=True):
        assert "2 of 2 unlabelled pictures got a label, half of them good; AUROC on the checks" in line
        assert words in line


def test_without_sure_pictures_of_both_kinds_the_judge_stays(tmp_path: Path) -> None:
    lines: list[str] = []
    best = adapted(maker(tmp_path, 0.8, rows=(CRACK, DENT)), examples(2), rounds=3, labels=LABELS, report=lines.append)
    assert best.name == "judges-0-with-0"
    assert lines == ["adapting, round 1: no good and bad pictures of which both judges are sure: the judge stays as it is\n"]
