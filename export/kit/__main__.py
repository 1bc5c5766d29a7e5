"""The command `python -m export.kit`, which `make kit` runs in a checkout of the repository."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from edge.errors import EdgeError
from export.bundle.key import builder_key
from export.errors import ExportError
from export.kit.build import Contents, build_kit
from export.kit.target import TARGETS
from firmware_config.errors import ConfigError
from firmware_config.exit_codes import DONE, FAILED
from firmware_config.signature import KEY_SUFFIX, public_key

STATE = Path(".kotoba")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and make the kit."""
    options = _parser().parse_args(arguments)
    target = TARGETS[options.target]
    try:
        private = builder_key(options.key)
        contents = Contents(
            bundles=options.bundle,
            keys=options.trust or [options.key.with_suffix(KEY_SUFFIX)],
            wheels=options.wheels,
            debs=options.debs,
        )
        kit = build_kit(Path.cwd(), target, contents, private=private, out=options.out, version=options.release, report=_report)
    except (ExportError, EdgeError, ConfigError) as err:
        print(f"export.kit: {err}", file=sys.stderr)
        return FAILED
    except OSError as err:
        print(
            f"export.kit: making the kit: {err.filename or options.out}: {err.strerror}: correct the path or free some disk",
            file=sys.stderr,
        )
        return FAILED
    print(f"{kit}: {kit.stat().st_size / 1e6:.0f} MB, for {target.system} {target.architecture}")
    print(f"Signed with the key {public_key(private).hex()}")
    print("Write this key down and carry it to the box by another way than the kit: install.sh asks for it once.")
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m export.kit", description="Make the kit that is carried into a closed network.")
    parser.add_argument("--target", choices=TARGETS, default="amd64", help="The kind of machine. Default: %(default)s.")
    parser.add_argument("--out", type=Path, default=Path("dist"), metavar="DIR", help="The folder of the kit. Default: %(default)s.")
    parser.add_argument("--key", type=Path, default=STATE / "keys/builder.key", metavar="FILE",
        help="The private key that signs the kit, made on first use. Default: %(default)s.")  # fmt: skip
    parser.add_argument("--trust", type=Path, action="append", metavar="FILE.pub",
        help="A public key whose bundles the box takes; again for more. Default: that of --key.")  # fmt: skip
    parser.add_argument("--bundle", type=Path, action="append", default=[], metavar="BUNDLE",
        help="A bundle to carry, a folder or a .kbundle; the first one is put on a new box. Again for more. Default: none.")  # fmt: skip
    parser.add_argument("--wheels", type=Path, action="append", default=[], metavar="DIR",
        help="A folder with wheels that no public registry has. Again for more. Default: none.")  # fmt: skip
    parser.add_argument("--debs", type=Path, metavar="DIR",
        help="A folder with the .deb files to carry. Default: they are downloaded from the Debian that this machine uses.")  # fmt: skip
    parser.add_argument("--release", metavar="VERSION", help="A version to use in the place of the project's own. Default: the project's.")
    return parser


def _report(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
