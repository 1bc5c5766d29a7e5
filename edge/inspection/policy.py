"""Decides from words and scores. OK only if every check passes; all else is NG, REVIEW or FAULT, with reasons.

A rule of the station takes the place of the judge: its scores must be sound and calibrated, but what they say does not count. What is wrong
with the picture or its words counts all the same, so no rule makes a FAULT, an unfamiliar picture or printed text an OK.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.inspection.text_influence import influences
from edge.inspection.word_rules import first_rule
from edge.records import Decision, Description, Inspection, Reason, Scores, Verdict
from firmware_config.calibration import Escape
from firmware_config.labels import Label
from firmware_config.station import Station
from firmware_config.word_rules import WordRule

SUM_TOLERANCE = 1e-6
"""The sum of the probabilities may differ from 1 by this much, for rounding."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The least confidence and margin of a decision, each 0..1, and the station's rules in words.

    An OK must also reach `min_ok_confidence`, which comes from the station's calibration; infinity allows no OK.
    """

    min_confidence: float = 0.5
    min_margin: float = 0.0
    min_ok_confidence: float = 0.0
    rules: tuple[WordRule, ...] = ()


def limits_of(station: Station, escape: Escape | None) -> Limits:
    """The limits of a station; `escape` is the guarantee of its calibration, None without one."""
    judge = station.judge
    if escape is None:
        return Limits(judge.min_confidence, judge.min_margin, rules=station.rules)
    least = math.inf if escape.min_ok_confidence is None else escape.min_ok_confidence
    return Limits(judge.min_confidence, judge.min_margin, least, station.rules)


def fault(*reasons: Reason) -> Verdict:
    """The verdict where the box itself has failed, or its camera."""
    return Verdict(Decision.FAULT, None, None, reasons)


def late() -> Verdict:
    """The verdict on a picture that was not judged in time."""
    return Verdict(Decision.REVIEW, None, None, (Reason.LATE,))


def uncommitted(inspection: Inspection, trouble: str) -> Inspection:
    """The same inspection as a FAULT, because its verdict could not be stored in time; `trouble` is what the spool says.

    The reasons that it had follow `spool_full`, each once.
    """
    reasons = dict.fromkeys((Reason.SPOOL_FULL, *inspection.verdict.reasons))
    return replace(inspection, verdict=fault(*reasons), detail=trouble)


def unencodable(inspection: Inspection, trouble: str) -> Inspection:
    """The same inspection as a FAULT without all that a message may not be able to carry; `trouble` is what the encoder says."""
    return replace(
        inspection,
        verdict=fault(Reason.JUDGE_FAILED),
        detail=trouble,
        part_id=None,
        description=None,
        scores=None,
        timings_ms=(),
    )


def decide(description: Description, scores: Scores, *, labels: Sequence[Label], limits: Limits, late: bool = False) -> Verdict:
    """Decide on one picture.

    The probabilities of labels with the same decision (ok, ng, review) are added: a cell that is surely cracked or stained is surely bad.
    The likeliest decision wins. Its sum is the confidence, and its likeliest label is the label of the verdict.

    `labels` and `limits` are the station's; `late` means that its deadline is over. Never raises: unsound words or scores are a FAULT.
    """
    if not has_words(description):
        return fault(Reason.NO_WORDS)
    if not _are_sound(scores, labels):
        return fault(Reason.JUDGE_FAILED)
    best, probability, margin = likeliest(scores, labels)
    rule = first_rule(limits.rules, description.words)
    decision = best.decision if rule is None else rule.decision
    doubts = _doubts_about_words(description, labels)
    if not scores.calibrated:
        doubts.append(Reason.UNCALIBRATED)
    if rule is None:
        doubts += _doubts_about_scores(scores, best, probability, margin, labels=labels, limits=limits)
    if late:
        doubts.append(Reason.LATE)
    confidence = probability if scores.calibrated and rule is None else None
    # A new condition is told, but the part is judged: words are made to carry there.
    familiarity = description.familiarity
    notes = [Reason.RULE] if rule is not None else []
    notes += [Reason.NEW_CONDITION] if familiarity is not None and familiarity.degree == "new_condition" else []
    verdict = Verdict(Decision.REVIEW, best.name, confidence, (*doubts, *notes), None if rule is None else rule.name)
    if not doubts and decision == "ok":
        return replace(verdict, decision=Decision.OK)
    # Words of what is no part mean nothing, not even a defect.
    is_judged = Reason.UNFAMILIAR not in doubts and Reason.NO_WORDS not in doubts
    is_likely = rule is not None or probability >= limits.min_confidence
    if decision == "ng" and is_judged and not late and is_likely:
        # A likely defect stays NG whatever else is in doubt.
        return replace(verdict, decision=Decision.NG)
    return verdict


def is_unfamiliar(description: Description) -> bool:
    """Whether the picture is like none that the station knows, so that its words mean nothing."""
    return description.familiarity is not None and description.familiarity.degree == "unfamiliar"


def _doubts_about_words(description: Description, labels: Sequence[Label]) -> list[Reason]:
    """What is wrong with the picture or its words, whoever decides on them."""
    doubts = []
    if is_unfamiliar(description):
        doubts.append(Reason.UNFAMILIAR)
    # If the filter struck all tags or all attributes, the rest may still be judged, but a person must look.
    if not (description.words.tags and description.words.attributes):
        doubts.append(Reason.NO_WORDS)
    ok_labels = [label.name for label in labels if label.decision == "ok"]
    phrases = (*description.words.captions, *(struck.text for struck in description.struck if struck.where == "caption"))
    if description.printed_text or any(influences(phrase, ok_labels) for phrase in phrases):
        doubts.append(Reason.TEXT_INFLUENCE)
    return doubts


def _doubts_about_scores(
    scores: Scores, best: Label, probability: float, margin: float, *, labels: Sequence[Label], limits: Limits
) -> list[Reason]:
    """What keeps the scores from deciding; `best`, `probability` and `margin` are those of `likeliest`."""
    doubts = []
    # `not x >= limit` instead of `x < limit`: no confidence meets a limit that is NaN.
    if not (probability >= limits.min_confidence and (best.decision != "ok" or probability >= limits.min_ok_confidence)):
        doubts.append(Reason.LOW_CONFIDENCE)
    if not margin >= limits.min_margin:
        doubts.append(Reason.LOW_MARGIN)
    prediction_set = {label.decision for label in labels if label.name in scores.prediction_set}
    # With a calibration file the set is never empty: the likeliest decision is always in it.
    if (prediction_set or scores.calibration is not None) and prediction_set != {best.decision}:
        doubts.append(Reason.AMBIGUOUS)
    if best.decision == "review":
        doubts.append(Reason.LABEL_REVIEW)
    return doubts


def likeliest(scores: Scores, labels: Sequence[Label]) -> tuple[Label, float, float]:
    """The likeliest label of the likeliest decision, the probability of that decision (0..1), and its margin to the next decision.

    `labels` are the station's, in the order of `scores`.
    """
    sums: dict[str, float] = {}
    for label, probability in zip(labels, scores.probabilities, strict=True):
        sums[label.decision] = sums.get(label.decision, 0.0) + probability
    decision, total = max(sums.items(), key=lambda item: item[1])
    best = max((i for i, label in enumerate(labels) if label.decision == decision), key=lambda i: scores.probabilities[i])
    return labels[best], min(1.0, total), total - max((other for name, other in sums.items() if name != decision), default=0.0)


def has_words(description: Description) -> bool:
    """Whether a description has tags and attributes, each a word with a finite cosine; all of a kind may be struck."""
    return all(
        all(map(_is_word, tags)) and bool(tags or any(struck.where == where for struck in description.struck))
        for tags, where in ((description.words.tags, "tag"), (description.words.attributes, "attribute"))
    )


def _is_word(tag: object) -> bool:
    word, score = getattr(tag, "word", None), getattr(tag, "score", None)
    return isinstance(word, str) and bool(word.strip()) and isinstance(score, float) and math.isfinite(score)


def _are_sound(scores: Scores, labels: Sequence[Label]) -> bool:
    """Whether scores have exactly the station's labels in its order, finite numbers, and probabilities in 0..1 whose sum is 1."""
    numbers = (*scores.log_likelihoods, *scores.probabilities)
    return (
        tuple(scores.labels) == tuple(label.name for label in labels)
        and len(scores.log_likelihoods) == len(scores.probabilities) == len(labels)
        and all(isinstance(number, float) and math.isfinite(number) for number in numbers)
        and all(0.0 <= number <= 1.0 for number in scores.probabilities)
        and abs(sum(scores.probabilities) - 1.0) <= SUM_TOLERANCE
        and set(scores.prediction_set) <= set(scores.labels)
    )
