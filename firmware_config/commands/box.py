"""`kotoba-config box`: the commented box.toml of a new box."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from firmware_config.box import Box, parse_box
from firmware_config.commented_toml import commented_toml, explained
from firmware_config.errors import ConfigError
from firmware_config.exit_codes import BAD_CONFIG, DONE, FAILED
from firmware_config.verbs import Verbs, add_verb
from firmware_config.write import write_atomic

HEAD = (
    "One box. Make its system files: `kotoba-config render FILE --root DIR`.",
    'Lines with "## " explain. Lines with "# " are keys that are not set, with their default or an example.',
    "For an editor that completes keys, beside this file: `kotoba-config schema box > box.schema.json`.",
)
SCHEMA_LINE = "#:schema ./box.schema.json"


def register(verbs: Verbs) -> None:
    """Add the verb."""
    box = add_verb(
        verbs,
        "box",
        summary="Write the commented box.toml of a new box, from which `kotoba-config render` makes its system files.",
        details="It has one station and one network camera as placeholders, a broker on the box, and every other key as a comment.",
        example="kotoba-config box line3-box --site plant/line3 --board cpu --out box.toml",
    )
    box.add_argument("name", metavar="NAME", help="The name of the box: letters, digits, - and _.")
    box.add_argument("--site", default="enterprise/site/line", metavar="PATH", help="The site path of its topics. Default: %(default)s.")
    box.add_argument("--board", default="cpu", metavar="BOARD", help="The board profile. Default: %(default)s.")
    box.add_argument("--out", type=Path, metavar="FILE", help="The file to write; it must not exist. Default: stdout.")
    box.set_defaults(command=_box)


def box_text(name: str, *, site: str, board: str) -> str:
    """The file."""
    values: dict[str, Any] = {
        "box": {"name": name, "site": site, "board": board},
        "stations": [{"name": "cell-01", "camera": "cam-01"}],
        "cameras": [{"kind": "rtsp", "name": "cam-01", "host": "10.20.5.21"}],
        "broker": {"kind": "local"},
    }
    head = "\n".join(line for sentence in HEAD for line in explained(sentence))
    return f"{SCHEMA_LINE}\n{head}\n\n{commented_toml(Box, values)}"


def _box(options: argparse.Namespace) -> int:
    if options.out is not None and options.out.exists():
        print(f"kotoba-config: {options.out} already exists: give the name of a new file", file=sys.stderr)
        return FAILED
    text = box_text(options.name, site=options.site, board=options.board)
    try:
        parse_box(text.encode(), source=str(options.out or "of the new box"))
        if options.out is None:
            print(text, end="")
        else:
            write_atomic(options.out, text.encode())
            print(f"{options.out}: box {options.name} written: replace its placeholders")
    except ConfigError as err:
        print(f"kotoba-config: {err}", file=sys.stderr)
        return BAD_CONFIG
    except OSError as err:
        print(f"kotoba-config: {options.out} cannot be written ({err.strerror}): give another path", file=sys.stderr)
        return FAILED
    return DONE
