"""What `kotoba-edge calibrate` says, in English and Japanese."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge.calibration.conformal import bad_needed
from edge.studies.outcomes import Outcomes
from firmware_config.calibration import Calibration


@dataclass(frozen=True, slots=True)
class Texts:
    """One language."""

    pictures: str
    left_out: str
    head: str
    ece: str
    rate: str
    escape: str
    overkill: str
    review: str
    ok: str
    nothing: str
    least: str
    sets: str
    written: str


ENGLISH = Texts(
    pictures="{count} pictures of known truth: {good} good, {bad} bad; {kind} fit; in the figures each block is by a fit on the others",
    left_out="left out: {faults} labelled pictures that were a FAULT, {unlabelled} lines without a truth",
    head="                                  before      after",
    ece="calibration error (ECE)           {before:>6}     {after:>6}   {bins} bins; a perfect judge would show {chance} by chance",
    rate="{name:<34}{share:>17}   {count} of {all}",
    escape="escape: bad, but OK",
    overkill="overkill: good, but NG",
    review="REVIEW: for a person to see",
    ok="an OK needs a confidence of {threshold}; then at most {rate} of bad pictures pass, as long as they come as these did",
    nothing="NOTHING WILL BE OK: to promise an escape of {rate} takes at least {needed} bad pictures, there are {bad}",
    least="with {bad} bad pictures the least escape that can be promised is {least}",
    sets="a decision is possible from {threshold}: the right one is among the possible in {coverage} of pictures; two are REVIEW",
    written="{path}: {digest}; name it in the station file: [judge] calibration",
)

JAPANESE = Texts(
    pictures="正解のある画像 {count} 枚(良品 {good}、不良 {bad})、{kind} で較正。数値は隣り合う画像の組ごとに残りの組で較正したもの",
    left_out="使わなかったもの: FAULT だった画像 {faults} 枚、正解のない行 {unlabelled} 行",
    head="                                  較正前      較正後",
    ece="確率の誤差 (ECE)                  {before:>6}     {after:>6}   区間 {bins}。完全な判定でも偶然により {chance} になる",
    rate="{name:<28}{share:>17}   {all} 枚中 {count} 枚",
    escape="見逃し: 不良なのに OK",
    overkill="過検出: 良品なのに NG",
    review="REVIEW: 人が見るもの",
    ok="OK には確信度 {threshold} が必要。同じ条件の画像なら、OK になる不良は {rate} 以下",
    nothing="何も OK になりません: 見逃し {rate} を約束するには不良が {needed} 枚以上必要ですが、{bad} 枚しかありません",
    least="不良 {bad} 枚で約束できる見逃しの下限は {least} です",
    sets="判定は確率 {threshold} 以上で「あり得る」とし、正しい判定は {coverage} の画像でその中にある。二つ以上なら REVIEW",
    written="{path}: {digest}。ステーションファイルの [judge] calibration に指定してください",
)

TEXTS = {"en": ENGLISH, "ja": JAPANESE}


def report(calibration: Calibration, outcomes: Outcomes, *, faults: int, unlabelled: int, language: Literal["ja", "en"]) -> list[str]:
    """The lines for people: `outcomes` are those of the fits on other blocks, the rest is what was fitted on all."""
    say, rule, figures = TEXTS[language], calibration.rule, calibration.figures
    good, bad, rate = calibration.good, calibration.bad, _percent(rule.escape.rate)
    chance, after = figures["ece_by_chance"], figures["ece_after"]
    lines = [say.pictures.format(count=good + bad, good=good, bad=bad, kind=rule.scale.kind)]
    if faults or unlabelled:
        lines.append(say.left_out.format(faults=faults, unlabelled=unlabelled))
    said = {"before": f"{figures['ece_before']:.3f}", "after": f"{after:.3f}", "chance": f"{chance:.3f}"}
    lines += [say.head, say.ece.format(**said, bins=int(figures["ece_bins"]))]
    shares = (
        (say.escape, outcomes.escape, outcomes.missed, bad),
        (say.overkill, outcomes.overkill, outcomes.alarms, good),
        (say.review, outcomes.review, outcomes.doubted, good + bad),
    )
    lines += [say.rate.format(name=name, share=_percent(share), count=count, all=total) for name, share, count, total in shares]
    threshold = rule.escape.min_ok_confidence
    if threshold is None:
        lines.append(say.nothing.format(rate=rate, needed=bad_needed(rule.escape.rate), bad=bad))
    else:
        lines.append(say.ok.format(threshold=f"{threshold:.4f}", rate=rate))
    lines.append(say.least.format(bad=bad, least=_percent(1 / (bad + 1))))
    lines.append(say.sets.format(threshold=f"{rule.conformal.threshold:.3f}", coverage=_percent(rule.conformal.coverage)))
    return lines


def _percent(share: float) -> str:
    return f"{share:.1%}"
