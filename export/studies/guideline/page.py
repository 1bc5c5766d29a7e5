"""Write the evaluation guideline in both languages: `python -m export.studies.guideline.page docs`."""

from __future__ import annotations

import argparse
from pathlib import Path

from export.products.guide import Language
from export.products.product import built_in_products, read_product
from export.products.wording import wording_of
from export.studies.guideline import effort, sample_size, tables
from export.studies.guideline.tables import percent
from export.studies.template import fill
from firmware_config.write import write_atomic

HERE = Path(__file__).parent
STARTER_ESCAPE = "5.0 %"
"""Of the defective poly cells, of the language model with the bundle's own decisions: docs/studies/results.md."""
LANGUAGES: tuple[Language, ...] = ("en", "ja")
TABLES = (
    tables.clean,
    tables.bounds,
    tables.plans,
    tables.chances,
    tables.collecting,
    tables.good_parts,
    tables.blocks,
    tables.comparing,
    tables.seeds,
    tables.guarantees,
    tables.escapes,
    tables.library,
    tables.hours,
)


def page(language: Language) -> str:
    """The guideline in one language."""
    return fill(HERE / f"{language}.md", **figures(), **{make.__name__: make(language) for make in TABLES})


def page_name(language: Language) -> str:
    """Its file name in docs/."""
    return f"evaluation-guideline.{language}.md"


def figures() -> dict[str, str]:
    """The figures in the sentences of the guideline, by the name of their slot."""
    clean_2, clean_5 = sample_size.fewest_parts(0.02), sample_size.fewest_parts(0.05)
    one_missed = sample_size.fewest_parts(0.02, missed=1)
    five, ten = 5, 10
    words = [len(wording_of(read_product(name)).words) for name in built_in_products()]
    return {
        "always_ok": percent(1 - 0.01),
        "clean_1": f"{sample_size.fewest_parts(0.01)}",
        "clean_2": f"{clean_2}",
        "clean_5": f"{clean_5}",
        "one_missed_2": f"{one_missed}",
        "one_missed_share": percent(1 / one_missed, 1),
        "pass_5": percent(sample_size.chance_to_pass(0.05, clean_2, missed=0), 0),
        "starter_escape": STARTER_ESCAPE,
        "pass_half": percent(sample_size.chance_to_pass(0.01, clean_2, missed=0), 0),
        "pass_half_5": percent(sample_size.chance_to_pass(0.01, sample_size.fewest_parts(0.02, missed=five), missed=five), 0),
        "plan_5": f"{sample_size.fewest_parts(0.02, missed=five)}",
        "upper_20": percent(sample_size.upper(0, 20), 1),
        "block_parts": f"{tables.BLOCK_PARTS}",
        "worth_30": f"{sample_size.worth(tables.BLOCK_PARTS, block=30, alike=0.2):.0f}",
        "wins_20": f"{sample_size.least_wins(20)}",
        "seeds_2": f"{sample_size.spread_known(2):.1f}",
        "seeds_5": f"{sample_size.spread_known(five):.2f}",
        "seeds_10": f"{sample_size.spread_known(ten):.2f}",
        "fewest_words": f"{min(words)}",
        "most_words": f"{max(words)}",
        "seconds": f"{effort.SECONDS_A_PICTURE}",
        "baseline_good": f"{effort.BASELINE_GOOD}",
        "agreement_parts": f"{effort.AGREEMENT_PARTS}",
        "agreement_judgements": f"{effort.AGREEMENT_PARTS * 3 * 2}",
        "to_pilot_hours": f"{sum(phase.hours for phase in effort.PHASES[:4]):.0f}",
        "sample_300": percent(sample_size.upper(0, 300), 1),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="The folder of the pages: docs.")
    folder = parser.parse_args().out
    for spoken in LANGUAGES:
        write_atomic(folder / page_name(spoken), page(spoken).encode())
