from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.evaluation.corpus import Corpus
from export.evaluation.evaluate import evaluate
from export.evaluation.few_shot import labels_for_equal
from export.evaluation.plan import Plan
from export.findings.comparison import Comparison, Measured
from export.findings.figures import Figure
from export.findings.remark import Remark
from export.findings.scorers import Scorer
from tests.support.drawn_corpora import CountedTunings, WordCounts, drawn_corpus

PLAN = Plan(protocols=("few_shot",), scorers=("box", "darkness", "vision_probe", "tuned"), seeds=2, shots=(0, 4, 16, 400), tuned_shots=(4,))


def silent(_: str) -> None:
    pass


def turned_corpus() -> Corpus:
    """In domain c the features tell the opposite: only labels of it help."""
    corpus = drawn_corpus(each=120)
    sign = np.where(np.array(corpus.domains) == "c", -1.0, 1.0)[:, None]
    centred = corpus.vision - np.array([corpus.vision[np.array(corpus.domains) == name].mean(0) for name in corpus.domains])
    return replace(corpus, vision=(centred * sign).astype(np.float32))


def test_labels_of_the_target_help_and_the_same_pictures_are_measured(tmp_path: Path) -> None:
    tunings = CountedTunings(tmp_path)

    found = evaluate(turned_corpus(), replace(PLAN, tune_examples=40), judge=WordCounts(), cache=tmp_path, report=silent, tuner=tunings)

    of_c = [one for one in found if one.target == "c"]
    assert [one.shots for one in of_c] == [0, 4, 16]  # 400 are not there
    assert len({(one.good, one.bad, one.blocks) for one in of_c}) == 1
    assert of_c[0].good + of_c[0].bad < 120
    figures = [next(m.auroc for m in one.measured if m.scorer == "vision_probe") for one in of_c]
    values = [figure.value for figure in figures if figure is not None]
    assert values[0] < 0.5 < values[2]
    assert [sorted(m.scorer for m in one.measured) for one in of_c] == [
        ["box", "darkness", "tuned", "vision_probe"], ["box", "tuned", "vision_probe"], ["box", "vision_probe"],
    ]  # fmt: skip
    assert len(tunings.asked[-1][0]) == 40 + 5 * 8  # eight labels, as often as they may weigh


def test_a_target_of_one_block_has_no_labels_to_give_and_a_remark_says_so(tmp_path: Path) -> None:
    corpus = drawn_corpus(each=30, block=30)

    found = evaluate(corpus, PLAN, judge=None, cache=tmp_path, report=silent)

    assert [(one.measured, one.remarks) for one in found] == [
        ((), (Remark(code="few_shot_left_out", values={"target": name}),)) for name in "abc"
    ]  # fmt: skip
    assert labels_for_equal(found) == ()


def test_a_target_that_cannot_give_the_fewest_labels_that_are_asked_for_is_named(tmp_path: Path) -> None:
    found = evaluate(drawn_corpus(each=60), replace(PLAN, shots=(500,)), judge=None, cache=tmp_path, report=silent)

    assert [one.remarks[0].code for one in found] == ["too_few_shots"] * 3
    assert found[0].remarks[0].values["least"] == 500


def table(target: str, shots: int, figures: dict[Scorer, tuple[float, float]]) -> Comparison:
    measured = tuple(
        Measured(
            scorer=scorer,
            seeds=1,
            auroc=Figure(value=auroc),
            auroc_by_seed=(auroc,),
            macro_f1=Figure(value=macro_f1),
            balanced_accuracy=None,
            escape=None,
            overkill=None,
        )
        for scorer, (auroc, macro_f1) in figures.items()
    )
    return Comparison(
        protocol="few_shot", sources=("a",), target=target, good=1, bad=1, blocks=2, reference="box", shots=shots, measured=measured
    )


def test_labels_for_equal_quality_are_the_fewest_that_reach_the_box() -> None:
    tables = [
        table("b", 0, {"box": (0.9, 0.8), "vision_probe": (0.95, 0.6), "text_regression": (0.8, 0.9)}),
        table("c", 0, {"box": (0.8, 0.6), "vision_probe": (0.85, 0.7), "text_regression": (0.8, 0.5)}),
        table("b", 4, {"box": (0.9, 0.8), "vision_probe": (0.95, 0.7), "text_regression": (0.8, 0.8)}),
        table("c", 4, {"box": (0.8, 0.6), "vision_probe": (0.85, 0.7), "text_regression": (0.8, 0.5)}),
        table("b", 8, {"box": (0.9, 0.8), "vision_probe": (0.95, 0.75), "imagenet_probe": (0.5, 0.1)}),
    ]

    ranked, called = labels_for_equal(tables)

    assert (ranked.figure, ranked.labels) == ("auroc", {"text_regression": None, "vision_probe": 0, "imagenet_probe": None})
    assert (called.figure, called.labels) == ("macro_f1", {"text_regression": 0, "vision_probe": 4, "imagenet_probe": None})
    assert [ranked.to.value, called.to.value] == pytest.approx([0.85, 0.7])
    assert labels_for_equal([]) == ()
    assert labels_for_equal([table("b", 0, {"box": (0.9, 0.8)})]) == ()
