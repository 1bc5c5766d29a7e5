"""Unsupervised adaptation: what a scorer takes for true on the target teaches it there, in rounds.

As published: all pictures of the target get the label that the model of the round before gives them, and a fresh model learns from the
source and from these. A plan may demand a confidence. The pictures that adapt are those that are measured; their labels are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from export.evaluation.bench import Bench, Found, Heading, by_seed
from export.evaluation.case import Case, Extra, Scored
from export.evaluation.measure import DEFECTIVE, NONE, calls_of, mean, probabilities
from export.evaluation.plan import LEARNERS
from export.findings.comparison import Comparison, PseudoLabels
from export.findings.scorers import Scorer


@dataclass(frozen=True, slots=True)
class Taken:
    """The share of pseudo-labels that are right (None without one), and of pictures that got one."""

    precision: float | None
    coverage: float


def adapted(bench: Bench) -> Iterator[Comparison]:
    """A table for each target and round; round 0 is before any adaptation.

    Raises:
        EvaluationError: the splits that the pictures say separate neighbours.
    """
    learners = [scorer for scorer in bench.plan.scorers if scorer in LEARNERS]
    for name, domains in bench.plan.wide_targets(bench.corpus).items():
        target = np.flatnonzero(np.isin(bench.corpus.domains, list(domains)))
        cases = [bench.case(domains, target, seed) for seed in range(bench.plan.seeds)]
        heading = Heading("adaptation", name, rounds=0)
        fixed = [bench.plan.reference] if bench.plan.reference not in learners else []
        found = bench.found(heading, by_seed(cases), [*fixed, *learners])
        yield bench.comparison(heading, domains, found)
        for number in range(1, bench.plan.rounds + 1):
            heading = replace(heading, rounds=number)
            found, taken = _next_round(bench, heading, found, learners)
            yield _table(bench, heading, domains, found, taken)


def pseudo_labelled(case: Case, scored: Scored, *, confidence: float) -> Extra:
    """The pictures of the target that a scorer is sure enough of, with what it calls them."""
    calls, likely = calls_of(case, scored), probabilities(case, scored) if scored.ranks else None
    if calls is None:
        return Extra()
    sure = calls != NONE
    if likely is not None and confidence > 0:
        sure &= np.nan_to_num(np.maximum(likely, 1 - likely)) >= confidence
    return Extra(case.target[sure], calls[sure] == DEFECTIVE, known=False)


def _next_round(bench: Bench, heading: Heading, before: Found, learners: list[Scorer]) -> tuple[Found, dict[Scorer, Taken]]:
    cases: dict[tuple[Scorer, int], Case] = {}
    taken: dict[Scorer, Taken] = {}
    for scorer, seeds in before.seeds.items():
        extras = [
            pseudo_labelled(case, scored, confidence=bench.plan.confidence) if scorer in learners else Extra() for case, scored in seeds
        ]
        cases |= {(scorer, seed): replace(case, extra=extra) for seed, ((case, _), extra) in enumerate(zip(seeds, extras, strict=True))}
        if scorer in learners:
            right = [float((extra.bad == bench.corpus.bad[extra.rows]).mean()) for extra in extras if len(extra.rows)]
            taken[scorer] = Taken(mean(right), float(np.mean([len(extra.rows) / len(seeds[0][0].target) for extra in extras])))
    return bench.found(heading, lambda scorer, seed: cases[scorer, seed], list(before.seeds)), taken


def _table(bench: Bench, heading: Heading, domains: frozenset[str], found: Found, taken: dict[Scorer, Taken]) -> Comparison:
    labels = tuple(PseudoLabels(scorer=scorer, precision=one.precision, coverage=one.coverage) for scorer, one in taken.items())
    return bench.comparison(heading, domains, found, pseudo_labels=labels)
