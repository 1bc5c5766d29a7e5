"""Leave one domain out, or one group of domains: what a scorer does on pictures whose like taught it nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from export.evaluation.bench import Bench, Heading, by_seed
from export.findings.comparison import Comparison, Protocol


def left_out(bench: Bench, targets: Mapping[str, frozenset[str]], *, protocol: Protocol = "leave_one_domain_out") -> Iterator[Comparison]:
    """A table for each target; `targets` are names and their domains.

    Raises:
        EvaluationError: the splits that the pictures say separate neighbours.
    """
    for name, domains in targets.items():
        target, heading = np.flatnonzero(np.isin(bench.corpus.domains, list(domains))), Heading(protocol, name)
        cases = [bench.case(domains, target, seed) for seed in range(bench.plan.seeds)]
        found = bench.found(heading, by_seed(cases), bench.plan.scorers)
        yield bench.comparison(heading, domains, found)
