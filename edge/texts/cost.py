"""The texts of a cost study: what `kotoba-export cost` writes for the people who decide about a box."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language. `names` is by figure, `lines` by line of the yearly table, `systems` and `outcomes` by their codes."""

    names: dict[str, str]
    lines: dict[str, str]
    systems: dict[str, str]
    outcomes: dict[str, str]
    title: str
    saving: str
    escapes: str
    more_escapes: str
    once: str
    payback: str
    no_payback: str
    hangs_on: str
    turns_at: str
    assumptions: str
    no_assumptions: str
    answer_head: str
    year_head: str
    year_columns: str
    total: str
    flow_head: str
    flow_columns: str
    escaped: str
    rejected: str
    reviewed: str
    interval: str
    stages_head: str
    stages_text: str
    stages_columns: str
    tornado_head: str
    tornado_text: str
    tornado_columns: str
    never: str
    chart_axis: str
    table_head: str
    table_text: str
    inputs_head: str
    inputs_columns: str
    assumed: str
    counted: str
    method_head: str
    method: str


ENGLISH = Texts(
    names={
        "plant.parts_per_day": "parts per day",
        "plant.defect_rate": "share of defective parts",
        "plant.days_per_year": "days of work in a year",
        "plant.hours_per_day": "hours of work in a day",
        "plant.peak_factor": "fastest second, as a multiple of the average",
        "prices.escape": "price of an escape",
        "prices.overkill": "price of an overkill",
        "prices.operator_hour": "hour of a person who reviews or labels",
        "prices.engineer_hour": "hour of an engineer",
        "prices.kwh": "kilowatt hour",
        "prices.box": "box with camera, light and mounting",
        "box.escape": "box: escape (defective, but OK)",
        "box.overkill": "box: overkill (good, but NG)",
        "box.review_bad": "box: share of defective parts in REVIEW",
        "box.review_good": "box: share of good parts in REVIEW",
        "box.latency_ms": "milliseconds per picture",
        "box.pictures_per_part": "pictures per part",
        "box.joules_per_picture": "joules per picture above idling",
        "box.idle_watts": "watts of an idling box",
        "box.years": "years of use",
        "effort.review_minutes": "minutes per REVIEW",
        "effort.reviewer_miss": "share of defective parts in REVIEW that the person passes",
        "effort.labels": "pictures to label",
        "effort.label_minutes": "minutes per label",
        "effort.integration_hours": "hours of integration",
        "effort.upkeep_hours": "hours of upkeep in a year",
        "present.escape": "present system: escape",
        "present.overkill": "present system: overkill",
        "present.review_bad": "present system: share of defective parts looked at again",
        "present.review_good": "present system: share of good parts looked at again",
        "present.seconds_per_part": "present system: seconds of a person per part",
        "present.cost_per_year": "present system: licences and service in a year",
    },
    lines={
        "escapes": "escapes",
        "overkill": "overkill",
        "review": "review by people",
        "inspectors": "people who look at every part",
        "energy": "electricity",
        "hardware": "hardware, spread over its years",
        "labels": "labels, spread",
        "integration": "integration, spread",
        "upkeep": "upkeep and service",
    },
    systems={"box": "the box", "present": "the present system", "none": "no inspection"},
    outcomes={
        "pays": "The box pays: in {share} of the draws it costs less than {other}.",
        "open": "It is not shown that the box pays: the interval of the saving holds 0, and in {share} of the draws the box costs less "
        "than {other}.",
        "loses": "This does not pay for you, because {line} costs {amount} {currency} a year more than with {other}; "
        "in {share} of the draws the box costs less.",
    },
    title="What the box costs: {plant}",
    saving="A year costs {box} {currency} with the box and {there} {currency} with {other}. The difference is a saving of "
    "{saving} {currency} (95 % interval {low} to {high}).",
    escapes="{box} defective parts a year are passed with the box (95 % interval {low} to {high}), {there} with {other} "
    "({there_low} to {there_high}).",
    more_escapes="In {share} of the draws the box passes more defective parts than {other}: "
    "decide about this before you look at the money.",
    once="Before the first part {investment} {currency} are paid for {boxes} box(es), labels and integration.",
    payback="If every figure has its value, they are back after {years} years, out of {life} years of use.",
    no_payback="If every figure has its value, they never come back.",
    hangs_on="The saving hangs most on '{name}': from {at_low} {currency} at {low} to {at_high} {currency} at {high}.",
    turns_at="It becomes 0 where '{name}' is {value}, with all other figures at their values.",
    assumptions="{count} of {all} figures are assumptions that nobody at the plant has set: they are marked below.",
    no_assumptions="Every figure is set in the specification.",
    answer_head="The answer",
    year_head="A year, in {currency}",
    year_columns="| line | the box | {other} |",
    total="all",
    flow_head="Parts in a year",
    flow_columns="| parts | the box | {other} |",
    escaped="defective and passed",
    rejected="good and rejected",
    reviewed="looked at by a person",
    interval="{value} ({low} to {high})",
    stages_head="Time per picture",
    stages_text="In milliseconds, by stage. The capture goes on while the picture before is judged and does not count as time of the box.",
    stages_columns="| stage | p50 | p95 | p99 |",
    tornado_head="What the saving hangs on",
    tornado_text="One figure at a time goes from one end of its range to the other; the others keep their values. The saving is in "
    "{currency} a year.",
    tornado_columns="| figure | key | range | saving at the low end | at the high end | saving is 0 at |",
    never="nowhere",
    chart_axis="saving",
    table_head="Where it breaks even",
    table_text="Yearly saving in {currency}. Rows: {rows}. Columns: {columns}.",
    inputs_head="The figures",
    inputs_columns="| figure | key | value | range | from |",
    assumed="ASSUMPTION",
    counted="{count} of {of}",
    method_head="How it is reckoned",
    method="Values are reckoned with the value of each figure. Intervals hold 95 % of {count} Monte Carlo draws (seed {seed}): "
    "each figure is drawn independently, a range from a triangle with its top at the value, a counted share from its beta distribution "
    "(Jeffreys). The range of a counted share is its Clopper-Pearson interval of 95 %. A range with a long end moves the interval to that "
    "side of the value. What is paid once is spread evenly, without interest.",
)

