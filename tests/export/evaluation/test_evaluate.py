from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.records import Words
from export.errors import LlmError
from export.evaluation.corpus import Corpus
from export.evaluation.errors import EvaluationError
from export.evaluation.evaluate import evaluate, paper
from export.evaluation.models import Neutral, neutral_labels
from export.evaluation.plan import PAPER_SCORERS, PLAIN_SCORERS, Plan
from export.findings.comparison import Comparison, Condition, Measured
from export.findings.remark import Remark
from export.findings.scorers import Scorer
from export.progress import Report
from tests.support.drawn_corpora import LABELS, CountedTunings, WordCounts, drawn_corpus

QUICK = Plan(scorers=("box", "linear_box", "text_regression", "vision_probe", "darkness", "majority"), seeds=2)
"""Without trees, which take a second each."""


def silent(_: str) -> None:
    pass


def compared(corpus: Corpus, plan: Plan, cache: Path, *, report: Report = silent) -> tuple[Comparison, ...]:
    return evaluate(corpus, plan, judge=WordCounts(), cache=cache, report=report)


def of(comparison: Comparison, scorer: Scorer) -> Measured:
    return next(one for one in comparison.measured if one.scorer == scorer)


def test_every_domain_and_every_group_is_left_out_once(tmp_path: Path) -> None:
    plan = replace(QUICK, protocols=("leave_one_domain_out",), groups={"late": ("b", "c"), "a": ("a",)})

    found = compared(drawn_corpus(), plan, tmp_path)

    assert [(one.target, one.sources) for one in found] == [
        ("a", ("b", "c")), ("b", ("a", "c")), ("c", ("a", "b")), ("late", ("a",)), ("group a", ("b", "c")),
    ]  # fmt: skip
    for one in found:
        assert of(one, "box").behind_reference is None
        assert of(one, "text_regression").seeds == 2
        assert of(one, "majority").auroc is not None
        assert any("linear_box is left out: the bundle gave no such scores" in str(remark) for remark in one.remarks)


def test_what_tells_defects_does_and_what_does_not_does_not(tmp_path: Path) -> None:
    corpus = drawn_corpus(each=200, noise=0.05)
    plan = Plan(protocols=("leave_one_domain_out",), scorers=(*PLAIN_SCORERS, "zero_shot_rank"), seeds=1, groups={"new": ("b", "c")})
    found = compared(corpus, plan, tmp_path)[-1]

    for scorer in ("box", "text_regression", "vision_probe", "measure_trees", "darkness", "zero_shot_rank", "imagenet_probe"):
        figure = of(found, scorer).auroc
        assert figure is not None
        assert figure.low is not None
        assert figure.low > 0.7, scorer
    majority = of(found, "majority").auroc
    assert majority is not None
    assert majority.value == 0.5


def test_the_labels_of_the_target_change_no_score(tmp_path: Path) -> None:
    """Seen in the calls: on a target with every label turned round, what was escape is now overkill, and the other way round."""
    corpus = drawn_corpus()
    turned = replace(corpus, bad=np.where(np.array(corpus.domains) == "c", ~corpus.bad, corpus.bad))
    plan = replace(QUICK, protocols=("leave_one_domain_out",))

    before, after = (compared(some, plan, tmp_path / name)[2] for some, name in ((corpus, "one"), (turned, "other")))

    for scorer in ("box", "text_regression", "vision_probe"):
        first, second = of(before, scorer), of(after, scorer)
        assert first.source_auroc == second.source_auroc
        assert first.auroc is not None
        assert second.auroc is not None
        assert first.escape is not None
        assert second.overkill is not None
        assert second.auroc.value == pytest.approx(1 - first.auroc.value)
        assert second.overkill.value == pytest.approx(1 - first.escape.value)


def test_a_stopped_comparison_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    corpus, plan = drawn_corpus(), replace(QUICK, protocols=("leave_one_domain_out",))
    whole = compared(corpus, plan, tmp_path / "whole")

    def stops(line: str) -> None:
        if "b: vision_probe" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compared(corpus, plan, tmp_path / "stopped", report=stops)
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "stopped").iterdir()}
    assert compared(corpus, plan, tmp_path / "stopped") == whole
    assert kept
    assert all((tmp_path / "stopped" / name).stat().st_mtime_ns == time for name, time in kept.items())


def test_changed_pictures_are_scored_again(tmp_path: Path) -> None:
    corpus, plan = drawn_corpus(), Plan(protocols=("leave_one_domain_out",), scorers=("vision_probe",), seeds=1, reference="vision_probe")
    before = compared(corpus, plan, tmp_path)

    after = compared(replace(corpus, vision=-corpus.vision[::-1]), plan, tmp_path)

    assert before != after


