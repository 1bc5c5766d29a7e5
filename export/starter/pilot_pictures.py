"""Lays out the pictures of a pilot of docs/pilots: `python -m export.starter.pilot_pictures {elpv,textile,assembly} FOLDER`.

FOLDER/pictures.csv names each picture with its label, domain, split and block. Pictures of an installed package are links to it. For the
assembly, FOLDER/good holds what teaches the bundle, and FOLDER/truth where each fault is. The same seed gives the same files.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from edge.errors import EdgeError
from export.starter.pilot_boards import boards, write_teaching
from export.starter.pilot_cells import solar_cells
from export.starter.pilot_picture import PilotPicture
from export.starter.pilot_textile import textile
from firmware_config.exit_codes import DONE

PER_FAULT, TEACHING = 15, 200
TABLE = "pictures.csv"


def lay_out(folder: Path, pictures: Iterable[PilotPicture]) -> tuple[int, int]:
    """Make the pictures and their table in `folder`; returns the numbers of pictures and of domains.

    Raises:
        EdgeError: the package of the pictures is not installed, or one of them is damaged.
        OSError: a file cannot be made.
    """
    text, made = io.StringIO(newline=""), 0
    domains: set[str] = set()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("path", "label", "domain", "split", "block"))
    for one in pictures:
        path = folder / one.name
        path.parent.mkdir(parents=True, exist_ok=True)
        one.make(path)
        table.writerow((one.name, one.label, one.domain, one.split or "", one.block))
        made += 1
        domains.add(one.domain)
    (folder / TABLE).write_text(text.getvalue(), encoding="utf-8")
    return made, len(domains)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and lay the pictures out."""
    parser = argparse.ArgumentParser(prog="python -m export.starter.pilot_pictures", description="Lay out the pictures of a pilot.")
    parser.add_argument("pilot", choices=("elpv", "textile", "assembly"), help="Whose pictures.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="The folder to make; it must not be there yet.")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="Of what is rendered or simulated. Default: %(default)s.")
    parser.add_argument(
        "--per-fault", type=int, default=PER_FAULT, metavar="N", help="Boards of each line with each fault. Default: %(default)s."
    )
    parser.add_argument("--teaching", type=int, default=TEACHING, metavar="N", help="Good boards that teach. Default: %(default)s.")
    options = parser.parse_args(arguments)
    folder: Path = options.folder
    if folder.exists():
        parser.error(f"laying pictures out in {folder}: it is there already: name a folder that is not there")
    if options.per_fault < 1:
        parser.error(f"rendering {options.per_fault} boards with each fault: give --per-fault of at least 1")
    sources: Mapping[str, Callable[[], Iterable[PilotPicture]]] = {
        "elpv": solar_cells,
        "textile": partial(textile, options.seed),
        "assembly": partial(boards, options.seed, per_fault=options.per_fault),
    }
    try:
        if options.pilot == "assembly":
            write_teaching(folder / "good", count=options.teaching)
        made, domains = lay_out(folder, sources[options.pilot]())
    except EdgeError as err:
        parser.error(str(err))
    except OSError as err:
        parser.error(f"laying pictures out in {folder}: {err.filename2 or err.filename or folder} cannot be made ({err.strerror})")
    print(f"{folder / TABLE}: {made} pictures of {domains} domains")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
