"""Which words moved a verdict: what becomes of it when one of them is not said.

Each tag, attribute, caption and phrase of a caption is left out once, all judged in one batch together with the whole description, so that
their numbers may be compared. An effect is of the verdict's decision (its labels together): positive where saying the word speaks for it.
Effects of words that say the same thing do not add up: without "crack", "hairline crack" still says it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Literal

from edge.errors import JudgeError
from edge.records import Decision, Description, Inspection, Reason, Scores, Tag, Words
from edge.review.rejudge import Rejudge
from edge.spool.history import description_and_scores

LEAST = 1e-9
"""Probabilities are held this far from 0 and 1 before odds are taken of them: a calibration may say exactly 0."""

MAX_SHIFT = 0.1
"""How far a batch of another shape may move a probability: it rounds otherwise. More means that another judge gave the stored scores."""

NOISE = 0.15
"""Nats below which an effect may be rounding: 95 % of the words of eight real cells moved by less, judged alone and in the batch."""

Kind = Literal["tag", "attribute", "caption", "phrase"]

_JOINT = re.compile(r"\s*,\s*")


@dataclass(frozen=True, slots=True)
class Effect:
    """What saying one word does: probability (0..1) of the verdict's decision and what would be decided without it.

    `log_odds` is how much saying it adds to the log-odds of the verdict's decision, in nats.
    """

    kind: Kind
    word: str
    probability_without: float
    log_odds: float
    decision_without: Decision

    @property
    def is_noise(self) -> bool:
        """Too small to tell from rounding."""
        return abs(self.log_odds) < NOISE


@dataclass(frozen=True, slots=True)
class Explanation:
    """A stored verdict and the effects of its words in the order said.

    `side` is what its label means for the line (ok, ng, review), `labels` all that mean the same, `probability` theirs together.
    """

    inspection: Inspection
    description: Description
    scores: Scores
    side: str
    labels: frozenset[str]
    probability: float
    effects: tuple[Effect, ...]


def explain(rejudge: Rejudge, inspection: Inspection) -> Explanation:
    """Explain a stored verdict.

    Raises:
        HistoryError: it has no words, or was judged by another bundle, station, instruction, adapter or calibration.
        JudgeError: the model failed, or gives other scores than it gave then.
    """
    description, stored = description_and_scores(inspection)
    rejudge.require_same(inspection)
    left_out = _left_out(description)
    whole, *others = rejudge.score_each([description, *(rest for _, _, rest in left_out)])
    rejudge.require_same_judge(inspection, whole)
    side = next(label.decision for label in rejudge.station.labels if label.name == inspection.verdict.label)
    labels = frozenset(label.name for label in rejudge.station.labels if label.decision == side)
    before, stored_then = _probability(whole, labels), _probability(stored, labels)
    if abs(before - stored_then) > MAX_SHIFT:
        now = f"{side} has probability {before:.4f} now and had {stored_then:.4f}"
        msg = f"explaining inspection {inspection.id}: {now}: see with `kotoba-edge reproduce` what differs"
        raise JudgeError(msg)
    effects = [
        Effect(
            kind,
            word,
            _probability(scores, labels),
            _log_odds(before) - _log_odds(_probability(scores, labels)),
            rejudge.decide(rest, scores, late=Reason.LATE in inspection.verdict.reasons).decision,
        )
        for (kind, word, rest), scores in zip(left_out, others, strict=True)
    ]
    return Explanation(inspection, description, stored, side, labels, stored_then, tuple(effects))


def _left_out(description: Description) -> list[tuple[Kind, str, Description]]:
    """Each word, and the description without it."""
    words = description.words
    without: list[tuple[Kind, str, Words]] = []
    without += [("tag", tag.word, replace(words, tags=_without(words.tags, i))) for i, tag in enumerate(words.tags)]
    without += [("attribute", tag.word, replace(words, attributes=_without(words.attributes, i))) for i, tag in enumerate(words.attributes)]
    for i, caption in enumerate(words.captions):
        before, behind = words.captions[:i], words.captions[i + 1 :]
        without.append(("caption", caption, replace(words, captions=before + behind)))
        phrases = _JOINT.split(caption) if _JOINT.search(caption) else []
        for j, phrase in enumerate(phrases):
            rest = " , ".join(phrases[:j] + phrases[j + 1 :])
            without.append(("phrase", phrase, replace(words, captions=(*before, rest, *behind))))
    return [(kind, word, replace(description, words=rest)) for kind, word, rest in without]


def _without(tags: tuple[Tag, ...], index: int) -> tuple[Tag, ...]:
    return tags[:index] + tags[index + 1 :]


def _probability(scores: Scores, labels: frozenset[str]) -> float:
    return min(1.0, sum(chance for label, chance in zip(scores.labels, scores.probabilities, strict=True) if label in labels))


def _log_odds(probability: float) -> float:
    held = min(max(probability, LEAST), 1 - LEAST)
    return math.log(held / (1 - held))
