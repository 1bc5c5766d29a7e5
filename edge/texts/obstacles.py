"""What keeps a station from ever saying OK, in the operator's language. The English texts are those of firmware_config/obstacles.py."""

from __future__ import annotations

from firmware_config.obstacles import ENGLISH, Kind, Texts

JAPANESE = Texts(
    never="ステーション {name} は OK を出せません: {why}",
    beside="ステーション {name}: {why}",
    kinds={
        Kind.NO_OK_LABEL: '判定が "ok" のラベルがありません。良品のラベルに decision = "ok" を指定してください',
        Kind.UNTUNED: "[judge] にアダプターの指定がないため、言語モデルは調整なしで判定します。"
        'バンドル {bundle} にはアダプター {adapters} があります。意図した設定でなければ adapter = "{adapter}" を指定してください',
        Kind.NO_ADAPTER: "[judge] にアダプターの指定がありません。バンドル {bundle} はアダプター {adapters} でのみ校正されています。"
        'adapter = "{adapter}" を指定するか、`kotoba-edge calibrate` で校正してください',
        Kind.NO_TEMPERATURE: "バンドル {bundle} には、アダプター {adapter} とテンプレート {template} の校正がありません。"
        "`kotoba-edge calibrate` で校正してください",
        Kind.NO_TEMPERATURE_UNTUNED: "[judge] にアダプターの指定がなく、バンドル {bundle} には"
        "アダプターなしのテンプレート {template} の校正がありません。`kotoba-edge calibrate` で校正してください",
        Kind.NO_TEMPERATURE_LINEAR: "バンドル {bundle} には、線形判定器 {linear} の校正がありません。"
        "`kotoba-edge calibrate` で校正してください",
        Kind.OTHER_JUDGING: "{what} の設定では、バンドル {bundle} の校正は使えません。`kotoba-edge calibrate` で校正してください",
        Kind.NO_BUNDLE: "[judge] にアダプターも校正ファイルも指定されていません。`kotoba-config new --bundle` で作り直すか、バンドルの"
        "アダプターを指定するか、`kotoba-edge calibrate` で校正してください",
        Kind.TOO_FEW_BAD: "見逃し率 {rate} を保証するには不良品の画像が {needed} 枚以上必要ですが、{bad} 枚しかありません。"
        "画像を増やすか、--escape を大きくして校正し直してください",
        Kind.NO_THRESHOLD: "不良品の画像の一部が、良品と同じくらい確実に良品と判定されるため、"
        "見逃し率 {rate} を保証できる確信度がありません。--escape を大きくして校正し直すか、判定器を改善してください",
        Kind.UNREACHABLE: "OK には {needed} 以上の確信度が必要ですが({key})、この校正の確信度は最大でも {reach} です。"
        "画像を増やすか --kind を変えて校正し直すか、基準を下げてください",
        Kind.UNREACHABLE_MARGIN: "OK には次の判定と {needed} 以上の差が必要ですが([judge] min_margin)、"
        "この校正の差は最大でも {reach} です。"
        "画像を増やして校正し直すか、基準を下げてください",
        Kind.ALWAYS_AMBIGUOUS: "この校正の予測集合には、いつも二つ以上の判定が入ります(しきい値 {threshold})。画像を増やすか、--coverage を"
        "小さくして校正し直してください",
    },
)

TEXTS = {"en": ENGLISH, "ja": JAPANESE}
