"""`kotoba-export build`: build a signed bundle from a specification."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from export.cache import Cache
from export.commands.charts import charted
from export.commands.options import STATE, Commands, Progress, add_cache_option, add_chart_option, add_command, add_private_key_option
from export.spec import read_spec, with_keys
from firmware_config.board import read_board
from firmware_config.exit_codes import DONE


def register(commands: Commands) -> None:
    """Add the verb."""
    build = add_command(
        commands,
        "build",
        summary="Build a signed bundle from a specification, with the proof of its models and its golden verdicts.",
        details="A build that was interrupted continues where it stopped. An older version never replaces a newer one.",
        example="kotoba-export build export/starter/weights/build.toml --out .kotoba/starter",
        run=_build,
    )
    build.add_argument("spec", type=Path, metavar="SPEC.toml", help="The specification of the bundle.")
    build.add_argument("--out", type=Path, metavar="DIR", help=f"The folder of the bundle. Default: {STATE}/bundles/NAME.")
    add_private_key_option(build)
    add_cache_option(build)
    build.add_argument("--archive", action="store_true", help="Also write the bundle as one file, DIR.kbundle. Default: no.")
    build.add_argument(
        "--carry-key",
        type=Path,
        action="append",
        default=[],
        metavar="FILE.pub",
        help="A public key that a box trusts from the install of this bundle on, as the next key to sign with. May be given again.",
    )
    build.add_argument(
        "--revoke-key",
        action="append",
        default=[],
        metavar="ID",
        help="The id of a key, 16 hex digits, that a box trusts no more once it runs this bundle. May be given again.",
    )
    add_chart_option(build)


def _build(options: argparse.Namespace) -> int:
    from export.bundle.build import build
    from export.bundle.verify import golden_table, unexpected
    from export.proof.figures import table

    board = read_board(options.board)
    spec = read_spec(options.spec, precision=board.precision)
    spec = with_keys(spec, carried=options.carry_key, revoked=options.revoke_key)
    out = options.out or STATE / "bundles" / spec.name
    with charted(options.explain) as chart, Progress() as report:
        built = build(spec, out=out, key=options.key, cache=Cache(options.cache), archive=options.archive, board=board, report=report)
        chart(built.figures)
    if built.figures:
        print(table(built.figures), end="\n\n")
    print(golden_table(built.golden, built.labels), end="\n\n")
    verdicts = f"{len(built.golden)} golden verdicts ({len(unexpected(built.golden, built.labels))} NOT as expected)"
    print(f"{built.root}: bundle {spec.name} version {spec.version}, {verdicts}, {built.digest}")
    for warning in built.warnings:
        print(f"kotoba-export: warning: {warning}", file=sys.stderr)
    if built.archive is not None:
        print(f"{built.archive}: its archive, {built.archive.stat().st_size / 1e6:.1f} MB")
    return DONE