JAPANESE = Texts(
    names={
        "plant.parts_per_day": "1 日の部品数",
        "plant.defect_rate": "不良品の割合",
        "plant.days_per_year": "年間の稼働日数",
        "plant.hours_per_day": "1 日の稼働時間",
        "plant.peak_factor": "最も速い 1 秒の部品数(平均に対する倍率)",
        "prices.escape": "見逃し 1 件の費用",
        "prices.overkill": "過検出 1 件の費用",
        "prices.operator_hour": "確認とラベル付けをする人の 1 時間",
        "prices.engineer_hour": "技術者の 1 時間",
        "prices.kwh": "電力 1 kWh",
        "prices.box": "装置 1 台(カメラ、照明、取り付けを含む)",
        "box.escape": "装置: 見逃し(不良品を OK)",
        "box.overkill": "装置: 過検出(良品を NG)",
        "box.review_bad": "装置: 不良品のうち REVIEW の割合",
        "box.review_good": "装置: 良品のうち REVIEW の割合",
        "box.latency_ms": "画像 1 枚の処理時間(ミリ秒)",
        "box.pictures_per_part": "部品 1 個の画像の枚数",
        "box.joules_per_picture": "画像 1 枚の電力量(待機時を除く、ジュール)",
        "box.idle_watts": "装置の待機電力(ワット)",
        "box.years": "使用年数",
        "effort.review_minutes": "REVIEW 1 件の確認時間(分)",
        "effort.reviewer_miss": "REVIEW の不良品を人が OK とする割合",
        "effort.labels": "ラベルを付ける画像の枚数",
        "effort.label_minutes": "ラベル 1 件の時間(分)",
        "effort.integration_hours": "導入の時間",
        "effort.upkeep_hours": "年間の保守の時間",
        "present.escape": "現行の検査: 見逃し",
        "present.overkill": "現行の検査: 過検出",
        "present.review_bad": "現行の検査: 不良品のうち再確認する割合",
        "present.review_good": "現行の検査: 良品のうち再確認する割合",
        "present.seconds_per_part": "現行の検査: 部品 1 個に人がかける時間(秒)",
        "present.cost_per_year": "現行の検査: 年間のライセンスと保守の費用",
    },
    lines={
        "escapes": "見逃し",
        "overkill": "過検出",
        "review": "人による確認",
        "inspectors": "全数を見る検査員",
        "energy": "電力",
        "hardware": "機器(使用年数で割る)",
        "labels": "ラベル付け(使用年数で割る)",
        "integration": "導入(使用年数で割る)",
        "upkeep": "保守とサービス",
    },
    systems={"box": "装置", "present": "現行の検査", "none": "検査なし"},
    outcomes={
        "pays": "装置は採算が合います。試行の {share} で、装置の費用は{other}より少なくなります。",
        "open": "装置の採算が合うとは言えません。節約額の区間が 0 を含み、装置の費用が{other}より少ないのは試行の {share} です。",
        "loses": "この工場では採算が合いません。「{line}」が{other}より年間 {amount} {currency} 多くかかるためです。"
        "装置の費用の方が少ないのは試行の {share} です。",
    },
    title="装置の費用: {plant}",
    saving="年間の費用は、装置で {box} {currency}、{other}で {there} {currency} です。差し引きの節約額は {saving} {currency} です"
    "(95 % 区間 {low} から {high})。",
    escapes="装置が見逃す不良品は年間 {box} 個(95 % 区間 {low} から {high})、{other}では {there} 個({there_low} から {there_high})です。",
    more_escapes="試行の {share} で、装置が見逃す不良品は{other}より多くなります。金額を見る前に、これを許すかどうかを決めてください。",
    once="最初の部品の前に、装置 {boxes} 台、ラベル付け、導入に {investment} {currency} を支払います。",
    payback="すべてが値のとおりなら、使用年数 {life} 年のうち、{years} 年で回収できます。",
    no_payback="すべてが値のとおりなら、この支払いは回収できません。",
    hangs_on="節約額を最も左右するのは「{name}」です。{low} のとき {at_low} {currency}、{high} のとき {at_high} {currency} になります。",
    turns_at="ほかの値をそのままにすると、「{name}」が {value} のとき節約額は 0 になります。",
    assumptions="{all} 個の値のうち {count} 個は、工場の誰も決めていない仮定です。下の表に印を付けました。",
    no_assumptions="すべての値は仕様で決められています。",
    answer_head="答え",
    year_head="年間の費用({currency})",
    year_columns="| 項目 | 装置 | {other} |",
    total="合計",
    flow_head="年間の部品",
    flow_columns="| 部品 | 装置 | {other} |",
    escaped="見逃した不良品",
    rejected="NG とした良品",
    reviewed="人が確認する部品",
    interval="{value}({low} から {high})",
    stages_head="画像 1 枚の時間",
    stages_text="段階ごとの時間(ミリ秒)。取り込みは前の画像の判定と並行して進むため、装置の時間には数えません。",
    stages_columns="| 段階 | p50 | p95 | p99 |",
    tornado_head="節約額を左右するもの",
    tornado_text="値を一つずつ、範囲の端から端まで動かします。ほかの値は動かしません。節約額は年間、単位は {currency} です。",
    tornado_columns="| 値 | キー | 範囲 | 下端での節約額 | 上端での節約額 | 節約額が 0 になる値 |",
    never="なし",
    chart_axis="saving",
    table_head="損益分岐",
    table_text="年間の節約額({currency})。行: {rows}。列: {columns}。",
    inputs_head="使った値",
    inputs_columns="| 値 | キー | 数値 | 範囲 | 出所 |",
    assumed="仮定",
    counted="{of} 個のうち {count} 個",
    method_head="計算の方法",
    method="金額は、それぞれの値をそのまま使って計算します。区間は、モンテカルロ法による {count} 回の試行(シード {seed})の "
    "95 % を含みます。"
    "値は互いに独立に選びます。範囲からは、頂点がその値にある三角分布で、数えた割合からはベータ分布(ジェフリーズ)で選びます。"
    "数えた割合の範囲は、95 % のクロッパー・ピアソン区間です。片側に長い範囲は、区間をその側に動かします。"
    "一度だけ支払う費用は、利息なしで使用年数に等しく割ります。",
)

TEXTS = {"en": ENGLISH, "ja": JAPANESE}
