"""Reproduce a stored verdict bit for bit: the same words, models and settings must give the same numbers and the same verdict."""

from __future__ import annotations

from edge.records import Inspection, Scores, Verdict
from edge.review.rejudge import Rejudger
from edge.spool.history import description_and_scores


def reproduce(rejudger: Rejudger, inspection: Inspection) -> str | None:
    """Judge the stored words again; returns None if all is equal to the last bit, else one sentence that names the first difference.

    Raises:
        HistoryError: it is a FAULT, or was judged with other models, settings, instruction, adapter or calibration.
        JudgeError: the model failed.
    """
    description, stored = description_and_scores(inspection)
    rejudger.require_same(inspection)
    scores, verdict = rejudger.judge_stored(inspection, description)
    rejudger.require_same_judge(inspection, scores)
    return _first_difference(inspection, stored, scores, verdict)


def _first_difference(inspection: Inspection, stored: Scores, scores: Scores, verdict: Verdict) -> str | None:
    pairs = [(name, getattr(stored, name), getattr(scores, name)) for name in ("method", "labels", "prompt_tokens")]
    if stored.labels == scores.labels:
        for name in ("log_likelihoods", "probabilities"):
            both = zip(stored.labels, getattr(stored, name), getattr(scores, name), strict=True)
            pairs += [(f"{name} of {label!r}", then, now) for label, then, now in both]
    pairs += [(name, getattr(stored, name), getattr(scores, name)) for name in ("calibrated", "prediction_set")]
    pairs += [
        (name, getattr(inspection.verdict, name), getattr(verdict, name)) for name in ("decision", "label", "confidence", "reasons", "rule")
    ]
    for name, then, now in pairs:
        if then != now:
            values = f"stored {_as_text(name, then)}, now {_as_text(name, now)}"
            return f"inspection {inspection.id} differs in {name}: {values}: see whether CPU, runtime or number of threads changed"
    return None


def _as_text(name: str, value: object) -> str:
    if name == "reasons" and isinstance(value, tuple):
        return ", ".join(reason.value for reason in value) or "none"
    return str(getattr(value, "value", value))
