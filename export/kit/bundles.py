"""The bundles of a kit: checked as the box will check them, and each in one file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from edge.bundle.archive import SUFFIX, pack, unpack
from edge.bundle.open import open_bundle


def put(bundle: Path, folder: Path, *, trusted: Mapping[str, bytes]) -> Path:
    """Put a bundle, a folder or an archive, into `folder` as NAME-VERSION.kbundle; returns its path. `trusted` is key id -> public key.

    Raises:
        BundleError: no key that the kit carries signed it, or it is not whole.
        OSError: a file cannot be read or written.
    """
    if bundle.is_dir():
        manifest = open_bundle(bundle, trusted=trusted).manifest
        archive = folder / f"{manifest.name}-{manifest.bundle_version}{SUFFIX}"
        pack(bundle, manifest, archive)
        return archive
    with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=folder.parent) as name:
        manifest = unpack(bundle, Path(name) / "bundle", trusted=trusted).manifest
    archive = folder / f"{manifest.name}-{manifest.bundle_version}{SUFFIX}"
    shutil.copyfile(bundle, archive)
    return archive
