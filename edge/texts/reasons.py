"""What each reason code says to an operator. docs/operations.md says what to do about it."""

from __future__ import annotations

from edge.records import Reason

REASONS: dict[Reason, dict[str, str]] = {
    Reason.UNREADABLE: {"en": "the picture cannot be read", "ja": "画像を読み取れません"},
    Reason.UNSUPPORTED: {
        "en": "the station's settings do not say how to read this kind of picture",
        "ja": "この形式の画像の読み方が設定されていません",
    },
    Reason.TOO_LARGE: {"en": "the picture is larger than the station allows", "ja": "画像が許容サイズを超えています"},
    Reason.EMPTY: {"en": "the picture file is empty", "ja": "画像ファイルが空です"},
    Reason.CAMERA_STALLED: {"en": "the camera gave no picture in time", "ja": "カメラから時間内に画像が届きませんでした"},
    Reason.CAMERA_UNREACHABLE: {"en": "the camera cannot be reached", "ja": "カメラに接続できません"},
    Reason.CAMERA_DAMAGED: {"en": "the camera's pictures arrive damaged", "ja": "カメラの画像が壊れて届いています"},
    Reason.BLANK: {"en": "the picture shows nothing: all of it is equally bright", "ja": "画像全体の明るさが一様で、何も写っていません"},
    Reason.DARK: {"en": "the picture is too dark", "ja": "画像が暗すぎます"},
    Reason.CLIPPED: {
        "en": "the picture is over-exposed: much of it is pure white",
        "ja": "露出オーバーで、画像の多くの部分が白飛びしています",
    },
    Reason.BLURRED: {"en": "the picture is out of focus", "ja": "画像のピントが合っていません"},
    Reason.WRONG_SIZE: {"en": "the picture does not have the size that the station expects", "ja": "画像のサイズが設定と異なります"},
    Reason.FROZEN: {"en": "the camera sends the same picture again and again", "ja": "カメラが同じ画像を送り続けています"},
    Reason.DESCRIBE_FAILED: {"en": "the picture could not be put into words", "ja": "画像を言葉にできませんでした"},
    Reason.JUDGE_FAILED: {"en": "the words could not be judged", "ja": "言葉を判定できませんでした"},
    Reason.NO_WORDS: {"en": "no usable words were found for the picture", "ja": "画像を表す言葉が得られませんでした"},
    Reason.UNFAMILIAR: {
        "en": "the picture shows no part that this station knows",
        "ja": "このステーションが知っている部品の画像ではありません",
    },
    Reason.NEW_CONDITION: {
        "en": "the part looks unlike all known ones: another material, camera or light",
        "ja": "既知の部品とは見え方が異なります（材質、カメラ、照明の変化など）",
    },
    Reason.TEXT_INFLUENCE: {
        "en": "printed text in the picture, or a word of a verdict or a command, may have influenced the judge",
        "ja": "画像内の文字、または判定や命令を表す言葉が、判定に影響したおそれがあります",
    },
    Reason.UNCALIBRATED: {
        "en": "the probabilities are not calibrated, so the confidence is unknown",
        "ja": "確率が校正されていないため、確信度が分かりません",
    },
    Reason.LOW_CONFIDENCE: {"en": "the confidence is below the limit", "ja": "確信度が基準に届きません"},
    Reason.LOW_MARGIN: {"en": "the second decision is nearly as likely as the first", "ja": "次に確率の高い判定との差が小さすぎます"},
    Reason.AMBIGUOUS: {"en": "the prediction set holds more than one decision", "ja": "予測集合に二つ以上の判定が入っています"},
    Reason.LABEL_REVIEW: {
        "en": "the station has a person look at every part with this label",
        "ja": "このラベルは必ず人が確認する設定です",
    },
    Reason.RULE: {"en": "a rule of the station decided, not the judge", "ja": "判定器ではなく、ステーションのルールで判定しました"},
    Reason.LATE: {"en": "the verdict came after the deadline", "ja": "判定が期限に間に合いませんでした"},
    Reason.OVERRUN: {"en": "more triggers came than the box can hold", "ja": "トリガーの数が処理できる上限を超えました"},
    Reason.DISABLED: {"en": "the station is switched off", "ja": "ステーションの検査が停止されています"},
    Reason.SPOOL_FULL: {"en": "the verdict could not be stored in time", "ja": "判定を時間内に保存できませんでした"},
}
