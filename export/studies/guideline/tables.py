"""The tables of the guideline in Markdown, in English or Japanese; every figure is computed here."""

from __future__ import annotations

from export.products.guide import Language, read_guide
from export.products.product import built_in_products
from export.studies.guideline.effort import PHASES
from export.studies.guideline.sample_size import (
    chance_to_pass,
    escaped_per_million,
    fewest_for_guarantee,
    fewest_parts,
    interval,
    least_wins,
    parts_to_collect,
    rule_of_three,
    spread_known,
    upper,
    worth,
)
from export.studies.template import row, table

SIZES = (20, 50, 100, 149, 300, 500, 1_000, 3_000)
FOUND = (0, 1, 2, 5, 10)
LIMITS = (0.005, 0.01, 0.02, 0.05, 0.1)
MISSED = (0, 1, 2, 3, 5)
PLAN_LIMIT = 0.02
TRUE_SHARES = (0.002, 0.005, 0.01, 0.02, 0.04)
DEFECT_RATES = (0.001, 0.005, 0.01, 0.05)
GOOD_SIZES, GOOD_SHARES = (100, 300, 1_000, 3_000), (0.01, 0.02, 0.05, 0.1)
ALIKE, BLOCKS, BLOCK_PARTS = (0.05, 0.2, 0.5), (1, 10, 30, 60), 300
DIFFERING = (5, 6, 10, 20, 50, 100)
SEEDS = (2, 3, 5, 10)
GUARANTEES = (0.01, 0.02, 0.05, 0.1)


def percent(value: float, digits: int = 2) -> str:
    """A share (0..1) in percent, without zeros at the end; what is not 0 or 1 is not rounded to it."""
    least = 10.0**-digits
    if 0 < 100 * value < least / 2:
        return f"< {least:g} %"
    if 100 - least / 2 < 100 * value < 100:
        return f"> {100 - least:g} %"
    text = f"{100 * value:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def clean(language: Language) -> str:
    """No defect missed: the rule of three beside the exact bound."""
    heads = {
        "en": ("defective parts judged, none missed", "rule of three: 3 / n", "exact: 1 - 0.05^(1/n)"),
        "ja": ("判定した不良品の数(見逃し 0)", "3 の法則: 3 / n", "厳密値: 1 - 0.05^(1/n)"),
    }
    return table(heads[language], [row(f"{size:,}", percent(rule_of_three(size)), percent(upper(0, size))) for size in SIZES])


def bounds(language: Language) -> str:
    """The two-sided interval by how many were found."""
    head = {"en": "parts judged", "ja": "判定した数"}[language]
    found = {"en": "{} found", "ja": "{} 個"}[language]

    def cell(number: int, size: int) -> str:
        low, high = interval(number, size)
        return f"{percent(low)} – {percent(high)}"

    rows = [row(f"{size:,}", *(cell(number, size) for number in FOUND)) for size in SIZES]
    return table((head, *(found.format(number) for number in FOUND)), rows)


def plans(language: Language) -> str:
    """The fewest defective parts that show a limit, by how many may be missed."""
    head = {"en": "escape to be shown", "ja": "示したい見逃し率"}[language]
    may = {"en": "{} missed", "ja": "見逃し {}"}[language]
    rows = [row(f"≤ {percent(limit)}", *(f"{fewest_parts(limit, missed=missed):,}" for missed in MISSED)) for limit in LIMITS]
    return table((head, *(may.format(missed) for missed in MISSED)), rows)


def chances(language: Language) -> str:
    """How often a system of a true escape rate passes the plans of one limit."""
    heads = {"en": ("defective parts", "may be missed"), "ja": ("不良品の数", "許す見逃し")}[language]
    true = {"en": "passes if truly {}", "ja": "真の値が {} のとき合格"}[language]
    rows = []
    for missed in MISSED:
        parts = fewest_parts(PLAN_LIMIT, missed=missed)
        rows.append(row(parts, missed, *(percent(chance_to_pass(share, parts, missed=missed), 0) for share in TRUE_SHARES)))
    return table((*heads, *(true.format(percent(share)) for share in TRUE_SHARES)), rows)


def collecting(language: Language) -> str:
    """How many parts of a line hold the defective ones that a limit needs."""
    head = {"en": "defect rate of the line", "ja": "ラインの不良率"}[language]
    needs = {"en": "parts for ≤ {} ({} defective)", "ja": "≤ {} に要る部品数(不良品 {} 個)"}[language]
    shown = (0.01, 0.02, 0.05)
    rows = [
        row(percent(rate), *(f"{parts_to_collect(fewest_parts(limit), defect_rate=rate):,}" for limit in shown)) for rate in DEFECT_RATES
    ]
    return table((head, *(needs.format(percent(limit), fewest_parts(limit)) for limit in shown)), rows)


