"""What is compared: protocols, scorers, seeds, and how much work a tuning may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from export.evaluation.corpus import Corpus
from export.evaluation.errors import EvaluationError
from export.findings.comparison import Protocol
from export.findings.scorers import Scorer

PAPER_SCORERS: tuple[Scorer, ...] = (
    "zero_shot_rank", "zero_shot_rank_mean", "zero_shot_rank_calibrated", "zero_shot_generate", "tuned", "tuned_generate",
    "tuned_tags", "tuned_attributes", "tuned_captions", "tuned_tags_attributes", "tuned_tags_captions", "tuned_attributes_captions",
    "shuffled", "neutral_labels", "text_regression", "vision_probe",
)  # fmt: skip
PLAIN_SCORERS: tuple[Scorer, ...] = (
    "box", "linear_box", "text_regression", "vision_probe", "imagenet_probe", "measure_trees", "darkness", "majority",
)  # fmt: skip
"""Quick ones, which need no language model but the box's own scores."""
DEFAULT_SCORERS: tuple[Scorer, ...] = (
    *PLAIN_SCORERS, "patch_memory", "zero_shot_rank", "zero_shot_rank_mean", "zero_shot_rank_calibrated", "zero_shot_generate",
    "tuned", "shuffled", "neutral_labels", "fusion",
)  # fmt: skip
LEARNERS: tuple[Scorer, ...] = ("text_regression", "vision_probe", "imagenet_probe", "tuned")
"""Those that can take up labels or pseudo-labels of the target."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What `evaluate` compares.

    `groups`: domains that are left out together, by the name of the group. `seeds`: of splits and fits; `tuned_seeds` and `patch_seeds` of
    the slow scorers, the first ones of them. `tune_examples`: at most so many source pictures teach a tuning, half of them good, and
    `tune_checks` stop it. `shots`: labels per class of the target; at those in `tuned_shots` the language model is tuned again. `rounds` of
    pseudo-labels, from pictures whose probability of either side is `confidence` or more (0: all, as published).
    """

    protocols: tuple[Protocol, ...] = ("leave_one_domain_out", "adaptation", "few_shot", "conditions")
    scorers: tuple[Scorer, ...] = DEFAULT_SCORERS
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reference: Scorer = "box"
    seeds: int = 5
    tuned_seeds: int = 1
    patch_seeds: int = 1
    tune_examples: int = 400
    tune_checks: int = 120
    shots: tuple[int, ...] = (0, 1, 2, 4, 8, 16, 32)
    tuned_shots: tuple[int, ...] = ()
    rounds: int = 1
    confidence: float = 0.0
    validation_share: float = 0.25

    def seeds_of(self, scorer: Scorer) -> int:
        """How many of the seeds a scorer is measured with."""
        if scorer == "patch_memory":
            return min(self.seeds, self.patch_seeds)
        return min(self.seeds, self.tuned_seeds) if is_tuned(scorer) else self.seeds

    def require_fits(self, corpus: Corpus) -> None:
        """Refuse pictures on which nothing can be compared.

        Raises:
            EvaluationError: there is one class only, one domain only, or a group names a domain that is not there.
        """
        for wrong, kind in ((corpus.bad.all(), "defective"), (not corpus.bad.any(), "good")):
            if wrong:
                msg = f"comparing scorers: all {len(corpus)} labelled pictures are {kind}: add others, or correct the labels"
                raise EvaluationError(msg)
        domains = set(corpus.domains)
        if len(domains) < 2:
            msg = f"comparing scorers: all pictures are of the domain {min(domains)!r}, none can be left out: name at least two"
            raise EvaluationError(msg)
        for name, members in self.groups.items():
            missing = sorted(set(members) - domains)
            if missing:
                msg = f"group {name!r} names {missing[0]!r}, a domain without a labelled picture: use {', '.join(sorted(domains))}"
                raise EvaluationError(msg)
            if domains <= set(members):
                msg = f"group {name!r} holds every domain, so that no source is left without it: take a domain out of the group"
                raise EvaluationError(msg)

    def domain_targets(self, corpus: Corpus) -> dict[str, frozenset[str]]:
        """The domains of each target of leave-one-domain-out: every domain, then every group."""
        return {name: frozenset([name]) for name in dict.fromkeys(corpus.domains)} | self._named_groups(corpus)

    def wide_targets(self, corpus: Corpus) -> dict[str, frozenset[str]]:
        """The domains of each target of the other protocols: every group, or every domain where there is no group."""
        return self._named_groups(corpus) or self.domain_targets(corpus)

    def _named_groups(self, corpus: Corpus) -> dict[str, frozenset[str]]:
        taken = set(corpus.domains)
        return {(name if name not in taken else f"group {name}"): frozenset(members) for name, members in self.groups.items()}


def is_tuned(scorer: Scorer) -> bool:
    """Whether a scorer needs a tuning of the language model."""
    return scorer.startswith("tuned") or scorer in {"shuffled", "neutral_labels", "fusion"}
