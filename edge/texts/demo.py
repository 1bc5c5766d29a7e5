"""What `kotoba-edge demo` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language. `pictures` and `licence` are by product, `materials` by material."""

    begin: str
    pictures: Mapping[str, str]
    licence: Mapping[str, str]
    materials: Mapping[str, str]
    label: str
    good: str
    defective: str
    uncertain: str
    words: str
    caption: str
    summary: str
    of_material: str
    doubtful: str
    latency: str
    sheet: str


ENGLISH = Texts(
    begin="{count} {pictures}, bundle {bundle}, broker on 127.0.0.1:{port}, verdicts as received on {topic}",
    pictures={"solar_cell": "solar cells, mono and poly", "woven": "pictures of woven textile"},
    licence={
        "solar_cell": "licence: the cells are of the ELPV data set (CC BY-NC-SA 4.0); weights that learned from it are for evaluation only",
        "woven": "licence: the pictures are of the package conformal-clip-data (MIT); weights that learned from it are free for any use",
    },
    materials={"mono": "mono", "poly": "poly", "woven": "woven"},
    label="label",
    good="good",
    defective="defective",
    uncertain=" (the experts who labelled it did not agree)",
    words="words",
    caption="caption",
    summary="{count} verdicts received over MQTT",
    of_material="{material:9} escape: {escaped} of {bad} defective are OK; overkill: {rejected} of {good} good are not OK "
    "({ng} NG, {review} REVIEW, {fault} FAULT)",
    doubtful="          (the experts did not agree on the label of {count} of these cells)",
    latency="latency   {stage:8} p50 {p50:7.1f} ms   p95 {p95:7.1f} ms",
    sheet="pictures with their words and verdicts: {path}",
)

JAPANESE = Texts(
    begin="{pictures} {count} 枚、バンドル {bundle}、ブローカー 127.0.0.1:{port}。{topic} で受信した判定を表示します",
    pictures={"solar_cell": "太陽電池セル (単結晶と多結晶)", "woven": "織物の画像"},
    licence={
        "solar_cell": "ライセンス: セルの画像は ELPV データセット (CC BY-NC-SA 4.0)。これで学んだ重みは評価目的に限ります",
        "woven": "ライセンス: 画像はパッケージ conformal-clip-data (MIT)。これで学んだ重みは用途を問わず自由に使えます",
    },
    materials={"mono": "単結晶", "poly": "多結晶", "woven": "織物"},
    label="正解ラベル",
    good="良品",
    defective="不良品",
    uncertain="(専門家の意見が分かれたセル)",
    words="言葉",
    caption="説明文",
    summary="MQTT で受信した判定: {count} 件",
    of_material="{material}  見逃し: 不良品 {bad} 枚のうち {escaped} 枚が OK。過検出: 良品 {good} 枚のうち {rejected} 枚が OK にならず "
    "(NG {ng} 枚、REVIEW {review} 枚、FAULT {fault} 枚)",
    doubtful="          (うち {count} 枚は、正解ラベルについて専門家の意見が分かれたセルです)",
    latency="処理時間  {stage:8} p50 {p50:7.1f} ms   p95 {p95:7.1f} ms",
    sheet="画像と言葉と判定の一覧: {path}",
)

TEXTS = {"en": ENGLISH, "ja": JAPANESE}
