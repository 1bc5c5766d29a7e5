"""What `kotoba-edge explain` prints around the words of a verdict."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language; `kinds` names the kinds of word."""

    kinds: dict[str, str]
    none: str
    reasons: str
    no_reason: str
    rule: str
    probabilities: str
    effects: str
    without: str
    turned: str
    noise: str
    weights: str
    more_weights: str
    intercept: str
    strongest_for: str
    strongest_against: str
    struck: str
    made_with: str
    picture: str


ENGLISH = Texts(
    kinds={"tag": "tag", "attribute": "attribute", "measured": "measured", "caption": "caption", "phrase": "  part of it"},
    none="none",
    reasons="why not OK",
    no_reason="no reason codes",
    rule="decided by the rule",
    probabilities="probability of each label",
    effects="the words, and what each adds to the log-odds of {side} (probability {probability:.3f})",
    without="without it {side} {without:.3f}",
    turned=", and the decision would be {decision}",
    noise="no more than rounding",
    weights="the linear judge's weights for {label} against {rival}, which add up to {total:+.2f}",
    more_weights="{count} more words and word pairs together",
    intercept="whatever the words are",
    strongest_for="words that speak most for {side}",
    strongest_against="words that speak most against {side}",
    struck="struck, because the picture does not show it",
    made_with="judged with",
    picture="picture",
)

JAPANESE = Texts(
    kinds={"tag": "タグ", "attribute": "属性", "measured": "測定", "caption": "説明文", "phrase": "  その一部"},
    none="なし",
    reasons="OK でない理由",
    no_reason="理由コードはありません",
    rule="判定に使われたルール",
    probabilities="ラベルごとの確率",
    effects="各言葉が {side} の対数オッズを変えた量({side} の確率 {probability:.3f})",
    without="この言葉がなければ {side} {without:.3f}",
    turned="、判定は {decision} になります",
    noise="丸め誤差の範囲内",
    weights="線形判定器の重み({rival} に対する {label}、合計 {total:+.2f})",
    more_weights="その他 {count} 個の語と語の組の合計",
    intercept="言葉によらない定数",
    strongest_for="{side} を最も強く支持する言葉",
    strongest_against="{side} に最も強く反する言葉",
    struck="画像に写っていないため除外した言葉",
    made_with="判定に使用したもの",
    picture="画像",
)

TEXTS = {"en": ENGLISH, "ja": JAPANESE}
