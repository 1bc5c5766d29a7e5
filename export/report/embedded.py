"""Pictures of a pilot as data URIs, so that a report is one file."""

from __future__ import annotations

import base64
from pathlib import Path, PurePosixPath

from firmware_config.regular_file import read_limited

MAX_PICTURE_BYTES = 5_000_000
KINDS = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png"}
"""By the first bytes of a file."""


def embedded(folder: Path, name: str | None) -> str | None:
    """The picture `name` below `folder`; None where it has no name, lies elsewhere, cannot be read, or is no JPEG or PNG."""
    if name is None or PurePosixPath(name).is_absolute():
        return None
    file = (folder / name).resolve()
    if not file.is_relative_to(folder.resolve()):
        return None
    try:
        content = read_limited(file, MAX_PICTURE_BYTES)
    except OSError:
        return None
    kind = next((kind for start, kind in KINDS.items() if content.startswith(start)), None)
    return None if kind is None else f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
