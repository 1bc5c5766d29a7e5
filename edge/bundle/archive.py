"""The archive of a bundle, NAME.kbundle: a plain tar (ustar) with exactly one valid form for each manifest.

It holds manifest.json, manifest.sig, then the files in the manifest's order, each after the header that `header` makes. Unpacking therefore
parses no names: it knows which bytes must come next and refuses all others (links, devices, other names, another order, padding).
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from edge.bundle.open import Bundle, open_bundle
from edge.errors import BundleError
from firmware_config.bundle import MANIFEST_NAME, MAX_MANIFEST_BYTES, SIGNATURE_NAME, Manifest
from firmware_config.errors import ManifestError, SignatureError
from firmware_config.signed_bundle import MAX_SIGNATURE_BYTES, trusted_manifest
from firmware_config.verified_file import CHUNK_BYTES, GET_NEW_COPY

SUFFIX = ".kbundle"
BLOCK_BYTES = 512
END = bytes(2 * BLOCK_BYTES)
"""A tar ends with two empty blocks."""

_SIZE_FIELD = slice(124, 135)
_MAX_NAME, _MAX_PREFIX, _MAX_SIZE = 100, 155, 8**11


def header(name: str, size: int) -> bytes:
    """The 512 bytes of header before a file: mode 0644, owner 0, modification time 0.

    Raises:
        BundleError: a ustar header cannot hold the name or the size.
    """
    prefix, tail = "", name
    if len(name) > _MAX_NAME:
        cut = name.find("/", len(name) - _MAX_NAME - 1)
        prefix, tail = name[: max(cut, 0)], name[cut + 1 :]
    if len(tail) > _MAX_NAME or len(prefix) > _MAX_PREFIX or not 0 <= size < _MAX_SIZE:
        msg = f"{name} ({size} bytes) does not fit an archive: shorten the name, or keep files under 8 GiB"
        raise BundleError(msg)
    fields = (
        (tail, _MAX_NAME), ("0000644", 8), ("0000000", 8), ("0000000", 8), (f"{size:011o}", 12), ("00000000000", 12), (" " * 8, 8),
        ("0", 1), ("", 100), ("ustar", 6), ("00", 2), ("", 32), ("", 32), ("0000000", 8), ("0000000", 8), (prefix, _MAX_PREFIX), ("", 12),
    )  # fmt: skip
    block = bytearray(b"".join(text.encode().ljust(width, b"\0") for text, width in fields))
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padding(size: int) -> bytes:
    """The zero bytes after a file of `size` bytes, up to a whole block."""
    return bytes(-size % BLOCK_BYTES)


def pack(root: Path, manifest: Manifest, archive: Path) -> None:
    """Write the archive of a bundle's folder. The same bundle always gives the same bytes.

    Raises:
        BundleError: an archive cannot hold the name or the size of a file.
        OSError: a file cannot be read, or the archive cannot be written.
    """
    with archive.open("wb") as out:
        for name in (MANIFEST_NAME, SIGNATURE_NAME, *(file.path for file in manifest.files)):
            size = (root / name).stat().st_size
            out.write(header(name, size))
            with (root / name).open("rb") as file:
                shutil.copyfileobj(file, out, CHUNK_BYTES)
            out.write(padding(size))
        out.write(END)


def unpack(archive: Path, into: Path, *, trusted: Mapping[str, bytes], require: Callable[[Manifest], None] = lambda _: None) -> Bundle:
    """Unpack an archive into the new folder `into` and open it as `open_bundle` does. Removes `into` again if a check fails.

    Writes nothing before the signature is checked, and nothing outside `into`.

    Raises:
        BundleError: the first check that fails; `into` exists; or the disk has too little room.
    """
    try:
        with _open(archive) as file:
            raw = _read_small(file, MANIFEST_NAME, limit=MAX_MANIFEST_BYTES)
            signature = _read_small(file, SIGNATURE_NAME, limit=MAX_SIGNATURE_BYTES)
            manifest = trusted_manifest(raw, signature, trusted=trusted, require=require)
            _require_room(into, manifest)
            into.mkdir(mode=0o755)
            try:
                (into / MANIFEST_NAME).write_bytes(raw)
                (into / SIGNATURE_NAME).write_bytes(signature)
                _copy_files(file, into, manifest)
                return open_bundle(into, trusted=trusted, require=require)
            except BaseException:
                shutil.rmtree(into)
                raise
    except (BundleError, ManifestError, SignatureError) as err:
        msg = f"archive {archive}: {err}"
        raise BundleError(msg) from err
    except OSError as err:
        msg = f"archive {archive} cannot be unpacked into {into} ({err.strerror}): give a {SUFFIX} file and the name of a new folder"
        raise BundleError(msg) from err


def _open(archive: Path) -> BinaryIO:
    descriptor = os.open(archive, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        msg = f"it is no regular file: give the path of a {SUFFIX} file"
        raise BundleError(msg)
    return os.fdopen(descriptor, "rb")


def _read_small(file: BinaryIO, name: str, *, limit: int) -> bytes:
    """Read the file that must come next, of at most `limit` bytes; the manifest, which has the sizes of the others, is not read yet."""
    block = file.read(BLOCK_BYTES)
    digits = block[_SIZE_FIELD]
    size = int(digits, 8) if len(digits) == 11 and set(digits) <= set(b"01234567") else limit + 1
    if size > limit or block != header(name, size):
        msg = f"{name} of at most {limit} bytes was expected next: {GET_NEW_COPY}"
        raise BundleError(msg)
    content = file.read(size)
    _require(file, padding(size), after=name)
    return content


def _copy_files(file: BinaryIO, into: Path, manifest: Manifest) -> None:
    for member in manifest.files:
        _require(file, header(member.path, member.size), after=f"the start of {member.path}")
        target = into / member.path
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "wb") as out:
            left = member.size
            while left and (chunk := file.read(min(left, CHUNK_BYTES))):
                out.write(chunk)
                left -= len(chunk)
        _require(file, padding(member.size), after=member.path)
    _require(file, END, after="the last file")
    if file.read(1):
        msg = f"it holds more bytes after its end: {GET_NEW_COPY}"
        raise BundleError(msg)


def _require(file: BinaryIO, expected: bytes, *, after: str) -> None:
    if file.read(len(expected)) != expected:
        msg = f"it is cut off or differs from its manifest, at {after}: {GET_NEW_COPY}"
        raise BundleError(msg)


def _require_room(into: Path, manifest: Manifest) -> None:
    needed = sum(file.size for file in manifest.files)
    free = shutil.disk_usage(into.parent).free
    if needed > free:
        msg = f"it needs {needed} bytes and {into.parent} has {free} bytes free: make room there"
        raise BundleError(msg)