def test_a_tuned_model_learns_the_source_alone_and_every_control_gets_its_part(tmp_path: Path) -> None:
    corpus, tunings = drawn_corpus(each=80), CountedTunings(tmp_path)
    neutral = Neutral(neutral_labels(LABELS), WordCounts())
    scorers: tuple[Scorer, ...] = ("box", "tuned", "tuned_generate", "tuned_tags", "shuffled", "neutral_labels", "fusion", "vision_probe")
    plan = Plan(protocols=("leave_one_domain_out",), scorers=scorers, seeds=2, tuned_seeds=1, tune_examples=40, tune_checks=20)

    found = evaluate(corpus, plan, judge=WordCounts(), cache=tmp_path, report=silent, tuner=tunings, neutral=neutral)

    assert [one.scorer for one in found[0].measured] == list(scorers)
    assert len(tunings.asked) == 3 * 3  # by target: all words, tags alone, neutral names
    for words, allowed, labels in tunings.asked:
        assert len(words) == 40
        assert {name for names in allowed for name in names} <= {label.name for label in labels}
    assert {len(one.captions) for one in tunings.asked[1][0]} == {0}
    assert [label.name for label in tunings.asked[2][2]] == [label.name for label in neutral_labels(LABELS)]
    shuffled, tuned = (of(found[0], name).auroc for name in ("shuffled", "tuned"))
    assert shuffled is not None
    assert shuffled.low is not None
    assert shuffled.high is not None
    assert shuffled.low < 0.5 < shuffled.high
    assert tuned is not None
    assert tuned.value > shuffled.value
    assert of(found[0], "fusion").seeds == 1


def test_pseudo_labels_teach_and_know_nothing_of_the_truth(tmp_path: Path) -> None:
    corpus = drawn_corpus(each=80, noise=0.1)
    turned = replace(corpus, bad=np.where(np.array(corpus.domains) == "c", ~corpus.bad, corpus.bad))
    plan = Plan(protocols=("adaptation",), scorers=("box", "text_regression", "vision_probe", "tuned"), seeds=1, tune_examples=40)
    learned = []
    for number, some in enumerate((corpus, turned)):
        tunings = CountedTunings(tmp_path)
        found = evaluate(some, plan, judge=WordCounts(), cache=tmp_path / str(number), report=silent, tuner=tunings)
        learned.append(tunings.asked[-1][:2])

    assert [(one.target, one.rounds) for one in found] == [(name, number) for name in "abc" for number in (0, 1)]
    assert learned[0] == learned[1]
    before, after = found[0], found[1]
    assert before.pseudo_labels == ()
    assert [one.scorer for one in after.pseudo_labels] == ["text_regression", "vision_probe", "tuned"]
    labels = after.pseudo_labels[-1]
    assert labels.coverage == 1.0
    assert labels.precision is not None
    assert labels.precision > 0.7


def test_a_demanded_confidence_leaves_pictures_without_a_pseudo_label(tmp_path: Path) -> None:
    plan = Plan(protocols=("adaptation",), scorers=("box", "vision_probe"), seeds=1, confidence=0.9)

    found = compared(drawn_corpus(each=80), plan, tmp_path)

    assert [0 < one.coverage < 1 for one in found[1].pseudo_labels if one.scorer == "vision_probe"] == [True]


def test_conditions_are_told_beside_the_same_pictures_unchanged(tmp_path: Path) -> None:
    corpus = drawn_corpus(each=60)
    part = corpus.take(np.arange(0, len(corpus), 2))
    blurred = replace(part, vision=np.zeros_like(part.vision), box=part.box + 0.0)
    conditions = {Condition(kind="defocus", level=2.0): blurred, Condition(kind="noise", level=4.0): part}
    plan = Plan(protocols=("conditions",), scorers=("box", "vision_probe"), seeds=2)

    found = evaluate(corpus, plan, judge=None, cache=tmp_path, report=silent, changed=conditions)

    assert [(one.target, one.condition and one.condition.kind) for one in found][:4] == [
        ("a", None), ("a", "defocus"), ("a", "noise"), ("b", None),
    ]  # fmt: skip
    assert {one.good + one.bad for one in found} == {30}
    unchanged, blind, same = (of(one, "vision_probe") for one in found[:3])
    assert same == unchanged
    assert blind.auroc is not None
    assert blind.auroc.value == 0.5


def test_conditions_of_other_pictures_are_refused(tmp_path: Path) -> None:
    corpus = drawn_corpus()
    changed = {Condition(kind="noise", level=1.0): corpus.take([0, 1]), Condition(kind="jpeg", level=20.0): corpus.take([0, 2])}

    with pytest.raises(EvaluationError, match="condition jpeg 20: its pictures are not those of the other conditions"):
        evaluate(corpus, Plan(protocols=("conditions",)), judge=None, cache=tmp_path, report=silent, changed=changed)


