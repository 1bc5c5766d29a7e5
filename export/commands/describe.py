"""`kotoba-export describe`: pictures to a text data set."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from export.commands.options import STATE, Commands, Progress, add_command, add_keys_option
from firmware_config.exit_codes import DONE


def register(commands: Commands) -> None:
    """Add the verb."""
    describe = add_command(
        commands,
        "describe",
        summary="Describe pictures with a bundle, as a box does, and write the words as a text data set (Parquet and JSON lines).",
        details="PICTURES is a folder DOMAIN/CLASS/picture, a .csv with the column path and perhaps label,domain,split,block, or a .toml "
        "that names several of them. No picture is copied. The same command goes on where it was stopped. See docs/texts.md.",
        example="kotoba-export describe pictures/ --bundle .kotoba/starter --out texts",
        run=_describe,
    )
    describe.add_argument("pictures", type=Path, metavar="PICTURES", help="The folder, the .csv or the .toml.")
    describe.add_argument("--bundle", type=Path, default=STATE / "starter", metavar="DIR", help="The bundle. Default: %(default)s.")
    add_keys_option(describe)
    describe.add_argument(
        "--station",
        type=Path,
        metavar="FILE",
        help="The station file whose describing, region of interest and memory are used; a label that it does not know is refused. "
        "Default: the golden station of the bundle, and any label.",
    )
    describe.add_argument("--out", type=Path, required=True, metavar="DIR", help="The folder of the data set, new or begun before.")
    describe.add_argument(
        "--shard-rows", type=int, default=500, metavar="N", help="The number of pictures in a shard. Default: %(default)s."
    )
    describe.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="Describe on a Ray cluster: `local` for the cores of this machine but one, or the address of a running cluster. "
        "Default: in one process.",
    )


def _describe(options: argparse.Namespace) -> int:
    from export.texts.checks import require_sound
    from export.texts.describe import Job, Workers, describe
    from export.texts.describer import Recipe, used_by
    from export.texts.errors import TextsError
    from export.texts.one_process import OneProcess
    from export.texts.ray_workers import RayWorkers
    from export.texts.sources import read_sources

    if options.shard_rows < 1:
        msg = f"describing in shards of {options.shard_rows} pictures: give --shard-rows of at least 1"
        raise TextsError(msg)
    spec, pictures = read_sources(options.pictures)
    recipe = Recipe(bundle=options.bundle, keys=options.keys, station=options.station, board=options.board)
    used = used_by(recipe)
    require_sound(pictures, labels=None if options.station is None else used.labels)
    job = Job(spec=spec, pictures=pictures, used=used, shard_rows=options.shard_rows)
    workers: Workers = OneProcess(recipe) if options.ray is None else RayWorkers(recipe, address=options.ray, used=used)
    with Progress() as report:
        about = describe(job, options.out, workers=workers, report=report).about
    for remark in about.remarks:
        print(remark, file=sys.stderr)
    print(f"{options.out}: {about.rows} rows in {len(about.shards)} shards, {about.errors} with an error, {len(about.domains)} domains")
    return DONE
