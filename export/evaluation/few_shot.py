"""Few labels of the target: k good and k defective pictures of it teach beside the source.

Half of the blocks of a target gives the labels, the other half is measured, the same for every k. Of one seed the pictures of a smaller k
are among those of a larger one. What learns nothing (the box, zero-shot) stays as it is. The threshold stays that of source validation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from export.evaluation.bench import Bench, Found, Heading, by_seed
from export.evaluation.blocks import split
from export.evaluation.case import Case, Extra, Rows
from export.evaluation.plan import LEARNERS
from export.findings.comparison import Comparison
from export.findings.figures import Figure
from export.findings.findings import EqualLabels
from export.findings.remark import Remark
from export.findings.scorers import Scorer

FIGURES: tuple[Literal["auroc", "macro_f1"], ...] = ("auroc", "macro_f1")
SHOT_WEIGHT = 10.0
"""A label of the target weighs as many source labels, but all of them no more than the source."""


def few_shot(bench: Bench) -> Iterator[Comparison]:
    """A table for each target and k. A k that the half with labels cannot give is left out; where no k is left, a remark says so.

    Raises:
        EvaluationError: the splits that the pictures say separate neighbours.
    """
    for name, domains in bench.plan.wide_targets(bench.corpus).items():
        inside = np.flatnonzero(np.isin(bench.corpus.domains, list(domains)))
        measured, pool = split(bench.corpus, inside, bench.near, share=0.5, seed=0)
        if not _both(bench, measured) or not _both(bench, pool):
            yield bench.comparison(
                Heading("few_shot", name), domains, Found(), remarks=[Remark(code="few_shot_left_out", values={"target": name})]
            )
            continue
        cases = [bench.case(domains, measured, seed) for seed in range(bench.plan.seeds)]
        most = min(int(bench.corpus.bad[pool].sum()), int((~bench.corpus.bad[pool]).sum()))
        for shots in (k for k in bench.plan.shots if k <= most):
            heading = Heading("few_shot", name, shots=shots)
            taught = [replace(case, extra=drawn(bench, case, pool, shots)) for case in cases]
            found = bench.found(heading, by_seed(cases, learners=taught), _scorers(bench, shots))
            yield bench.comparison(heading, domains, found)


def drawn(bench: Bench, case: Case, pool: Rows, shots: int) -> Extra:
    """`shots` good and as many defective pictures of the pool, drawn with the seed of the case."""
    if not shots:
        return Extra()
    order = np.random.default_rng(case.seed).permutation(pool)
    bad = bench.corpus.bad[order]
    rows = np.concatenate([order[bad][:shots], order[~bad][:shots]])
    return Extra(rows, bench.corpus.bad[rows], weight=max(1.0, min(SHOT_WEIGHT, len(case.train) / len(rows))))


def labels_for_equal(comparisons: Sequence[Comparison]) -> tuple[EqualLabels, ...]:
    """The fewest labels for the AUROC and for the macro-F1 of the reference; empty where no target could give labels.

    At each k the targets count that can give so many labels: both scorers are compared on these.
    """
    tables = [one for one in comparisons if one.protocol == "few_shot" and one.shots is not None]
    found = (_equal(tables, figure) for figure in FIGURES)
    return tuple(one for one in found if one is not None)


def _equal(tables: Sequence[Comparison], name: Literal["auroc", "macro_f1"]) -> EqualLabels | None:
    figures: dict[tuple[str, int | None, Scorer], Figure] = {
        (one.target, one.shots, measured.scorer): figure
        for one in tables
        for measured in one.measured
        if (figure := getattr(measured, name)) is not None
    }
    of_reference = {one.target: figure for one in tables if (figure := figures.get((one.target, one.shots, one.reference))) is not None}
    if not of_reference:
        return None
    labels: dict[Scorer, int | None] = {}
    for scorer in (name for name in LEARNERS if any(key[2] == name for key in figures)):
        labels[scorer] = None
        for shots in sorted({one.shots for one in tables if one.shots is not None}):
            pairs = [(own, to) for target, to in of_reference.items() if (own := figures.get((target, shots, scorer))) is not None]
            if pairs and np.mean([own.value for own, _ in pairs]) >= np.mean([to.value for _, to in pairs]):
                labels[scorer] = shots
                break
    to = list(of_reference.values())
    return EqualLabels(figure=name, to=to[0] if len(to) == 1 else Figure(value=float(np.mean([one.value for one in to]))), labels=labels)


def _scorers(bench: Bench, shots: int) -> list[Scorer]:
    """The reference, what learns, and at 0 labels the whole plan. The tuned language model only at the planned numbers of labels."""
    if not shots:
        return list(bench.plan.scorers)
    skipped = {"tuned"} if shots not in bench.plan.tuned_shots else set()
    return [scorer for scorer in bench.plan.scorers if scorer == bench.plan.reference or (scorer in LEARNERS and scorer not in skipped)]


def _both(bench: Bench, rows: Rows) -> bool:
    bad = bench.corpus.bad[rows]
    return bool(len(rows) and bad.any() and not bad.all())
