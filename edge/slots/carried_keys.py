"""Public keys that a bundle carries: signed with a key that the box trusts, they are trusted from its install on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from firmware_config.bundle import Manifest
from firmware_config.errors import ManifestError
from firmware_config.signature import KEY_SUFFIX, REVOKED, key_id
from firmware_config.write import write_atomic


def new_keys(manifest: Manifest, trusted: Mapping[str, bytes]) -> dict[str, bytes]:
    """The keys that a bundle carries and the box does not trust yet: id -> 32 raw bytes.

    Raises:
        ManifestError: one of them was revoked.
    """
    carried = {key_id(public): public for public in map(bytes.fromhex, manifest.new_keys)}
    revoked = sorted(key for key in carried if trusted.get(key) == REVOKED)
    if revoked:
        msg = f"it carries the key {revoked[0]}, which was revoked: take a bundle from its builder that does not"
        raise ManifestError(msg)
    return {key: public for key, public in carried.items() if key not in trusted}


def require_writable(folder: Path, keys: Mapping[str, bytes]) -> None:
    """Refuse a bundle whose keys could not be kept, before anything of it is written.

    Raises:
        ManifestError: the folder of the keys cannot be written.
    """
    if keys and not os.access(folder, os.W_OK):
        names = ", ".join(sorted(keys))
        msg = f"it carries the key {names}, and the folder of the keys {folder} cannot be written: install it as root"
        raise ManifestError(msg)


def add_keys(folder: Path, keys: Mapping[str, bytes]) -> None:
    """Write each key as ID.pub.

    Raises:
        OSError: the folder cannot be written.
    """
    for key, public in keys.items():
        write_atomic(folder / f"{key}{KEY_SUFFIX}", f"{public.hex()}\n".encode())
