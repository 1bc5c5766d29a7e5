"""All protocols of a plan, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from export.evaluation.adaptation import adapted
from export.evaluation.bench import Bench
from export.evaluation.capture import captured, with_conditions
from export.evaluation.corpus import Corpus
from export.evaluation.few_shot import few_shot
from export.evaluation.judged import Judges
from export.evaluation.left_out import left_out
from export.evaluation.models import Neutral, Tuner
from export.evaluation.plan import PAPER_SCORERS, Plan
from export.evaluation.scorers import Scorers
from export.findings.comparison import Comparison, Condition
from export.instruct.judge import JudgeScorers
from export.progress import Report


def evaluate(
    corpus: Corpus,
    plan: Plan,
    *,
    judge: JudgeScorers | None,
    cache: Path,
    report: Report,
    tuner: Tuner | None = None,
    neutral: Neutral | None = None,
    changed: Mapping[Condition, Corpus] | None = None,
) -> tuple[Comparison, ...]:
    """Compare scorers as the plan says. What was stopped goes on where it was: scores are kept in `cache`.

    `judge` is the language model without an adapter, `tuner` makes its adapters, `neutral` answers with names that mean nothing; what needs
    one that is None is left out with a remark. `changed`: by condition of capture the same pictures, or the same part of them, changed.
    The protocol "paper" is measured with `paper`.

    Raises:
        EvaluationError: nothing can be compared on these pictures.
        ExportError: a tuning failed.
        OSError: `cache` cannot be written.
    """
    plan.require_fits(corpus)
    scorers = Scorers(cache, Judges(plan, corpus.labels, judge, tuner, neutral))
    bench = Bench(corpus, plan, scorers, report)
    found: list[Comparison] = []
    if "leave_one_domain_out" in plan.protocols:
        found += left_out(bench, plan.domain_targets(corpus))
    if "adaptation" in plan.protocols:
        found += adapted(bench)
    if "few_shot" in plan.protocols:
        found += few_shot(bench)
    if "conditions" in plan.protocols and changed:
        found += captured(bench, *with_conditions(corpus, changed))
    return tuple(found)


def paper(
    corpus: Corpus,
    plan: Plan,
    *,
    judge: JudgeScorers | None,
    cache: Path,
    report: Report,
    tuner: Tuner | None = None,
    neutral: Neutral | None = None,
) -> tuple[Comparison, ...]:
    """The text protocol of VLLaVO (arXiv 2401.03253): ranked and generated labels, tuned or not, and each kind of words left out.

    `judge`, `tuner` and `neutral` use the published form of the prompt. As published, the likeliest label decides and no threshold; the
    controls beside it have thresholds from source validation. Targets are the groups of the plan, or its domains. The reference is the
    tuned model, or zero-shot ranking where nothing is tuned.

    Raises:
        EvaluationError: nothing can be compared on these pictures.
        ExportError: a tuning failed.
        OSError: `cache` cannot be written.
    """
    plan.require_fits(corpus)
    plan = replace(plan, scorers=PAPER_SCORERS, reference="zero_shot_rank" if tuner is None else "tuned")
    scorers = Scorers(cache, Judges(plan, corpus.labels, judge, tuner, neutral, argmax=True))
    return tuple(left_out(Bench(corpus, plan, scorers, report), plan.wide_targets(corpus), protocol="paper"))
