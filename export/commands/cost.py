"""`kotoba-export cost`: what a box costs a plant in a year, beside the system of today."""

from __future__ import annotations

import argparse
from pathlib import Path

from export.commands.options import Commands
from firmware_config.exit_codes import DONE
from firmware_config.verbs import add_verb


def register(commands: Commands) -> None:
    """Add the verb."""
    cost = add_verb(
        commands,
        "cost",
        summary="Reckon what a box costs a plant in a year, beside the system of today, with intervals and a break-even table.",
        details="The specification gives the figures of the plant; every figure that it leaves out is an assumption, which the page marks. "
        "docs/cost.md has an example and explains the figures. Writes page.md, tornado.png and cost.json.",
        example="kotoba-export cost plant.toml --out cost",
    )
    cost.add_argument("spec", type=Path, metavar="SPEC.toml", help="The specification of the study.")
    cost.add_argument("--out", type=Path, required=True, metavar="DIR", help="The folder of the page; it is made where it lacks.")
    cost.add_argument("--language", choices=("en", "ja"), default="en", help="The language of the page. Default: %(default)s.")
    cost.set_defaults(command=_cost)


def _cost(options: argparse.Namespace) -> int:
    from edge.texts.cost import TEXTS
    from export.cost.page import write_study
    from export.cost.read import read_figures
    from export.cost.sentences import sentences
    from export.cost.study import study

    figures = read_figures(options.spec)
    found = study(figures.spec, figures.stages)
    write_study(found, options.out, options.language)
    for sentence in sentences(found, TEXTS[options.language]):
        print(sentence)
    print(options.out / "page.md")
    return DONE
