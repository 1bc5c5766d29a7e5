"""Room on the disk for a bundle, without taking what the spool may still need: a box without room for verdicts gives none."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from edge.spool.store import DEFAULT_BALLAST_BYTES
from firmware_config.bundle import Manifest
from firmware_config.errors import ManifestError
from firmware_config.settings import BoxSettings

SPOOL_PARTS = ("", "-wal", "-shm", ".mark", ".ballast")
"""What lies beside the database and belongs to it."""


def require_room(settings: BoxSettings, root: Path) -> Callable[[Manifest], None]:
    """What an install asks about the bundle: whether it fits beside the others and what the spool may still take.

    The callable raises a ManifestError where it does not.
    """

    def require(manifest: Manifest) -> None:
        needed, kept = sum(file.size for file in manifest.files), reserved_bytes(settings, root)
        free = shutil.disk_usage(root).free
        if needed + kept > free:
            msg = (
                f"it needs {needed / 1e6:.0f} MB and {root} has {free / 1e6:.0f} MB free, of which {kept / 1e6:.0f} MB are kept for the "
                "spool (KOTOBA_SPOOL_MAX_BYTES): make room there"
            )
            raise ManifestError(msg)

    return require


def reserved_bytes(settings: BoxSettings, root: Path) -> int:
    """What the spool may still grow by, if it is on the same disk as `root`: its quota and its ballast, less what it has."""
    folder = settings.spool.parent
    if not folder.is_dir() or folder.stat().st_dev != root.stat().st_dev:
        return 0
    used = 0
    for part in SPOOL_PARTS:
        with contextlib.suppress(OSError):
            used += os.stat(f"{settings.spool}{part}").st_size  # noqa: PTH116 -- the parts are named by adding to the name
    return max(0, settings.spool_max_bytes + DEFAULT_BALLAST_BYTES - used)
