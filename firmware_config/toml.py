"""TOML files to plain values; Python 3.10 (JetPack 6) has no tomllib of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from firmware_config.regular_file import read_regular

if sys.version_info >= (3, 11):
    from tomllib import TOMLDecodeError, loads
else:
    from tomli import TOMLDecodeError, loads

__all__ = ["TOMLDecodeError", "loads", "parse_toml", "read_toml"]

MAX_TOML_BYTES = 256_000
"""A station or board file is a page or two; a larger file is a mistake."""


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file of at most MAX_TOML_BYTES.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is too large or not TOML; the message continues a sentence that begins with the file ("... is not TOML").
    """
    return parse_toml(read_regular(path, MAX_TOML_BYTES + 1))


def parse_toml(raw: bytes) -> dict[str, Any]:
    """Parse the content of a TOML file of at most MAX_TOML_BYTES.

    Raises:
        ValueError: as of `read_toml`.
    """
    if len(raw) > MAX_TOML_BYTES:
        msg = f"has more than {MAX_TOML_BYTES} bytes"
        raise ValueError(msg)
    try:
        return loads(raw.decode())
    except RecursionError:
        msg = "is nested too deeply"
        raise ValueError(msg) from None
    except (TOMLDecodeError, UnicodeDecodeError) as err:
        msg = f"is not TOML ({err})"
        raise ValueError(msg) from err
