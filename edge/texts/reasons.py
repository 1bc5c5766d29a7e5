"""What each reason code says to an operator, in English and Japanese. What to do about it stands in docs/operations.md."""

from __future__ import annotations

from edge.records import Reason

REASONS: dict[Reason, dict[str, str]] = {
    Reason.UNREADABLE: {"en": "the picture cannot be read", "ja": "画像を読み取れません"},
    Reason.TOO_LARGE: {"en": "the picture is larger than the station allows", "ja": "画像が許された大きさを超えています"},
    Reason.EMPTY: {"en": "the picture file is empty", "ja": "画像ファイルが空です"},
    Reason.CAMERA_STALLED: {"en": "the camera gave no picture in time", "ja": "カメラから時間内に画像が届きませんでした"},
    Reason.CAMERA_UNREACHABLE: {"en": "the camera cannot be reached", "ja": "カメラに接続できません"},
    Reason.BLANK: {"en": "the picture shows nothing: all of it is equally bright", "ja": "画像が一様な明るさで、何も写っていません"},
    Reason.WRONG_SIZE: {"en": "the picture is not of the size that the station expects", "ja": "画像の大きさが設定と違います"},
    Reason.FROZEN: {"en": "the camera sends the same picture again and again", "ja": "カメラが同じ画像を送り続けています"},
    Reason.DESCRIBE_FAILED: {"en": "the picture could not be put into words", "ja": "画像を言葉にできませんでした"},
    Reason.JUDGE_FAILED: {"en": "the words could not be judged", "ja": "言葉を判定できませんでした"},
    Reason.NO_WORDS: {"en": "no sound words were found for the picture", "ja": "画像を表す言葉が得られませんでした"},
    Reason.TEXT_INFLUENCE: {
        "en": "print in the picture, or words of a verdict or a command, may have influenced the judgement",
        "ja": "画像内の文字、または判定や命令の言葉が判定に影響したおそれがあります",
    },
    Reason.UNCALIBRATED: {
        "en": "nobody has measured how far this judge's probabilities can be trusted",
        "ja": "この判定器の確率は校正されておらず、信頼度が分かりません",
    },
    Reason.LOW_CONFIDENCE: {"en": "the likeliest decision is not likely enough", "ja": "最も確からしい判定でも確率が基準に届きません"},
    Reason.LOW_MARGIN: {"en": "the next decision is nearly as likely", "ja": "次に確からしい判定との差が小さすぎます"},
    Reason.AMBIGUOUS: {"en": "by the calibration more than one decision is possible", "ja": "校正によれば、二つ以上の判定がありえます"},
    Reason.LABEL_REVIEW: {"en": "the station always has a person look at this label", "ja": "このラベルは必ず人が確認する設定です"},
    Reason.LATE: {"en": "the verdict came after the deadline", "ja": "判定が期限に間に合いませんでした"},
    Reason.SPOOL_FULL: {"en": "the verdict could not be stored in time", "ja": "判定を時間内に保存できませんでした"},
}
