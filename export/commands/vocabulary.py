"""`kotoba-export vocabulary`: add words to a bundle."""

from __future__ import annotations

import argparse
from pathlib import Path

from export.commands.options import Commands, Progress, add_bundle_argument, add_command, add_keys_option, add_private_key_option
from firmware_config.board import read_board
from firmware_config.exit_codes import DONE
from firmware_config.signature import read_trusted_keys


def register(commands: Commands) -> None:
    """Add the verb."""
    vocabulary = add_command(
        commands,
        "vocabulary",
        summary="Add words to the vocabularies of a bundle; it becomes the bundle's next version.",
        details="Golden verdicts that change are listed.",
        example="kotoba-export vocabulary .kotoba/starter --tags rust.txt --out .kotoba/bundles/with-rust",
        run=_vocabulary,
    )
    add_bundle_argument(vocabulary)
    for kind in ("tags", "attributes"):
        vocabulary.add_argument(
            f"--{kind}",
            type=Path,
            nargs="+",
            default=[],
            metavar="FILE",
            help=f"Files of {kind} to add: one word a line, or a word, a tab and its Japanese translation. Default: none.",
        )
    vocabulary.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="The folder of the new version; it may be BUNDLE itself."
    )
    add_keys_option(vocabulary)
    add_private_key_option(vocabulary)


def _vocabulary(options: argparse.Namespace) -> int:
    from export.bundle.add_words import add_words

    words = {"tags": options.tags, "attributes": options.attributes}
    trusted, board = read_trusted_keys(options.keys), read_board(options.board)
    with Progress() as report:
        made = add_words(options.bundle, options.out, words=words, trusted=trusted, key=options.key, board=board, report=report)
    for before, after in made.changed:
        verdicts = [f"{golden.decision} {golden.label} {golden.probability:.4f}" for golden in (before, after)]
        print(f"{before.picture}: was {verdicts[0]}, is {verdicts[1]}")
    print(f"{made.root}: version {made.version}, {len(made.changed)} golden verdicts changed, {made.digest}")
    return DONE