def test_the_published_protocol_decides_by_the_likeliest_label(tmp_path: Path) -> None:
    corpus, neutral = drawn_corpus(each=60), Neutral(neutral_labels(LABELS), WordCounts())

    found = paper(corpus, Plan(seeds=1), judge=WordCounts(), cache=tmp_path, report=silent, tuner=CountedTunings(tmp_path), neutral=neutral)

    assert {one.protocol for one in found} == {"paper"}
    assert {one.reference for one in found} == {"tuned"}
    assert [one.scorer for one in found[0].measured] == list(PAPER_SCORERS)
    likely = WordCounts().rank(corpus.take(np.arange(60)).words)
    calls, bad = likely.argmax(1) > 0, corpus.bad[:60]
    escape = of(found[0], "zero_shot_rank").escape
    assert escape is not None
    assert escape.value == pytest.approx((~calls[bad]).mean())
    assert of(found[0], "zero_shot_generate").auroc is None


def test_without_a_model_its_scorers_are_left_out_with_a_remark(tmp_path: Path) -> None:
    plan = Plan(protocols=("leave_one_domain_out",), scorers=("box", "tuned", "zero_shot_generate", "patch_memory"), seeds=1)

    found = evaluate(drawn_corpus(), plan, judge=None, cache=tmp_path, report=silent)

    assert [one.scorer for one in found[0].measured] == ["box"]
    assert len([remark for remark in found[0].remarks if remark.code == "scorer_left_out"]) == 3


class OnlyRanks(WordCounts):
    """A model that has no graph to generate with."""

    def generate(self, words: Sequence[Words], adapter: Path | None = None) -> tuple[str | None, ...]:
        msg = f"generating after {len(words)} descriptions with {adapter}: the model has no graph"
        raise LlmError(msg)


def test_a_model_that_cannot_generate_is_still_ranked(tmp_path: Path) -> None:
    plan = Plan(protocols=("leave_one_domain_out",), scorers=("box", "zero_shot_rank", "zero_shot_generate"), seeds=1)

    found = evaluate(drawn_corpus(), plan, judge=OnlyRanks(), cache=tmp_path, report=silent)

    assert [one.scorer for one in found[0].measured] == ["box", "zero_shot_rank"]
    assert "zero_shot_generate is left out: generating after 60 descriptions with None: the model has no graph." in map(
        str, found[0].remarks
    )


def test_a_memory_of_patches_finds_what_is_unlike_good_pictures(tmp_path: Path) -> None:
    corpus = drawn_corpus(each=20)
    rng = np.random.default_rng(0)
    patches = rng.standard_normal((60, 4, 4, 5)).astype(np.float16)
    patches[corpus.bad, 1, 1] += 6
    plan = Plan(protocols=("leave_one_domain_out",), scorers=("box", "patch_memory"), seeds=2)

    found = evaluate(replace(corpus, patches=patches), plan, judge=None, cache=tmp_path, report=silent)

    measured = of(found[0], "patch_memory")
    assert measured.seeds == 1
    assert measured.auroc is not None
    assert measured.auroc.value > 0.9


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"bad": np.zeros(180, bool)}, "comparing scorers: all 180 labelled pictures are good: add others, or correct the labels"),
        ({"bad": np.ones(180, bool)}, "all 180 labelled pictures are defective"),
        ({"domains": ("a",) * 180}, "all pictures are of the domain 'a', none can be left out: name at least two"),
    ],
)
def test_pictures_that_allow_no_comparison_are_refused(tmp_path: Path, change: dict[str, object], told: str) -> None:
    corpus = replace(drawn_corpus(), **change)  # type: ignore[arg-type]

    with pytest.raises(EvaluationError, match=told):
        compared(corpus, QUICK, tmp_path)


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        ({"late": ("b", "d")}, "group 'late' names 'd', a domain without a labelled picture: use a, b, c"),
        ({"all": ("a", "b", "c")}, "group 'all' holds every domain, so that no source is left without it: take a domain out of the group"),
    ],
)
def test_groups_that_cannot_be_left_out_are_refused(tmp_path: Path, groups: dict[str, tuple[str, ...]], told: str) -> None:
    with pytest.raises(EvaluationError, match=told):
        compared(drawn_corpus(), replace(QUICK, groups=groups), tmp_path)


def test_a_domain_of_three_pictures_is_measured_and_called_rough(tmp_path: Path) -> None:
    corpus = drawn_corpus()
    corpus = corpus.take([*range(120), 120, 121, 122])

    found = compared(corpus, replace(QUICK, protocols=("leave_one_domain_out",)), tmp_path)[2]

    assert found.good + found.bad == 3
    assert Remark(code="few_bad", values={"count": found.bad}) in found.remarks
    assert Remark(code="one_block") in found.remarks


def test_a_target_of_few_blocks_has_intervals_that_are_called_too_narrow(tmp_path: Path) -> None:
    found = compared(drawn_corpus(each=60, block=20), replace(QUICK, protocols=("leave_one_domain_out",)), tmp_path)[0]

    assert Remark(code="few_blocks", values={"blocks": 3}) in found.remarks
