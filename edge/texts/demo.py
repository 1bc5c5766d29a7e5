"""What `kotoba-edge demo` prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language."""

    begin: str
    label: str
    functional: str
    defective: str
    uncertain: str
    words: str
    caption: str
    summary: str
    escape: str
    overkill: str
    doubtful: str
    latency: str
    sheet: str


ENGLISH = Texts(
    begin="{count} solar cells, bundle {bundle}, broker on 127.0.0.1:{port}, verdicts as received on {topic}",
    label="label",
    functional="functional",
    defective="defective",
    uncertain=" (the experts who labelled it did not agree)",
    words="words",
    caption="caption",
    summary="{count} verdicts received over MQTT",
    escape="escape    {escaped} of {all} defective cells are OK",
    overkill="overkill  {rejected} of {all} functional cells are not OK: {ng} NG, {review} REVIEW, {fault} FAULT",
    doubtful="          (the experts did not agree on the label of {count} of these cells)",
    latency="latency   {stage:8} p50 {p50:7.1f} ms   p95 {p95:7.1f} ms",
    sheet="pictures with their words and verdicts: {path}",
)

JAPANESE = Texts(
    begin="太陽電池セル {count} 枚、バンドル {bundle}、ブローカー 127.0.0.1:{port}。{topic} で受信した判定を表示します",
    label="正解ラベル",
    functional="良品",
    defective="不良品",
    uncertain="(専門家の意見が分かれたセル)",
    words="言葉",
    caption="説明文",
    summary="MQTT で受信した判定: {count} 件",
    escape="見逃し    不良品 {all} 枚のうち {escaped} 枚が OK",
    overkill="過検出    良品 {all} 枚のうち {rejected} 枚が OK にならず: NG {ng} 枚、REVIEW {review} 枚、FAULT {fault} 枚",
    doubtful="          (うち {count} 枚は、正解ラベルについて専門家の意見が分かれたセルです)",
    latency="処理時間  {stage:8} p50 {p50:7.1f} ms   p95 {p95:7.1f} ms",
    sheet="画像と言葉と判定の一覧: {path}",
)

TEXTS = {"en": ENGLISH, "ja": JAPANESE}
