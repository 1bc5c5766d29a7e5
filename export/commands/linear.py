"""`kotoba-export linear`: fit a linear judge to examples in words."""

from __future__ import annotations

import argparse
from pathlib import Path

from export.commands.options import Commands, add_command
from firmware_config.exit_codes import DONE
from firmware_config.station import read_station


def register(commands: Commands) -> None:
    """Add the verb."""
    linear = add_command(
        commands,
        "linear",
        summary='Fit a linear judge, for [judge] method = "linear", to examples in words.',
        details="An example is a JSON line with source, description (tags, attributes, captions) and allowed, the labels that are right. "
        "The judge and its temperature go into a folder of artefacts, from which `kotoba-export build` takes them.",
        example="kotoba-export linear train.jsonl --validation validation.jsonl --station golden/station.toml --name cell --out artefacts",
        run=_linear,
    )
    linear.add_argument("examples", type=Path, metavar="JSONL", help="The examples that the judge is fitted to.")
    linear.add_argument(
        "--validation",
        type=Path,
        required=True,
        metavar="JSONL",
        help="Other examples, good and defective, that choose how strongly weights are held down, and the temperature.",
    )
    linear.add_argument("--station", type=Path, required=True, metavar="FILE", help="The station file that has the labels.")
    linear.add_argument("--name", required=True, metavar="NAME", help="The name of the judge, for [judge] linear.")
    linear.add_argument("--out", type=Path, required=True, metavar="DIR", help="The folder of artefacts.")


def _linear(options: argparse.Namespace) -> int:
    from export.tuning.examples import read_examples
    from export.tuning.linear import fit_linear, write_linear

    labels = read_station(options.station).labels
    fitted = fit_linear(read_examples(options.examples, labels), read_examples(options.validation, labels), labels)
    path = write_linear(options.out, options.name, fitted)
    print(f"{path}: {len(fitted.model.terms)} words and word pairs, C {fitted.strength:g}")
    print(f"validation: AUROC of not ok {fitted.auroc:.3f}, temperature {fitted.temperature:.3f}")
    return DONE
