"""`kotoba-export trust`, `typographic-attack` and `familiarity`: study a bundle on the labelled cells of ELPV."""

from __future__ import annotations

import argparse
from pathlib import Path

from export.commands.options import STATE, Commands, Progress, add_command, add_keys_option, add_study_options
from firmware_config.board import read_board
from firmware_config.exit_codes import DONE
from firmware_config.signature import read_trusted_keys
from firmware_config.station import read_station
from firmware_config.write import write_atomic


def register(commands: Commands) -> None:
    """Add the three verbs."""
    _register_trust(commands)
    _register_typographic_attack(commands)
    _register_familiarity(commands)


def _register_trust(commands: Commands) -> None:
    trust = add_command(
        commands,
        "trust",
        summary="Study what the confidence of the taught starter is worth on the labelled cells of ELPV.",
        details="`python -m export.studies.taught_seeds WORK` teaches the starter and inspects the cells first. The result is a page of "
        "Markdown and its plots.",
        example="kotoba-export trust .kotoba/seeds --out docs/studies/trust.md",
        run=_trust,
    )
    trust.add_argument("work", type=Path, metavar="WORK", help="The folder of `export.studies.taught_seeds`.")
    trust.add_argument("--seed", type=int, default=1, metavar="K", help="The seed. Default: %(default)s.")
    add_keys_option(trust)
    trust.add_argument("--out", type=Path, required=True, metavar="FILE.md", help="The page; its plots are written beside it.")


def _register_typographic_attack(commands: Commands) -> None:
    attack = add_command(
        commands,
        "typographic-attack",
        summary="Study how often printed text makes defective cells OK, with and without the guards.",
        details="The result is a page of Markdown and a picture.",
        example="kotoba-export typographic-attack --station export/starter/weights/golden/station.toml "
        "--out docs/studies/typographic-attack.md",
        run=_typographic_attack,
    )
    add_study_options(attack)
    attack.add_argument("--cells", type=int, default=100, metavar="N", help="The number of defective cells. Default: %(default)s.")
    attack.add_argument("--seed", type=int, default=2041, metavar="N", help="The seed of cells and printed text. Default: %(default)s.")
    attack.add_argument(
        "--inspections",
        type=Path,
        default=STATE / "typographic-attack.jsonl",
        metavar="JSONL",
        help="The file to which each inspection is appended; an interrupted study continues from it. Default: %(default)s.",
    )
    attack.add_argument("--out", type=Path, required=True, metavar="FILE.md", help="The page; the picture FILE.png is written beside it.")


def _register_familiarity(commands: Commands) -> None:
    familiarity = add_command(
        commands,
        "familiarity",
        summary="Study how often pictures that show no cell become OK, with and without limits and memory.",
        details="Takes about ten minutes on two CPU cores. The result is a page of Markdown.",
        example="kotoba-export familiarity --station export/starter/weights/golden/station.toml --out docs/studies/familiarity.md",
        run=_familiarity,
    )
    add_study_options(familiarity)
    familiarity.add_argument("--out", type=Path, required=True, metavar="FILE.md", help="The page.")


def _familiarity(options: argparse.Namespace) -> int:
    from export.bundle.verify import opened
    from export.studies.familiarity.measure import study
    from export.studies.familiarity.page import page

    with opened(options.bundle, trusted=read_trusted_keys(options.keys)) as bundle:
        found = study(bundle, read_board(options.board), read_station(options.station))
    command = f"kotoba-export familiarity --station {options.station} --out {options.out}"
    write_atomic(options.out, page(found, command=command).encode())
    print(options.out)
    return DONE


def _trust(options: argparse.Namespace) -> int:
    from export.studies.seed_files import SeedFiles, read_seed, studied_cells
    from export.studies.trust.page import write_page

    command = f"kotoba-export trust {options.work} --seed {options.seed} --keys {options.keys} --out {options.out}"
    cells = studied_cells()
    seed = read_seed(SeedFiles(options.work, options.seed), cells, trusted=read_trusted_keys(options.keys))
    write_page(seed, cells, command=command, out=options.out)
    return DONE


def _typographic_attack(options: argparse.Namespace) -> int:
    from export.bundle.verify import opened
    from export.studies.typographic_attack.attack import inspect_pictures, make_pictures, print_in_other_ways
    from export.studies.typographic_attack.page import page
    from export.studies.typographic_attack.sheet import write_sheet

    station, board = read_station(options.station), read_board(options.board)
    given = f"--station {options.station} --cells {options.cells} --seed {options.seed} --out {options.out}"
    with Progress() as report, opened(options.bundle, trusted=read_trusted_keys(options.keys)) as bundle:
        pictures = make_pictures(options.cells, options.seed)
        pictures += print_in_other_ways(pictures, options.seed)
        attacked = inspect_pictures(bundle, board, station, pictures, seed=options.seed, jsonl=options.inspections, report=report)
        text = page(attacked, station, command=f"kotoba-export typographic-attack {given}", seed=options.seed, report=report)
        write_sheet(options.out.with_suffix(".png"), [one for one in attacked if not one.picture.way], station)
    write_atomic(options.out, text.encode())
    print(options.out)
    return DONE
