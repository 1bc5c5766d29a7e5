"""Few labels of the target: k good and k defective pictures of it teach beside the source.

Half of the blocks of a target gives the labels, the other half is measured, the same for every k. Of one seed the pictures of a smaller k
are among those of a larger one. What learns nothing (the box, zero-shot) stays as it is. The threshold stays that of source validation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from export.evaluation.bench import Bench, Found, Heading, by_seed
from export.evaluation.blocks import split
from export.evaluation.case import Case, Extra, Rows
from export.evaluation.plan import LEARNERS
from export.findings.comparison import Comparison
from export.findings.figures import Figure
from export.findings.findings import EqualFigure, EqualLabels
from export.findings.remark import Remark
from export.findings.scorers import Scorer

FIGURES: tuple[EqualFigure, ...] = ("auroc", "macro_f1")
SHOT_WEIGHT = 10.0
"""A label of the target weighs as many source labels, but all of them no more than the source."""


def few_shot(bench: Bench) -> Iterator[Comparison]:
    """A table for each target and k. A k that the half with labels cannot give is left out; a target without any is named by a remark.

    Raises:
        EvaluationError: the splits that the pictures say separate neighbours.
    """
    for name, domains in bench.plan.wide_targets(bench.corpus).items():
        inside = np.flatnonzero(np.isin(bench.corpus.domains, list(domains)))
        measured, pool = split(bench.corpus, inside, bench.near, share=0.5, seed=0)
        most = min(int(bench.corpus.bad[pool].sum()), int((~bench.corpus.bad[pool]).sum()))
        possible = [k for k in bench.plan.shots if k <= most]
        if not _both(bench, measured) or not most:
            why = Remark(code="few_shot_left_out", values={"target": name})
            yield bench.comparison(Heading("few_shot", name), domains, Found(), remarks=[why])
            continue
        if not possible:
            why = Remark(code="too_few_shots", values={"target": name, "most": most, "least": min(bench.plan.shots)})
            yield bench.comparison(Heading("few_shot", name), domains, Found(), remarks=[why])
            continue
        cases = [bench.case(domains, measured, seed) for seed in range(bench.plan.seeds)]
        for shots in possible:
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
    return tuple(one for figure in FIGURES if (one := _equal(tables, figure)) is not None)


def _equal(tables: Sequence[Comparison], figure: EqualFigure) -> EqualLabels | None:
    by_scorer: dict[Scorer, dict[int, dict[str, Figure]]] = {}
    references: dict[str, Figure] = {}
    for table in tables:
        for measured in table.measured:
            value: Figure | None = getattr(measured, figure)
            if value is None or table.shots is None:
                continue
            by_scorer.setdefault(measured.scorer, {}).setdefault(table.shots, {})[table.target] = value
            if measured.scorer == table.reference:
                references[table.target] = value
    labels = {scorer: _fewest(by_scorer[scorer], references) for scorer in LEARNERS if references and scorer in by_scorer}
    if not labels:
        return None
    values = list(references.values())
    reference = values[0] if len(values) == 1 else Figure(value=_mean(values))
    return EqualLabels(figure=figure, to=reference, labels=labels)


def _fewest(by_shots: Mapping[int, Mapping[str, Figure]], references: Mapping[str, Figure]) -> int | None:
    for shots, own in sorted(by_shots.items()):
        both = [target for target in own if target in references]
        if both and _mean([own[target] for target in both]) >= _mean([references[target] for target in both]):
            return shots
    return None


def _mean(figures: Sequence[Figure]) -> float:
    return float(np.mean([one.value for one in figures]))


def _scorers(bench: Bench, shots: int) -> list[Scorer]:
    """The reference, what learns, and at 0 labels the whole plan. The tuned language model only at the planned numbers of labels."""
    if not shots:
        return list(bench.plan.scorers)
    skipped = {"tuned"} if shots not in bench.plan.tuned_shots else set()
    return [scorer for scorer in bench.plan.scorers if scorer == bench.plan.reference or (scorer in LEARNERS and scorer not in skipped)]


def _both(bench: Bench, rows: Rows) -> bool:
    bad = bench.corpus.bad[rows]
    return bool(len(rows) and bad.any() and not bad.all())
