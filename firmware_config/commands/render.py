"""`kotoba-config render`: the system files of a box, as a tree that mirrors its root."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from firmware_config.board import read_board
from firmware_config.box import Box, read_box
from firmware_config.box.agreement import require_agreement
from firmware_config.box.remarks import remarks
from firmware_config.errors import ConfigError
from firmware_config.exit_codes import BAD_CONFIG, DONE, FAILED
from firmware_config.station import read_station
from firmware_config.system_files import render_files
from firmware_config.system_files.flows import flows_of
from firmware_config.verbs import Verbs, add_verb

FOLDER_MODE, FILE_MODE = 0o755, 0o644
"""No file of the tree holds a secret; every user of the box may read them."""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    render = add_verb(
        verbs,
        "render",
        summary="Make the system files of a box from its box.toml, as a tree that mirrors the root of the box.",
        details="Nothing of this machine is changed. The station files are compared with box.toml where there are some: what the two say "
        "otherwise is refused. The exit code is 78 if a file is not valid.",
        example="kotoba-config render /etc/kotoba/box.toml --root tree",
    )
    render.add_argument("box", type=Path, metavar="BOX.TOML", help="The file of the box; `kotoba-config box` writes a first one.")
    render.add_argument("--root", type=Path, required=True, metavar="DIR", help="The folder of the tree; it must be new or empty.")
    render.add_argument(
        "--stations",
        type=Path,
        metavar="DIR",
        help="The folder of its station files. Default: the folder stations beside BOX.TOML, if any.",
    )
    render.set_defaults(command=_render)


def _render(options: argparse.Namespace) -> int:
    try:
        box = read_box(options.box)
        board = read_board(box.box.board)
        missing = _compared(box, options.stations or options.box.parent / "stations", is_asked=options.stations is not None)
        files = render_files(box, board)
        write_tree(files, options.root)
    except ConfigError as err:
        print(f"kotoba-config: {err}", file=sys.stderr)
        return BAD_CONFIG
    except OSError as err:
        print(f"kotoba-config: writing the tree {options.root}: {err.strerror}: give a new or empty folder", file=sys.stderr)
        return FAILED
    for path in files:
        print(options.root / path)
    addresses = [address for flow in flows_of(box) for address in flow.addresses]
    for remark in (*remarks(box, addresses=addresses), *missing):
        print(f"kotoba-config: warning: {remark}", file=sys.stderr)
    return DONE


def _compared(box: Box, folder: Path, *, is_asked: bool) -> list[str]:
    """Compare the station files of a folder with the box; returns what is not there to compare, a sentence each.

    Raises:
        ConfigError: a file is not valid, or says otherwise than the box.
    """
    if not is_asked and not folder.is_dir():
        return ["no station files to compare with: give their folder as --stations"]
    stations = {path: read_station(path) for path in sorted(folder.glob("*.toml"))}
    require_agreement(box, stations)
    there = {station.station.name for station in stations.values()}
    return [f"station {one.name} has no file in {folder}" for one in box.stations if one.name not in there]


def write_tree(files: Mapping[str, str], root: Path) -> None:
    """Write the files below `root`, all or none.

    Raises:
        OSError: `root` is no new or empty folder, or cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix=f".{root.name}.", dir=root.absolute().parent) as temporary:
        tree = Path(temporary) / "tree"
        for path, text in files.items():
            place = tree / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
            place.chmod(FILE_MODE)
        for folder in (tree, *(one for one in tree.rglob("*") if one.is_dir())):
            folder.chmod(FOLDER_MODE)
        tree.rename(root)  # refused where there is more than an empty folder
