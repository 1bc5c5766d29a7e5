"""An explanation as lines of text in the operator's language, and as JSON. The texts are in edge/texts/explain.py."""

from __future__ import annotations

import json
from typing import Any

from edge.message import encode, utc_text
from edge.records import Reason
from edge.review.explain import NOISE, Effect, Explanation, Weights
from edge.texts.explain import TEXTS, Texts
from edge.texts.measured import japanese_of
from edge.texts.reasons import REASONS

BAR_CHARACTERS = 24
STRONGEST = 3
HEAVIEST = 12
"""Weights of a linear judge that are shown one by one; the rest is one line."""


def as_text(explanation: Explanation, *, language: str) -> str:
    """About twenty lines for an operator, in `ja` or `en`. Labels, words and codes stay as they are in messages."""
    texts, inspection, verdict = TEXTS[language], explanation.inspection, explanation.inspection.verdict
    side = explanation.side.upper()
    confidence = "" if verdict.confidence is None else f" {verdict.confidence:.3f}"
    captured = utc_text(inspection.captured_at, timespec="seconds")
    lines = [
        f"{verdict.decision.value}  {verdict.label}{confidence}   {inspection.station}  {inspection.source}  {captured}  {inspection.id}"
    ]
    lines += [f"{texts.reasons}: {REASONS[reason][language]} ({reason.value})" for reason in verdict.reasons if reason is not Reason.RULE]
    lines += [] if verdict.reasons else [texts.no_reason]
    lines += [] if verdict.rule is None else [f"{texts.rule}: {verdict.rule}"]
    for sign, text in ((1, texts.strongest_for), (-1, texts.strongest_against)):
        words = ", ".join(f"{_word(effect, language)} ({effect.log_odds:+.2f})" for effect in strongest(explanation, sign=sign))
        lines.append(f"{text.format(side=side)}: {words or texts.none}")
    lines += ["", f"{texts.probabilities} ({explanation.scores.method})"]
    ranked = sorted(zip(explanation.scores.probabilities, explanation.scores.labels, strict=True), key=lambda pair: -pair[0])
    lines += [f"  {probability:.3f} {'█' * round(probability * BAR_CHARACTERS):{BAR_CHARACTERS}} {label}" for probability, label in ranked]
    lines += ["", texts.effects.format(side=side, probability=explanation.probability)]
    for effect in explanation.effects:
        note = texts.without.format(side=side, without=effect.probability_without)
        turned = effect.decision_without is not verdict.decision
        note += texts.turned.format(decision=effect.decision_without.value) if turned else ""
        note = texts.noise if effect.is_noise and not turned else note
        lines.append(f"  {effect.log_odds:+6.2f}  {texts.kinds[effect.kind]}: {_word(effect, language)}   ({note})")
    lines += _weight_lines(explanation.weights, texts)
    lines += [f"{texts.struck}: {texts.kinds[struck.where]}: {struck.text}" for struck in explanation.description.struck]
    lines += ["", texts.made_with]
    lines += [f"  {name:11} {digest or texts.none}" for name, digest in digests_of(explanation).items()]
    lines.append(f"  {texts.picture:11} {inspection.evidence_sha256 or texts.none}")
    return "\n".join(lines)


def _word(effect: Effect, language: str) -> str:
    """A word as it stands in the message; a measured one with its Japanese where the operator reads Japanese."""
    translated = japanese_of(effect.word) if effect.kind == "measured" and language == "ja" else effect.word
    return effect.word if translated == effect.word else f"{effect.word} [{translated}]"


def _weight_lines(weights: Weights | None, texts: Texts) -> list[str]:
    if weights is None:
        return []
    shown = dict(list(weights.terms.items())[:HEAVIEST])
    rest = list(weights.terms.values())[HEAVIEST:]
    lines = ["", texts.weights.format(label=weights.label, rival=weights.rival, total=weights.total)]
    lines += [f"  {share:+6.2f}  {term}" for term, share in shown.items()]
    lines += [f"  {sum(rest):+6.2f}  {texts.more_weights.format(count=len(rest))}"] if rest else []
    lines.append(f"  {weights.intercept:+6.2f}  {texts.intercept}")
    return lines


def as_json(explanation: Explanation, *, language: str) -> dict[str, Any]:
    """The stored inspection, the effects of its words, its reasons in `ja` or `en`, and the digests of what made the verdict."""
    return {
        "inspection": json.loads(encode(explanation.inspection)),
        "side": explanation.side,
        "probability": explanation.probability,
        "noise": explanation.effects[0].noise if explanation.effects else NOISE,
        "effects": [
            {
                "kind": effect.kind,
                "word": effect.word,
                "log_odds": effect.log_odds,
                "probability_without": effect.probability_without,
                "decision_without": effect.decision_without.value,
            }
            for effect in explanation.effects
        ],
        "weights": explanation.weights
        and {
            "label": explanation.weights.label,
            "rival": explanation.weights.rival,
            "total": explanation.weights.total,
            "intercept": explanation.weights.intercept,
            "terms": dict(explanation.weights.terms),
        },
        "reasons": [REASONS[reason][language] for reason in explanation.inspection.verdict.reasons],
        "digests": digests_of(explanation),
    }


def strongest(explanation: Explanation, *, sign: int) -> list[Effect]:
    """Up to three words that speak most for (`sign` 1) or against (-1) the verdict's decision; the phrases of a caption instead of it."""
    split = {i for i, effect in enumerate(explanation.effects[1:]) if effect.kind == "phrase"}
    shown = [effect for i, effect in enumerate(explanation.effects) if effect.kind != "caption" or i not in split]
    moved = [effect for effect in shown if sign * effect.log_odds > 0 and not effect.is_noise]
    return sorted(moved, key=lambda effect: -sign * effect.log_odds)[:STRONGEST]


def digests_of(explanation: Explanation) -> dict[str, str | None]:
    """What made the verdict: name to `sha256:` digest, None where there is none."""
    inspection, scores = explanation.inspection, explanation.scores
    return {
        "models": inspection.models_digest,
        "settings": inspection.settings_digest,
        "prompt": scores.prompt,
        "adapter": scores.adapter,
        "calibration": scores.calibration,
    }
