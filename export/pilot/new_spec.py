"""The commented specification of a pilot that `kotoba-export new --pilot` writes: every key with its default."""

from __future__ import annotations

from pathlib import Path

from export.bundle.new_spec import relative
from export.errors import SpecError
from export.pilot.spec import PilotSpec
from firmware_config.commented_toml import commented_toml

HEAD = """\
# A pilot. docs/pilot.md explains what comes out. Paths are relative to this file. Lines with "## " explain; take away "# " before a key to
# use it. Look at the plan with `kotoba-export pilot FILE --out DIR --check`, then run the same without --check.

"""


def pilot_text(name: str, pictures: Path, *, bundle: Path, keys: Path, near: Path) -> str:
    """The text of a new specification that will lie in the folder `near`, of these pictures: a folder, a .csv or a .toml.

    Raises:
        SpecError: the pictures are not there.
    """
    if not pictures.exists():
        msg = f"{pictures} does not exist: give --pilot a folder DOMAIN/CLASS/picture, a .csv or a .toml"
        raise SpecError(msg)
    values = {
        "pilot": {"name": name, "product": {"en": "parts", "ja": "部品"}},
        "data": {"pictures": relative(pictures, near)},
        "bundle": {"bundle": relative(bundle, near), "keys": relative(keys, near)},
    }
    return HEAD + commented_toml(PilotSpec, values)
