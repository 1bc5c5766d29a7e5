"""Measures the scorers of a plan on one target, over seeds, and makes a table of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from export.evaluation.blocks import neighbourhoods, source_rows, source_split
from export.evaluation.case import Case, Rows, Scored
from export.evaluation.corpus import Corpus
from export.evaluation.errors import NotMeasured
from export.evaluation.measure import measure
from export.evaluation.plan import LEARNERS, Plan
from export.evaluation.resample import Resampler
from export.evaluation.scorers import Scorers
from export.findings.comparison import Comparison, Condition, Protocol, PseudoLabels
from export.findings.remark import Remark, RemarkCode
from export.findings.scorers import Scorer
from export.progress import Report

FEW = 20
"""With fewer good or defective pictures in a target a remark says so: an AUROC of 0.8 then has an interval of about 0.2 either way."""
FEW_BLOCKS = 6
"""With fewer blocks a bootstrap has too few different draws: its intervals hold the truth less often than they say."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What a table is of; see `Comparison`."""

    protocol: Protocol
    target: str
    condition: Condition | None = None
    shots: int | None = None
    rounds: int | None = None


@dataclass(slots=True)
class Found:
    """Cases and scores by scorer, one for each seed, and why others have none."""

    seeds: dict[Scorer, list[tuple[Case, Scored]]] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)


class Bench:
    """A corpus, a plan and its scorers. `corpus` holds all pictures, `near` their neighbourhoods."""

    def __init__(self, corpus: Corpus, plan: Plan, scorers: Scorers, report: Report) -> None:
        self.corpus = corpus
        self.plan = plan
        self.near = neighbourhoods(corpus)
        self._scorers = scorers
        self._report = report

    def case(self, domains: frozenset[str], target: Rows, seed: int) -> Case:
        """A case whose source is every other domain, without neighbours of `domains`.

        Raises:
            EvaluationError: the splits that the pictures say separate neighbours.
        """
        rows, _ = source_rows(self.corpus, domains, self.near)
        train, validation = source_split(self.corpus, rows, self.near, share=self.plan.validation_share, seed=seed)
        return Case(self.corpus, train, validation, target, seed)

    def found(self, heading: Heading, make: Callable[[Scorer, int], Case], scorers: Sequence[Scorer]) -> Found:
        """Score; `make` gives the case of a scorer and a seed. A scorer that one seed refuses is left out, and a remark says why."""
        found = Found()
        for scorer in scorers:
            count = self.plan.seeds_of(scorer)
            scored = []
            try:
                for seed in range(count):
                    self._report(f"{heading.protocol}, {heading.target}: {scorer}, seed {seed + 1} of {count}")
                    case = make(scorer, seed)
                    scored.append((case, self._scorers.score(scorer, case)))
            except NotMeasured as err:
                found.remarks.append(Remark(code="scorer_left_out", values={"scorer": scorer, "why": err.why}))
            if len(scored) == count > 0:
                found.seeds[scorer] = scored
        return found

    def comparison(
        self,
        heading: Heading,
        domains: frozenset[str],
        found: Found,
        *,
        pseudo_labels: tuple[PseudoLabels, ...] = (),
        remarks: Sequence[Remark] = (),
    ) -> Comparison:
        """The table of what was found on one target."""
        inside = np.flatnonzero(np.isin(self.corpus.domains, list(domains)))
        target = next((seeds[0][0].target for seeds in found.seeds.values()), inside)
        bad, blocks = self.corpus.bad[target], np.unique(self.near[target], return_inverse=True)[1]
        resampler = Resampler(np.asarray(blocks, np.int64), bad)
        reference = found.seeds.get(self.plan.reference)
        return Comparison(
            protocol=heading.protocol,
            sources=tuple(name for name in dict.fromkeys(self.corpus.domains) if name not in domains),
            target=heading.target,
            good=int((~bad).sum()),
            bad=int(bad.sum()),
            blocks=resampler.blocks,
            reference=self.plan.reference,
            condition=heading.condition,
            shots=heading.shots,
            rounds=heading.rounds,
            pseudo_labels=pseudo_labels,
            measured=tuple(
                measure(scorer, some, resampler, reference=None if scorer == self.plan.reference else reference)
                for scorer, some in found.seeds.items()
            ),
            remarks=(*(self._remarks(domains, bad, blocks) if found.seeds else ()), *remarks, *found.remarks),
        )

    def _remarks(self, domains: frozenset[str], bad: NDArray[np.bool_], blocks: NDArray[np.int64]) -> Iterator[Remark]:
        few: tuple[tuple[RemarkCode, int], ...] = (("few_bad", int(bad.sum())), ("few_good", int((~bad).sum())))
        yield from (Remark(code=code, values={"count": count}) for code, count in few if count < FEW)
        if len(blocks) and blocks.max() == 0:
            yield Remark(code="one_block")
        elif len(blocks) and blocks.max() + 1 < FEW_BLOCKS:
            yield Remark(code="few_blocks", values={"blocks": int(blocks.max()) + 1})
        _, dropped = source_rows(self.corpus, domains, self.near)
        if dropped:
            yield Remark(code="neighbours", values={"count": int(dropped)})


def by_seed(cases: Sequence[Case], *, learners: Sequence[Case] | None = None) -> Callable[[Scorer, int], Case]:
    """The case of a seed, for every scorer the same, or those of `learners` for the scorers that learn."""
    return lambda scorer, seed: (cases if learners is None or scorer not in LEARNERS else learners)[seed]
