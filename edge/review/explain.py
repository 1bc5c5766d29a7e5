"""Which words moved a verdict: what the verdict would be without each of them.

Each tag, attribute, measured word, caption and phrase of a caption is left out once. All are judged in one batch together with the whole
description, so that their numbers can be compared. An effect is on the verdict's decision (its labels together): it is positive where the
word speaks for the decision. Effects of words that mean the same do not add up: without "crack", "hairline crack" still says it.

The weights of a linear judge need no such trial. They are shown too, and they add up to what the judge computed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from edge.errors import JudgeError
from edge.records import Decision, Description, Inspection, Reason, Scores, Tag, Words
from edge.review.rejudge import Rejudger
from edge.spool.history import description_and_scores

MIN_PROBABILITY = 1e-9
"""Probabilities are clamped this far from 0 and 1 before their odds are taken: a calibration may give exactly 0."""

MAX_SHIFT = 0.1
"""A batch of another shape rounds otherwise and may move a probability by this much. A larger move means another judge."""

NOISE = 0.15
"""Nats. A smaller effect may be rounding: 95 % of the words of eight real cells moved by less, judged alone and in the batch."""

Kind: TypeAlias = Literal["tag", "attribute", "measured", "caption", "phrase"]

_PHRASE_SEPARATOR = re.compile(r"\s*,\s*")


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of one word on the verdict's decision.

    `probability_without` (0..1) is that of the verdict's decision, `decision_without` what would be decided, both without the word.
    `log_odds` is what the word adds to the log-odds of the verdict's decision, in nats; `noise` is how much of that may be rounding.
    """

    kind: Kind
    word: str
    probability_without: float
    log_odds: float
    decision_without: Decision
    noise: float = NOISE

    @property
    def is_noise(self) -> bool:
        """Whether the effect is too small to tell from rounding."""
        return abs(self.log_odds) < self.noise


@dataclass(frozen=True, slots=True)
class Weights:
    """What speaks for the verdict's label against `rival`, the likeliest label of another decision, with a linear judge, in nats.

    `terms` are the words and word pairs of the description that the judge knows, largest first. Their sum and `intercept` is `total`, the
    logarithm of how many times likelier the label is, before any temperature or calibration.
    """

    label: str
    rival: str
    total: float
    intercept: float
    terms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A stored verdict and the effects of its words, in the order of the description.

    `side` is the decision of the verdict's label (ok, ng, review). `labels` are all labels of that decision, `probability` (0..1) is
    theirs together. `weights` is None where a language model judges, or all labels have one decision.
    """

    inspection: Inspection
    description: Description
    scores: Scores
    side: str
    labels: frozenset[str]
    probability: float
    effects: tuple[Effect, ...]
    weights: Weights | None = None


def explain(rejudger: Rejudger, inspection: Inspection) -> Explanation:
    """Explain a stored verdict.

    Raises:
        HistoryError: it is a FAULT, or was judged with other models, settings, instruction, adapter or calibration.
        JudgeError: the model failed, or does not give the stored scores.
    """
    description, stored = description_and_scores(inspection)
    rejudger.require_same(inspection)
    ablations = _ablations(description)
    whole, *others = rejudger.score_each([description, *(rest for _, _, rest in ablations)])
    rejudger.require_same_judge(inspection, whole)
    side = next(label.decision for label in rejudger.station.labels if label.name == inspection.verdict.label)
    labels = frozenset(label.name for label in rejudger.station.labels if label.decision == side)
    probability, stored_probability = _probability(whole, labels), _probability(stored, labels)
    if abs(probability - stored_probability) > MAX_SHIFT:
        change = f"{side} has probability {probability:.4f} now and had {stored_probability:.4f}"
        msg = f"explaining inspection {inspection.id}: {change}: see with `kotoba-edge reproduce` what differs"
        raise JudgeError(msg)
    late = Reason.LATE in inspection.verdict.reasons
    noise = NOISE if rejudger.linear is None else 0.0
    effects = [
        Effect(
            kind,
            word,
            _probability(scores, labels),
            _log_odds(probability) - _log_odds(_probability(scores, labels)),
            rejudger.decide(rest, scores, late=late).decision,
            noise,
        )
        for (kind, word, rest), scores in zip(ablations, others, strict=True)
    ]
    weights = _weights(rejudger, description, stored, label=inspection.verdict.label or "", same=labels)
    return Explanation(inspection, description, stored, side, labels, stored_probability, tuple(effects), weights)


def _weights(rejudger: Rejudger, description: Description, scores: Scores, *, label: str, same: frozenset[str]) -> Weights | None:
    """The weights of a linear judge for `label`; `same` are the labels of its decision."""
    likelihoods = dict(zip(scores.labels, scores.log_likelihoods, strict=True))
    others = [other for other in likelihoods if other not in same]
    if rejudger.linear is None or not others:
        return None
    rival = max(others, key=lambda other: likelihoods[other])
    intercept, terms = rejudger.linear.weigh(description.words, label, rival)
    return Weights(label, rival, likelihoods[label] - likelihoods[rival], intercept, terms)


def _ablations(description: Description) -> list[tuple[Kind, str, Description]]:
    """Each word of a description, and the description without it."""
    words = description.words
    without: list[tuple[Kind, str, Words]] = []
    without += [("tag", tag.word, replace(words, tags=_without(words.tags, i))) for i, tag in enumerate(words.tags)]
    without += [("attribute", tag.word, replace(words, attributes=_without(words.attributes, i))) for i, tag in enumerate(words.attributes)]
    measured = words.measured
    without += [("measured", one.word, replace(words, measured=measured[:i] + measured[i + 1 :])) for i, one in enumerate(measured)]
    for i, caption in enumerate(words.captions):
        before, after = words.captions[:i], words.captions[i + 1 :]
        without.append(("caption", caption, replace(words, captions=before + after)))
        phrases = _PHRASE_SEPARATOR.split(caption) if _PHRASE_SEPARATOR.search(caption) else []
        for j, phrase in enumerate(phrases):
            rest = " , ".join(phrases[:j] + phrases[j + 1 :])
            without.append(("phrase", phrase, replace(words, captions=(*before, rest, *after))))
    return [(kind, word, replace(description, words=rest)) for kind, word, rest in without]


def _without(tags: tuple[Tag, ...], index: int) -> tuple[Tag, ...]:
    return tags[:index] + tags[index + 1 :]


def _probability(scores: Scores, labels: frozenset[str]) -> float:
    return min(1.0, sum(chance for label, chance in zip(scores.labels, scores.probabilities, strict=True) if label in labels))


def _log_odds(probability: float) -> float:
    clamped = min(max(probability, MIN_PROBABILITY), 1 - MIN_PROBABILITY)
    return math.log(clamped / (1 - clamped))