def good_parts(language: Language) -> str:
    """How well a share of good parts is known."""
    head = {"en": "good parts judged", "ja": "判定した良品の数"}[language]
    seen = {"en": "{} seen", "ja": "観測値 {}"}[language]

    def cell(share: float, size: int) -> str:
        low, high = interval(round(share * size), size)
        return f"{percent(low, 1)} – {percent(high, 1)}"

    rows = [row(f"{size:,}", *(cell(share, size) for share in GOOD_SHARES)) for size in GOOD_SIZES]
    return table((head, *(seen.format(percent(share)) for share in GOOD_SHARES)), rows)


def blocks(language: Language) -> str:
    """What parts are worth that come in blocks of neighbours."""
    head = {"en": "parts in a block", "ja": "1 ブロックの数"}[language]
    alike = {"en": "neighbours alike by {}", "ja": "隣どうしの相関 {}"}[language]
    rows = [row(block, *(f"{worth(BLOCK_PARTS, block=block, alike=share):.0f}" for share in ALIKE)) for block in BLOCKS]
    return table((head, *(alike.format(share) for share in ALIKE)), rows)


def comparing(language: Language) -> str:
    """How many of the parts on which two systems differ one must win."""
    heads = {
        "en": ("parts on which the two differ", "of these one must be right on"),
        "ja": ("二つの判定が食い違った数", "そのうち一方が正しい必要のある数"),
    }
    never = {"en": "cannot be shown", "ja": "示せない"}[language]
    return table(heads[language], [row(number, least_wins(number) or never) for number in DIFFERING])


def seeds(language: Language) -> str:
    """What the number of seeds is good for."""
    heads = {
        "en": ("seeds", "half of the 95 % interval of the mean, in deviations between seeds"),
        "ja": ("シードの数", "平均の 95 % 区間の半幅(シード間の標準偏差を 1 として)"),
    }
    return table(heads[language], [row(number, f"{spread_known(number):.2f}") for number in SEEDS])


def guarantees(language: Language) -> str:
    """The fewest labelled defective parts of a calibration that guarantees an escape rate."""
    heads = {
        "en": ("guaranteed escape", "fewest labelled defective pictures"),
        "ja": ("保証する見逃し率", "要るラベル付き不良画像の最少枚数"),
    }
    return table(heads[language], [row(percent(escape), fewest_for_guarantee(escape)) for escape in GUARANTEES])


def escapes(language: Language) -> str:
    """Defective parts that leave the plant, per million."""
    head = {"en": "defect rate", "ja": "不良率"}[language]
    at = {"en": "escape {}", "ja": "見逃し率 {}"}[language]
    shares = (0.01, 0.02, 0.05, 0.1)
    rows = [row(percent(rate), *(f"{escaped_per_million(rate, share):,.0f}" for share in shares)) for rate in DEFECT_RATES]
    return table((head, *(at.format(percent(share)) for share in shares)), rows)


def library(language: Language) -> str:
    """The products that come along, and when to use which."""
    heads = {"en": ("business", "product", "use it for", "not for"), "ja": ("業種", "製品名", "用途", "向かない用途")}
    guides = sorted(((read_guide(name), name) for name in built_in_products()), key=lambda pair: pair[0].business.en)
    texts = [(guide.business, f"`{name}`", guide.use_for, guide.not_for) for guide, name in guides]
    rows = [row(business.text(language), name, use.text(language), no.text(language)) for business, name, use, no in texts]
    return table(heads[language], rows)


def hours(language: Language) -> str:
    """The hours of each phase, with what was assumed."""
    heads = {
        "en": ("phase", "pictures", "people", "times", "hours of judging", "other hours", "hours in all"),
        "ja": ("段階", "画像", "人数", "回数", "判定の時間", "その他の時間", "合計時間"),
    }
    rows = [
        row(
            phase.name if language == "en" else phase.ja,
            f"{phase.pictures:,}",
            phase.people,
            phase.times,
            f"{phase.judging_hours:.1f}",
            f"{phase.fixed_hours:.1f}",
            f"{phase.hours:.1f}",
        )
        for phase in PHASES
    ]
    return table(heads[language], rows)
