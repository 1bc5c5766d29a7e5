"""An explanation as lines of text in the operator's language, and as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from edge.message import encode, utc_text
from edge.review.explain import NOISE, Effect, Explanation
from edge.texts.reasons import REASONS

BAR_CHARACTERS = 24
STRONGEST = 3


@dataclass(frozen=True, slots=True)
class Texts:
    """One language."""

    kinds: dict[str, str]
    none: str
    reasons: str
    no_reason: str
    probabilities: str
    effects: str
    row: str
    turned: str
    noise: str
    speak_for: str
    speak_against: str
    struck: str
    made_by: str
    picture: str


ENGLISH = Texts(
    kinds={"tag": "tag", "attribute": "attribute", "caption": "caption", "phrase": "  of it"},
    none="none",
    reasons="why not OK",
    no_reason="nothing speaks against it",
    probabilities="probabilities",
    effects="the words, and what saying each adds to the log-odds of {side} ({probability:.3f})",
    row="{side} {without:.3f} without it",
    turned=", then the decision would be {decision}",
    noise="no more than rounding",
    speak_for="speak most for {side}",
    speak_against="speak most against {side}",
    struck="struck out, as the picture does not show it",
    made_by="made by",
    picture="picture",
)

JAPANESE = Texts(
    kinds={"tag": "タグ", "attribute": "属性", "caption": "説明文", "phrase": "  その一部"},
    none="なし",
    reasons="OK でない理由",
    no_reason="妨げる理由はありません",
    probabilities="ラベルごとの確率",
    effects="言葉と、その言葉が {side} の対数オッズに加えた量({side} の確率 {probability:.3f})",
    row="この言葉がなければ {side} {without:.3f}",
    turned="、判定は {decision} になります",
    noise="丸め誤差の範囲",
    speak_for="{side} を最も強く支えた言葉",
    speak_against="{side} に最も強く反対した言葉",
    struck="画像に見られないため除いた言葉",
    made_by="判定に使ったもの",
    picture="画像",
)


def texts_of(language: str) -> Texts:
    """The texts of `ja` or `en`."""
    return JAPANESE if language == "ja" else ENGLISH


def strongest(explanation: Explanation, *, sign: int) -> list[Effect]:
    """Up to three words that speak most for (`sign` 1) or against (-1) the verdict's decision; of a caption its phrases, if it has some."""
    cut = {i for i, effect in enumerate(explanation.effects[1:]) if effect.kind == "phrase"}
    shown = [effect for i, effect in enumerate(explanation.effects) if effect.kind != "caption" or i not in cut]
    moved = [effect for effect in shown if sign * effect.log_odds > 0 and not effect.is_noise]
    return sorted(moved, key=lambda effect: -sign * effect.log_odds)[:STRONGEST]


def digests_of(explanation: Explanation) -> dict[str, str | None]:
    """What made the verdict, each by its `sha256:` digest."""
    inspection, scores = explanation.inspection, explanation.scores
    return {
        "models": inspection.models_digest,
        "settings": inspection.settings_digest,
        "prompt": scores.prompt,
        "adapter": scores.adapter,
        "calibration": scores.calibration,
    }


def as_text(explanation: Explanation, *, language: str) -> str:
    """Some twenty lines for an operator; labels, words and codes stay as they are on the wire."""
    texts, inspection, verdict = texts_of(language), explanation.inspection, explanation.inspection.verdict
    side = explanation.side.upper()
    confidence = "" if verdict.confidence is None else f" {verdict.confidence:.3f}"
    captured = utc_text(inspection.captured_at, timespec="seconds")
    lines = [
        f"{verdict.decision.value}  {verdict.label}{confidence}   {inspection.station}  {inspection.source}  {captured}  {inspection.id}"
    ]
    lines += [f"{texts.reasons}: {REASONS[reason][language]} ({reason.value})" for reason in verdict.reasons]
    lines += [] if verdict.reasons else [texts.no_reason]
    for sign, text in ((1, texts.speak_for), (-1, texts.speak_against)):
        said = ", ".join(f"{effect.word} ({effect.log_odds:+.2f})" for effect in strongest(explanation, sign=sign))
        lines.append(f"{text.format(side=side)}: {said or texts.none}")
    lines += ["", f"{texts.probabilities} ({explanation.scores.method})"]
    ranked = sorted(zip(explanation.scores.probabilities, explanation.scores.labels, strict=True), key=lambda pair: -pair[0])
    lines += [f"  {chance:.3f} {'█' * round(chance * BAR_CHARACTERS):{BAR_CHARACTERS}} {label}" for chance, label in ranked]
    lines += ["", texts.effects.format(side=side, probability=explanation.probability)]
    for effect in explanation.effects:
        without = texts.row.format(side=side, without=effect.probability_without)
        turned = effect.decision_without is not verdict.decision
        without += texts.turned.format(decision=effect.decision_without.value) if turned else ""
        without = texts.noise if effect.is_noise and not turned else without
        lines.append(f"  {effect.log_odds:+6.2f}  {texts.kinds[effect.kind]}: {effect.word}   ({without})")
    lines += [f"{texts.struck}: {texts.kinds[struck.where]}: {struck.text}" for struck in explanation.description.struck]
    lines += ["", texts.made_by]
    lines += [f"  {what:11} {digest or texts.none}" for what, digest in digests_of(explanation).items()]
    lines.append(f"  {texts.picture:11} {inspection.evidence_sha256 or texts.none}")
    return "\n".join(lines)


def as_json(explanation: Explanation, *, language: str) -> dict[str, Any]:
    """The inspection as it was stored, the effects of its words, its reasons in plain words."""
    return {
        "inspection": json.loads(encode(explanation.inspection)),
        "side": explanation.side,
        "probability": explanation.probability,
        "noise": NOISE,
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
        "reasons": [REASONS[reason][language] for reason in explanation.inspection.verdict.reasons],
        "digests": digests_of(explanation),
    }
