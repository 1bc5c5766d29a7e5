"""Changes of capture: pictures with another exposure, focus, noise, motion or compression, measured by what learned from clean ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from export.evaluation.bench import Bench, Found, Heading, by_seed
from export.evaluation.case import Case, Rows, Scored
from export.evaluation.corpus import Corpus, joined
from export.evaluation.errors import EvaluationError
from export.findings.comparison import Comparison, Condition


def with_conditions(corpus: Corpus, changed: Mapping[Condition, Corpus]) -> tuple[Corpus, dict[Condition | None, Rows]]:
    """One corpus of the pictures and of their changed copies, and the rows of each condition; None: the originals of the changed ones.

    Raises:
        EvaluationError: the conditions do not hold the same pictures, or one is none of the corpus.
    """
    where = {row.source: number for number, row in enumerate(corpus.rows)}
    sources = [row.source for row in next(iter(changed.values())).rows]
    rows: dict[Condition | None, Rows] = {}
    first = len(corpus)
    for condition, some in changed.items():
        if [row.source for row in some.rows] != sources or not where.keys() >= set(sources):
            msg = f"condition {condition.kind} {condition.level:g}: its pictures are not those of the other conditions and of the corpus"
            raise EvaluationError(msg)
        rows[condition] = np.arange(first, first + len(some))
        first += len(some)
    rows = {None: np.array([where[source] for source in sources], np.int64), **rows}
    return joined([corpus, *changed.values()]), rows


def captured(bench: Bench, whole: Corpus, conditions: Mapping[Condition | None, Rows]) -> Iterator[Comparison]:
    """A table for each target and condition; the one with `condition` None is of the same pictures unchanged.

    `bench` holds the unchanged corpus, `whole` and `conditions` are from `with_conditions`.

    Raises:
        EvaluationError: the splits that the pictures say separate neighbours.
    """
    for name, domains in bench.plan.wide_targets(bench.corpus).items():
        inside = {condition: rows[np.isin(np.array(whole.domains)[rows], list(domains))] for condition, rows in conditions.items()}
        if not len(inside[None]):
            continue
        target, heading = np.concatenate(list(inside.values())), Heading("conditions", name)
        cases = [replace(bench.case(domains, inside[None], seed), corpus=whole, target=target) for seed in range(bench.plan.seeds)]
        found = bench.found(heading, by_seed(cases), bench.plan.scorers)
        count = len(inside[None])
        for number, condition in enumerate(inside):
            part = _part(found, bench.corpus, slice(number * count, (number + 1) * count), inside[None])
            yield bench.comparison(replace(heading, condition=condition), domains, part)


def _part(found: Found, corpus: Corpus, taken: slice, originals: Rows) -> Found:
    """What was found on the pictures of one condition, told of their originals: truth and neighbours are theirs."""

    def of(case: Case, scored: Scored) -> tuple[Case, Scored]:
        calls = None if scored.calls is None else scored.calls[taken]
        return replace(case, corpus=corpus, target=originals), replace(scored, target=scored.target[taken], calls=calls)

    return Found({scorer: [of(*one) for one in seeds] for scorer, seeds in found.seeds.items()}, list(found.remarks))
