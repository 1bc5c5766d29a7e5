"""`kotoba-export teach`: teach a product from pictures of good parts and a list of what may go wrong."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from export.commands.options import STATE, Commands, Progress, add_cache_option, add_command, add_private_key_option
from firmware_config.board import read_board
from firmware_config.exit_codes import DONE

if TYPE_CHECKING:
    from export.teach.plan import Plan


def register(commands: Commands) -> None:
    """Add the verb."""
    teach = add_command(
        commands,
        "teach",
        summary="Teach a product from pictures of good parts and a list of what may go wrong, and build its signed bundle.",
        details="Pictures, labels and the disk are checked first, and time and memory are said before the work begins. Teaching that was "
        "interrupted continues where it stopped.",
        example="kotoba-export teach bolts.toml --out .kotoba/bundles/bolts",
        run=_teach,
    )
    teach.add_argument("spec", type=Path, metavar="SPEC.toml", help="The specification of what to teach.")
    teach.add_argument("--out", type=Path, metavar="DIR", help=f"The folder of the bundle. Default: {STATE}/bundles/NAME.")
    teach.add_argument(
        "--weights",
        type=Path,
        metavar="FOLDER",
        help="Also write what was taught to this folder, for a repository: `kotoba-export build FOLDER/build.toml` builds the bundle from "
        "it on any machine, without teaching. Default: no.",
    )
    teach.add_argument("--check", action="store_true", help="Check the specification, print the plan, and end. Default: no.")
    add_private_key_option(teach)
    add_cache_option(teach)


def _teach(options: argparse.Namespace) -> int:
    from export.teach.plan import check
    from export.teach.spec import read_teach_spec

    board = read_board(options.board)
    spec, product = read_teach_spec(options.spec)
    with Progress() as report:
        plan = check(spec, product, near=_existing(options.cache), report=report)
    print("\n".join(_lines(plan)), flush=True)
    if options.check:
        return DONE
    from export.bundle.verify import golden_table, unexpected
    from export.teach.run import page_of, run
    from export.teach.weights import SPEC_NAME

    out = options.out or STATE / "bundles" / spec.name
    with Progress() as report:
        built = run(plan, out=out, key=options.key, cache=options.cache, board=board, report=report, weights=options.weights)
    print(golden_table(built.golden, built.labels), end="\n\n")
    verdicts = f"{len(built.golden)} golden verdicts ({len(unexpected(built.golden, built.labels))} NOT as expected)"
    print(f"{built.root}: bundle {spec.name} version {spec.version}, {verdicts}, {built.digest}")
    print(f"{page_of(out)}: what was learnt, for a browser or the printer")
    if options.weights is not None:
        print(f"{options.weights}: what was taught; `kotoba-export build {options.weights}/{SPEC_NAME}` builds the bundle from it")
    for warning in built.warnings:
        print(f"kotoba-export: warning: {warning}", file=sys.stderr)
    return DONE


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())


def _lines(plan: Plan) -> Iterator[str]:
    """The plan as a person reads it."""
    product, pictures, needed = plan.product, plan.pictures, plan.estimate
    side = f"{product.side_px}x{product.side_px}"
    yield f"product   {product.name} ({product.ja}): {len(product.defects)} kinds of defect, {_words(plan)}"
    for domain in plan.domains:
        yield f"good      {domain.name}: {len(domain.training)} to paint on, {len(domain.held_out)} held out"
    if pictures.left_out:
        yield f"left out  {pictures.left_out:,} good pictures: those that are taken are evenly spaced in the order of their names"
    for label, paths in pictures.labelled.items():
        yield f"labelled  {label}: {len(paths)}"
    if pictures.unlabelled:
        yield f"unlabelled  {len(pictures.unlabelled)}"
    sizes = ", ".join(f"{width}x{height}" for width, height in pictures.sizes)
    yield f"size      {sizes} pixels" + ("" if sizes == side else f", scaled to {side}")
    yield "labels    " + ", ".join(f"{label.name} ({label.decision})" for label in plan.labels)
    yield f"eye       {plan.trunk.title}"
    yield f"work      {plan.effort.painted:,} painted pictures, {len(plan.spec.seeds)} x {plan.effort.steps:,} steps ({plan.spec.effort})"
    yield (
        f"takes     about {max(1, round(needed.seconds / 60))} minutes on two cores, {needed.memory_bytes / 1e9:.1f} GB of memory, "
        f"{needed.disk_bytes / 1e9:.1f} GB of disk"
    )


def _words(plan: Plan) -> str:
    return f"{len(plan.wording.tags)} tags and {len(plan.wording.attributes)} attributes"
