"""`kotoba-export attack`: the printed-text attack on real cells, as a page and a picture."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path


def register(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    *,
    state: Path,
    progress: Callable[[], AbstractContextManager[Callable[[str], None]]],
) -> None:
    """Add the verb; `state` is where the starter bundle, the keys and what is kept lie."""
    command = commands.add_parser(
        "attack", help="how often print on defective cells makes them OK, without and with the guard: a page and a PNG"
    )
    command.add_argument("--bundle", type=Path, default=state / "starter", help="default: %(default)s")
    command.add_argument("--keys", type=Path, default=state / "keys", help="folder of trusted .pub keys (default: %(default)s)")
    command.add_argument("--station", type=Path, required=True, metavar="FILE")
    command.add_argument("--cells", type=int, default=100, metavar="N", help="defective cells (default: %(default)s)")
    command.add_argument("--seed", type=int, default=2041, help="of cells and print (default: %(default)s)")
    command.add_argument("--kept", type=Path, default=state / "attack.jsonl", help="keeps the inspections (default: %(default)s)")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.md", help="the page; the picture is put beside it as FILE.png")

    def run(options: argparse.Namespace) -> int:
        return _attack(options, progress)

    command.set_defaults(command=run)


def _attack(options: argparse.Namespace, progress: Callable[[], AbstractContextManager[Callable[[str], None]]]) -> int:
    from export.bundle.verify import opened
    from export.studies.typographic_attack.attack import attack
    from export.studies.typographic_attack.page import page, write_sheet
    from firmware_config.board import read_board
    from firmware_config.signature import read_trusted_keys
    from firmware_config.station import read_station
    from firmware_config.write import write_atomic

    station, board = read_station(options.station), read_board(options.board)
    said = f"kotoba-export attack --station {options.station} --cells {options.cells} --seed {options.seed} --out {options.out}"
    with progress() as say, opened(options.bundle, trusted=read_trusted_keys(options.keys)) as bundle:
        attacked = attack(bundle, board, station, count=options.cells, seed=options.seed, kept=options.kept, say=say)
        text = page(attacked, station, command=said, seed=options.seed, say=say)
        write_sheet(options.out.with_suffix(".png"), attacked, station)
    write_atomic(options.out, text.encode())
    print(options.out)
    return 0
