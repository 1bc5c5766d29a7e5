"""Bundles of the right shape in several versions, and a box with two slots for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from edge.slots.slots import Slots
from firmware_config.signature import generate_key, key_id, public_key
from tests.support import tiny_bundle
from tests.support.tiny_bundle import KEY, Json, archive_parts, as_json, manifest_of, sound_files

OTHER_KEY = generate_key()
OTHER_ID = key_id(public_key(OTHER_KEY))
OTHER_TRUSTED = {OTHER_ID: public_key(OTHER_KEY)}

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def ticking() -> Callable[[], datetime]:
    """A clock that goes on by a second each time it is asked."""
    seconds = iter(range(10**9))
    return lambda: NOON + timedelta(seconds=next(seconds))


def box_slots(tmp_path: Path) -> Slots:
    """The slots of a box whose state folder is `tmp_path`."""
    return Slots(tmp_path / "bundles", clock=ticking())


def manifest_bytes(version: int, *, key: bytes = KEY, **changes: object) -> bytes:
    return as_json(_changed(version, key) | changes)


def _changed(version: int, key: bytes) -> Json:
    return manifest_of(sound_files()) | {"bundle_version": version, "key_id": key_id(public_key(key))}


def bundle_folder(root: Path, version: int, *, key: bytes = KEY, **changes: object) -> Path:
    """Write a bundle's folder."""
    tiny_bundle.write(root, sound_files(), manifest_bytes(version, key=key, **changes), key=key)
    return root


def archive(path: Path, version: int, *, key: bytes = KEY, **changes: object) -> Path:
    """Write a bundle's archive."""
    path.write_bytes(b"".join(archive_parts(sound_files(), manifest_bytes(version, key=key, **changes), key=key)))
    return path
