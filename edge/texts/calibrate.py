"""What `kotoba-edge calibrate` prints. The columns line up where a Japanese character is two columns wide."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language."""

    pictures: str
    left_out: str
    head: str
    ece: str
    rate: str
    escape: str
    passed: str
    overkill: str
    review: str
    ok: str
    nothing: str
    none_passes: str
    printed_text: str
    least: str
    sets: str
    carried: str
    carried_head: str
    never_ok: str
    moved: str
    few_good: str
    assumed: str
    written: str


ENGLISH = Texts(
    pictures="{count} labelled pictures: {good} good, {bad} bad; calibrated by: {kind}; "
    "the figures of each block of neighbouring pictures come from a calibration on the other blocks",
    left_out="left out: {faults} labelled pictures that were a FAULT, {unlabelled} lines without a label",
    head="                                  before      after",
    ece="calibration error (ECE)           {before:>6}     {after:>6}   {bins} bins; a perfect judge would show {chance} by chance",
    rate="{name:<34}{share:>17}   {count} of {all}",
    escape="escape: bad, but OK",
    passed="passed: good, and OK",
    overkill="overkill: good, but NG",
    review="REVIEW: for a person to check",
    ok="an OK needs a confidence of {threshold}; then at most {rate} of bad pictures become OK, as long as they are like these",
    nothing="NOTHING WILL BE OK: {why}",
    none_passes="none of the {good} good pictures becomes OK ({ng} NG, {review} REVIEW)",
    printed_text="{count} of {good} good pictures hold printed text: none of them can be OK; set [picture] allow_printed_text = true if "
    "the parts carry text, and inspect the pictures again",
    least="with {bad} bad pictures the lowest escape rate that can be guaranteed is {least}",
    sets="the prediction set holds every decision with a probability of at least {threshold}; "
    "it holds the right decision for {coverage} of pictures; more than one decision in it is a REVIEW",
    carried="{count} judged pictures of the new condition, whose labels nobody knows; at least {good} of them are taken to be good; "
    "left out: {faults} that were a FAULT, {unfamiliar} that are like no known picture",
    carried_head="                                     old        new   calibration",
    never_ok="none of these pictures becomes OK: {unfamiliar} are like no known picture, {printed} hold printed text, "
    "the others are too doubtful",
    moved="the log-odds of a defect are {moved:+.2f} nats from those of the calibration; they are lowered by this before they are judged",
    few_good="{share} of these pictures are NG, more than the {bad} that may be bad: look at them; if they are bad, give a smaller --good; "
    "if they are good, the judge does not know this condition: calibrate on labelled pictures of it",
    assumed="the guaranteed escape rate of {rate} holds only if bad pictures changed as the good ones did, and if so many are good: "
    "check it with labelled pictures of this condition as soon as there are some",
    written="{path} written, {digest}; name it in the station file: [judge] calibration",
)

JAPANESE = Texts(
    pictures="正解ラベル付きの画像 {count} 枚(良品 {good} 枚、不良品 {bad} 枚)。校正方法: {kind}。"
    "以下の数値は、連続する画像のブロックごとに、残りのブロックで校正して求めたものです",
    left_out="対象外: FAULT になった正解ラベル付き画像 {faults} 枚、正解ラベルのない行 {unlabelled} 行",
    head="                                  校正前     校正後",
    ece="校正誤差 (ECE)                    {before:>6}     {after:>6}   区間数 {bins}。完全な判定器でも、偶然により {chance} になります",
    rate="{name:<28}{share:>15}   {all} 枚中 {count} 枚",
    escape="見逃し: 不良なのに OK",
    passed="正しい合格: 良品で OK",
    overkill="過検出: 良品なのに NG",
    review="REVIEW: 人が確認する画像",
    ok="OK には確信度 {threshold} 以上が必要です。校正時と同じ条件の画像であれば、不良品のうち OK になるのは {rate} 以下です",
    nothing="OK になる画像はありません: {why}",
    none_passes="良品の画像 {good} 枚のうち、OK になるものはありません(NG {ng} 枚、REVIEW {review} 枚)",
    printed_text="良品の画像 {good} 枚のうち {count} 枚に文字があるため、これらは OK になりません。部品に文字が印刷されている場合は "
    "[picture] allow_printed_text = true を指定し、画像を検査し直してください",
    least="不良品の画像 {bad} 枚で保証できる見逃し率は、最小で {least} です",
    sets="予測集合には、確率 {threshold} 以上の判定がすべて入ります。"
    "{coverage} の画像で、正しい判定が予測集合に入ります。判定が二つ以上入った画像は REVIEW になります",
    carried="新しい条件で判定した画像 {count} 枚(正解ラベルなし)。このうち {good} 以上を良品とみなします。"
    "対象外: FAULT になった画像 {faults} 枚、既知の画像に似ていない画像 {unfamiliar} 枚",
    carried_head="                                引き継ぎ前  引き継ぎ後",
    never_ok="OK になる画像はありません。既知の画像に似ていないもの {unfamiliar} 枚、文字があるもの {printed} 枚、"
    "残りは判定に迷いがあります",
    moved="不良の対数オッズは校正時から {moved:+.2f} nat ずれています。判定の前に、この分を差し引きます",
    few_good="これらの画像のうち {share} が NG で、不良品とみなせる {bad} を超えています。画像を確認してください。実際に不良品であれば "
    "--good を小さくしてください。良品であれば、判定器はこの条件に対応できていません。この条件の正解ラベル付き画像で校正してください",
    assumed="見逃し率 {rate} の保証は、良品が上記の割合以上あり、不良品の画像が良品の画像と同じように変化した場合にのみ"
    "成り立ちます。この条件の正解ラベル付き画像が用意でき次第、確認してください",
    written="{path} に書き込みました({digest})。ステーションファイルの [judge] calibration に指定してください",
)

TEXTS = {"en": ENGLISH, "ja": JAPANESE}
