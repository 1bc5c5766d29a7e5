"""A bundle from a stick, as a checked folder of this box: unpacked or copied, then on the disk for good.

Nothing of the source is believed before the signature over its manifest is checked, and of a folder only what the manifest lists is read.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from edge.bundle.archive import unpack
from edge.bundle.open import Bundle, open_bundle
from edge.errors import BundleError
from firmware_config.bundle import MANIFEST_NAME, MAX_MANIFEST_BYTES, SIGNATURE_NAME, Manifest
from firmware_config.errors import ManifestError
from firmware_config.signed_bundle import MAX_SIGNATURE_BYTES, read_whole
from firmware_config.verified_file import CHUNK_BYTES, open_regular
from firmware_config.write import sync_folder

Require = Callable[[Manifest], None]
"""Asked about a manifest once its signature is checked and before anything is written; refuses with a ManifestError."""


def staged(source: Path, into: Path, *, trusted: Mapping[str, bytes], require: Require) -> Bundle:
    """Bring a bundle, a folder or an archive, into the new folder `into`, check it there, and make it survive a power cut.

    Raises:
        BundleError: the first check that fails, or the disk refuses it.
    """
    if not source.exists():
        msg = f"bundle {source} does not exist: give a .kbundle file or the folder of a bundle"
        raise BundleError(msg)
    if source.is_dir():
        bundle = _copied(source, into, trusted=trusted, require=require)
    else:
        bundle = unpack(source, into, trusted=trusted, require=require)
    try:
        make_durable(into)
    except OSError as err:
        msg = f"bundle {source} cannot be written to {into} ({err.strerror}): look at the disk"
        raise BundleError(msg) from err
    return bundle


def make_durable(folder: Path) -> None:
    """Synchronise every file and folder below `folder`, and it.

    Raises:
        OSError: the disk refuses it.
    """
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            descriptor = os.open(Path(place) / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_folder(Path(place))


def hand_over(folder: Path, *, owner: os.stat_result) -> None:
    """Give what root has written to the user who owns the state of the box: the daemon moves and removes it. Other users give nothing.

    Raises:
        OSError: it cannot be given.
    """
    if os.geteuid() == 0:
        for place, _, names in os.walk(folder):
            for path in (place, *(os.path.join(place, name) for name in names)):  # noqa: PTH118 -- what os.walk gives is text
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _copied(source: Path, into: Path, *, trusted: Mapping[str, bytes], require: Require) -> Bundle:
    """Copy a folder that is checked before and after: somebody may change it meanwhile."""
    bundle = open_bundle(source, trusted=trusted, require=require)
    try:
        into.mkdir(mode=0o755)
        for name, limit in ((MANIFEST_NAME, MAX_MANIFEST_BYTES), (SIGNATURE_NAME, MAX_SIGNATURE_BYTES)):
            (into / name).write_bytes(read_whole(source / name, limit=limit))
        for file in bundle.manifest.files:
            _copy_file(source / file.path, into / file.path, size=file.size)
    except (ManifestError, OSError) as err:
        why = f"{err.filename} ({err.strerror})" if isinstance(err, OSError) else err
        msg = f"bundle {source} cannot be copied to {into}: {why}: look at the stick and the disk"
        raise BundleError(msg) from err
    return open_bundle(into, trusted=trusted, require=require)


def _copy_file(source: Path, target: Path, *, size: int) -> None:
    """Copy at most `size` bytes; the check afterwards sees what is missing or other."""
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "wb") as out, os.fdopen(open_regular(source), "rb") as file:
        while size and (chunk := file.read(min(size, CHUNK_BYTES))):
            out.write(chunk)
            size -= len(chunk)


def remove(folder: Path) -> None:
    """Remove a folder as far as it goes: what stays is removed the next time."""
    shutil.rmtree(folder, ignore_errors=True)
