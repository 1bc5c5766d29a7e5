"""`kotoba-edge gate study`: what the change gate before BLIP would save on stored pictures, and what it would cost."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge.commands.options import DONE, take_models, told
from firmware_config.settings import BoxSettings

if TYPE_CHECKING:
    from edge.reuse_study import Outcome

MAX_GREY, MIN_COSINE = (1.0, 2.0, 4.0, 8.0), (0.999, 0.99, 0.95)


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    gate = commands.add_parser("gate", help="the change gate before BLIP").add_subparsers(required=True, metavar="VERB")
    study = gate.add_parser("study", help="what [describe.reuse] would save on stored pictures in their order, and what it would cost")
    study.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="pictures, folders or videos, in the order of the line")
    study.add_argument("--station", type=Path, required=True, metavar="FILE")
    study.add_argument("--truth", type=Path, metavar="CSV", help="source,label (a label, or ok or ng): also count defects that become OK")
    study.add_argument("--max-grey", type=float, nargs="+", default=MAX_GREY, metavar="LEVELS", help="default: %(default)s")
    study.add_argument("--min-cosine", type=float, nargs="+", default=MIN_COSINE, metavar="COSINE", help="default: %(default)s")
    take_models(study)
    study.set_defaults(command=_study, quiet=True)


def _study(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.reuse_study import study

    outcomes = study(
        options.paths,
        station_file=options.station,
        settings=told(settings, options),
        truth=options.truth,
        limits=[(grey, cosine) for grey in options.max_grey for cosine in options.min_cosine],
    )
    _print(outcomes, with_truth=options.truth is not None)
    return DONE


def _print(outcomes: Sequence[Outcome], *, with_truth: bool) -> None:
    from edge.reuse_study import interval

    truth = " defects that became OK (95 %) |" if with_truth else ""
    print(f"| max_grey | min_cosine | BLIP runs saved | decisions changed | became OK (95 %) |{truth} ms saved a picture |")
    print("|---|---|---|---|---|" + ("---|" if with_truth else "") + "---|")
    for one in outcomes:
        missed = f" {interval(one.missed, one.defects)} |" if with_truth else ""
        print(
            f"| {one.limits.max_grey:g} | {one.limits.min_cosine:g} | {one.reused} of {one.pictures} ({one.reused / one.pictures:.1%}) "
            f"| {one.changed} | {interval(one.became_ok, one.pictures)} |{missed} {one.saved_ms / one.pictures:.1f} |"
        )
