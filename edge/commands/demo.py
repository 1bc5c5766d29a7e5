"""`kotoba-edge demo`: real cells are described and judged, and each verdict is printed as it arrives over MQTT."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.commands.options import STATE, Commands, add_command, positive
from firmware_config.settings import BoxSettings


def register(commands: Commands) -> None:
    """Add the verb."""
    demo = add_command(
        commands,
        "demo",
        summary="Describe and judge real solar cells, and print each verdict as it arrives over MQTT.",
        details="The broker runs inside the command. A summary and a contact sheet of the first cells end the demo.",
        example="kotoba-edge demo --pictures 12",
        run=_demo,
    )
    demo.add_argument("--pictures", type=positive, default=24, metavar="N", help="How many cells to inspect. Default: %(default)s.")
    demo.add_argument("--forever", action="store_true", help="Inspect the cells again and again until Ctrl-C.")
    demo.add_argument("--language", choices=("en", "ja"), help="The language of the output. Default: from LANG, else en.")
    demo.add_argument("--bundle", type=Path, default=STATE / "starter", metavar="DIR", help="The bundle's folder. Default: %(default)s.")
    demo.add_argument(
        "--keys",
        type=Path,
        default=STATE / "keys",
        metavar="DIR",
        help="The folder of trusted public keys. Default: %(default)s.",
    )
    demo.add_argument(
        "--out",
        type=Path,
        default=STATE / "demo",
        metavar="DIR",
        help="The folder for spool and contact sheet. Default: %(default)s.",
    )


def _demo(options: argparse.Namespace, _settings: BoxSettings) -> int:
    from edge.demo.run import run_demo

    return run_demo(
        pictures=options.pictures,
        forever=options.forever,
        language=options.language,
        bundle=options.bundle,
        keys=options.keys,
        out=options.out,
    )
