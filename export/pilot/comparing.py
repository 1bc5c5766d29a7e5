"""The protocols and the shift of a pilot, on its labelled pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.evaluation.blocks import neighbour_names
from export.evaluation.corpus import Corpus
from export.evaluation.evaluate import evaluate, paper
from export.evaluation.plan import DEFAULT_SCORERS, Plan
from export.findings.comparison import Comparison, Condition
from export.findings.scorers import Scorer
from export.findings.shift import Representation, ShiftFindings
from export.pilot.language import Language, OpenLanguage
from export.pilot.spec import PilotSpec
from export.progress import Report
from export.shift.measure import shift_findings
from export.shift.text import text_features

OF_PICTURES: tuple[Scorer, ...] = ("vision_probe", "imagenet_probe", "measure_trees", "patch_memory", "fusion", "darkness")
"""Scorers that need pictures, not only words."""
OTHERS = "≠ {name}"
"""The source that is every domain but one."""
SEED = 1


def plan_of(spec: PilotSpec, *, pictures: bool, patches: bool) -> Plan:
    """The plan of the protocols; without pictures the scorers that need them are left out."""
    asked = spec.protocols
    without = {*(() if pictures else OF_PICTURES), *(() if patches else ("patch_memory",))}
    return Plan(
        protocols=tuple(one for one in asked.run if one != "paper"),
        scorers=tuple(scorer for scorer in DEFAULT_SCORERS if scorer not in without),
        groups=spec.data.groups,
        seeds=asked.seeds,
        tuned_seeds=asked.tuned_seeds,
        tune_examples=asked.tune_examples,
        shots=asked.shots,
        tuned_shots=asked.tuned_shots,
        rounds=asked.rounds,
        confidence=asked.confidence,
    )


def compared(
    corpus: Corpus, changed: Mapping[Condition, Corpus], spec: PilotSpec, *, language: OpenLanguage, cache: Path, report: Report
) -> tuple[Comparison, ...]:
    """All protocols of the specification, that of the paper last.

    Raises:
        EvaluationError: nothing can be compared on these pictures.
        ExportError: a tuning failed.
        OSError: `cache` cannot be written.
    """
    plan = plan_of(spec, pictures=bool(corpus.vision.shape[1]), patches=corpus.patches is not None)
    found: tuple[Comparison, ...] = ()
    if plan.protocols:
        found += evaluate(corpus, plan, **_given(language("box")), cache=cache, report=report, changed=changed)  # type: ignore[arg-type]
    if "paper" in spec.protocols.run:
        found += paper(corpus, plan, **_given(language("published")), cache=cache, report=report)  # type: ignore[arg-type]
    return found


def shift_of(corpus: Corpus, spec: PilotSpec, *, language: Language, report: Report) -> ShiftFindings:
    """The shift between groups, or from all other domains to each, in every representation that the pilot has."""
    representations: dict[Representation, NDArray[np.floating]] = {
        "pixels": corpus.pixels,
        "vision": corpus.vision,
        "imagenet": corpus.imagenet,
        "text": text_features(corpus.words),
        "judge": language.judge.hidden(corpus.words),
    }
    pairs, groups = pairs_of(spec.data.groups, corpus.domains)
    return shift_findings(
        {name: values for name, values in representations.items() if values.shape[1]},
        domains=corpus.domains,
        blocks=neighbour_names(corpus),
        bad=corpus.bad,
        pairs=pairs,
        groups=groups,
        seed=SEED,
        report=report,
    )


def pairs_of(
    groups: Mapping[str, tuple[str, ...]], domains: tuple[str, ...]
) -> tuple[tuple[tuple[str, str], ...], dict[str, tuple[str, ...]]]:
    """The pairs (source, target) whose shift is measured, and the domains of the groups that they name."""
    if len(groups) > 1:
        return tuple((one, other) for one in groups for other in groups if one != other), dict(groups)
    names = sorted(set(domains))
    others = {OTHERS.format(name=name): tuple(one for one in names if one != name) for name in names}
    return tuple(zip(others, names, strict=True)) if len(names) > 1 else (), others


def _given(language: Language) -> dict[str, object]:
    return {"judge": language.judge, "neutral": language.neutral, "tuner": language.tuner}
