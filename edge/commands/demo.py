"""`kotoba-edge demo`: sample pictures are described and judged, and each verdict is printed as it arrives over MQTT."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.commands.options import STATE, Commands, add_command, positive
from edge.errors import BundleError
from firmware_config.settings import BoxSettings

BUNDLES = {"solar_cell": STATE / "starter", "woven": STATE / "woven"}
"""The bundle of each product, where `make demo` builds it."""


def register(commands: Commands) -> None:
    """Add the verb."""
    demo = add_command(
        commands,
        "demo",
        summary="Describe and judge real solar cells or a woven textile, and print each verdict as it arrives over MQTT.",
        details="The broker runs inside the command. A summary for each material and a contact sheet of the first pictures end the demo.",
        example="kotoba-edge demo --product woven --pictures 12",
        run=_demo,
    )
    demo.add_argument(
        "--product", choices=BUNDLES, default="solar_cell", help="Solar cells, mono and poly, or a woven textile. Default: %(default)s."
    )
    demo.add_argument("--pictures", type=positive, default=24, metavar="N", help="How many pictures to inspect. Default: %(default)s.")
    demo.add_argument("--forever", action="store_true", help="Inspect the pictures again and again until Ctrl-C.")
    demo.add_argument("--language", choices=("en", "ja"), help="The language of the output. Default: from LANG, else en.")
    demo.add_argument("--bundle", type=Path, metavar="DIR", help="The bundle's folder. Default: what `make demo PRODUCT=...` has built.")
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

    bundle: Path = options.bundle or BUNDLES[options.product]
    if options.bundle is None and not bundle.exists():
        msg = f"opening {bundle}, the bundle of the demo: it is not there: build it with `make demo PRODUCT={options.product}`"
        raise BundleError(msg)
    return run_demo(
        product=options.product,
        pictures=options.pictures,
        forever=options.forever,
        language=options.language,
        bundle=bundle,
        keys=options.keys,
        out=options.out,
    )
