"""What `kotoba-edge measure` prints: lines of a station file, with comments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language; each stands behind a `#` in TOML."""

    pictures: str
    left_out: str
    limits: str
    value: str
    no_sharpness: str
    distances: str
    too_alike: str
    few: str
    put: str
    measured: str


ENGLISH = Texts(
    pictures="{count} known pictures, {good} of them of good parts",
    left_out="left out: {count} pictures that cannot be read or have another size; the first: {first}",
    limits="limits: the known picture that is farthest out, and {margin:.0%} to {widest:.0%} of its distance to the middle one beyond it",
    value="known pictures: {low:g} to {high:g}, the middle one {middle:g}",
    no_sharpness="min_sharpness: the pictures are too small to measure it",
    distances="distances from the memory: good pictures up to {good:.2f} (but for {alarm:.1%}), the nearest empty scenes {empty:.2f}; "
    "beyond {new:.2f} a part is under a new condition, beyond {unfamiliar:.2f} the picture is unfamiliar and never OK",
    too_alike="WARNING: the known pictures are as far from each other as from empty scenes, so good parts will be unfamiliar: "
    "give more pictures, or a tighter region of interest",
    few="few pictures: expect about one false alarm of a limit in {count} healthy pictures",
    put="put these lines into the station file:",
    measured="the memory also measures pictures: [describe] measured = true gives their words to the judge, and the station must then be "
    "calibrated again; about {share:.0%} of good pictures get a measured word that is more than slight",
)

JAPANESE = Texts(
    pictures="既知の画像 {count} 枚(うち良品 {good} 枚)",
    left_out="対象外: 読み取れない、またはサイズの異なる画像 {count} 枚。最初の例: {first}",
    limits="基準値: 既知の画像のうち最も外れた値から、中央の画像との差の {margin:.0%} から {widest:.0%} だけ外側",
    value="既知の画像の範囲: {low:g} から {high:g}、中央値 {middle:g}",
    no_sharpness="min_sharpness: 画像が小さすぎて測定できません",
    distances="既知の画像との距離: 良品は {good:.2f} まで({alarm:.1%} を除く)、最も近い空の画像は {empty:.2f}。"
    "{new:.2f} を超えると新しい撮影条件、{unfamiliar:.2f} を超えると未知の画像とみなし、OK にはなりません",
    too_alike="警告: 既知の画像どうしが、空の画像と同じくらい離れています。良品が未知の画像と判定されるおそれがあります。"
    "画像を増やすか、対象領域を狭めてください",
    few="画像が少ないため、正常な画像 {count} 枚に 1 枚ほどが誤って基準外になる見込みです",
    put="次の行をステーションファイルに書いてください:",
    measured="このメモリバンクで画像の測定もできます。"
    "[describe] measured = true とすると測定の言葉が判定に使われます(校正のやり直しが必要です)。"
    "「わずかに」より強い測定の言葉が付く良品は約 {share:.0%} です",
)

TEXTS = {"en": ENGLISH, "ja": JAPANESE}
