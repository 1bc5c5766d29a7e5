"""Opens a bundle. No file of it reaches a native parser before the signature, the list of files and every digest are checked."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.bundle.gguf_header import require_sound
from edge.bundle.onnx_header import require_self_contained
from edge.errors import BundleError
from firmware_config.bundle import MANIFEST_NAME, MAX_MANIFEST_BYTES, SIGNATURE_NAME, BundleFile, Manifest, parse_manifest
from firmware_config.errors import ManifestError, SignatureError
from firmware_config.signature import read_trusted_keys, verify_file

MAX_SIGNATURE_BYTES = 1_000
"""One JSON object with a key id and 64 bytes in hex."""

CHUNK_BYTES = 1 << 20

GET_NEW_COPY = "take the bundle from its builder again"
"""The advice for a bundle that was changed, damaged or not made by its builder."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A checked bundle. `digest` is `sha256:` of the bytes of its manifest, which holds the digest of every other file."""

    root: Path
    manifest: Manifest
    digest: str

    def path(self, name: str) -> Path:
        """The path of a file that the manifest lists.

        Raises:
            BundleError: the manifest does not list it.
        """
        if all(file.path != name for file in self.manifest.files):
            msg = f"bundle {self.root}: its manifest does not list {name}: use a bundle that holds this file"
            raise BundleError(msg)
        return self.root / name


def open_bundle(root: Path, *, trusted: Mapping[str, bytes], minimum_version: int = 1) -> Bundle:
    """Check a bundle's folder and open it.

    The order of the checks: the signature over the manifest, the version, every entry of the folder (only listed regular files, no links),
    every size and sha256, the headers of the model files. `trusted` maps key ids to public keys of 32 bytes.

    Raises:
        BundleError: the first check that fails.
    """
    try:
        raw = read_whole(root / MANIFEST_NAME, limit=MAX_MANIFEST_BYTES)
        signature = read_whole(root / SIGNATURE_NAME, limit=MAX_SIGNATURE_BYTES)
        manifest = trusted_manifest(raw, signature, trusted=trusted, minimum_version=minimum_version)
        _require_exact_tree(root, manifest)
        for file in manifest.files:
            _require_content(root / file.path, file)
        for file in manifest.files:
            _require_header(root / file.path)
    except (BundleError, ValueError) as err:
        msg = f"bundle {root}: {err}"
        raise BundleError(msg) from err
    except OSError as err:
        msg = f"bundle {root}: {_relative(err, root)} cannot be read ({err.strerror}): give the folder of a bundle"
        raise BundleError(msg) from err
    return Bundle(root, manifest, digest_of(raw))


def open_trusted_bundle(root: Path, *, keys: Path) -> Bundle:
    """Check a bundle's folder against the public keys in the folder `keys`, as a box or a command is configured.

    Raises:
        BundleError: as `open_bundle`.
        SignatureError: the keys cannot be read.
    """
    return open_bundle(root, trusted=read_trusted_keys(keys))


def digest_of(manifest: bytes) -> str:
    """The digest of a bundle, from the bytes of its manifest."""
    return "sha256:" + hashlib.sha256(manifest).hexdigest()


def trusted_manifest(raw: bytes, signature: bytes, *, trusted: Mapping[str, bytes], minimum_version: int) -> Manifest:
    """Check the bytes of a manifest against the bytes of its signature file and parse it. Does no I/O.

    Raises:
        BundleError: the signature or its key is not trusted, the version is too old, or the manifest is not understood.
    """
    try:
        signer = verify_file(raw, signature, trusted)
        manifest = parse_manifest(raw)
    except (SignatureError, ManifestError) as err:
        raise BundleError(str(err)) from err
    if manifest.key_id != signer:
        msg = f"{MANIFEST_NAME} names the signing key {manifest.key_id}, its signature is of key {signer}: {GET_NEW_COPY}"
        raise BundleError(msg)
    if manifest.bundle_version < minimum_version:
        msg = f"its version {manifest.bundle_version} is older than {minimum_version}, the oldest that this box accepts: use a newer bundle"
        raise BundleError(msg)
    _require_listed(manifest)
    return manifest


def open_regular(path: Path) -> int:
    """Open a regular file for reading and return its descriptor. Refuses links, devices and pipes, and never waits for a writer.

    Raises:
        BundleError: it is no regular file, or has a second hard link.
        OSError: it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    facts = os.fstat(descriptor)
    if stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1:
        return descriptor
    os.close(descriptor)
    what = "has another hard link" if stat.S_ISREG(facts.st_mode) else "is no regular file"
    msg = f"{path.name} {what}: {GET_NEW_COPY}"
    raise BundleError(msg)


def read_whole(path: Path, *, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Raises:
        BundleError: it is larger, or no regular file.
        OSError: it cannot be read.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        raw = file.read(limit + 1)
    if len(raw) > limit:
        msg = f"{path.name} has more than {limit} bytes: {GET_NEW_COPY}"
        raise BundleError(msg)
    return raw


def _require_listed(manifest: Manifest) -> None:
    """Refuse a manifest that uses a file which it does not list or of the wrong kind, or whose names differ only in case.

    Some file systems take names that differ only in case for one name.
    """
    listed = {file.path for file in manifest.files}
    folded: dict[str, str] = {}
    for path in (*sorted(listed), MANIFEST_NAME, SIGNATURE_NAME):
        other = folded.setdefault(path.casefold(), path)
        if other != path or path in listed & {MANIFEST_NAME, SIGNATURE_NAME}:
            msg = f"{MANIFEST_NAME} lists {path!r} beside {other!r}: {GET_NEW_COPY}"
            raise BundleError(msg)
    for key, path, suffixes in manifest.file_uses():
        if path not in listed or not path.endswith(suffixes):
            msg = f"{MANIFEST_NAME}: {key} is {path!r}, expected a listed file that ends in {' or '.join(suffixes)}: {GET_NEW_COPY}"
            raise BundleError(msg)


def _require_exact_tree(root: Path, manifest: Manifest) -> None:
    """Refuse a folder that holds anything but the listed files. Stops at the first unlisted entry: a huge tree costs no time."""
    files = {file.path for file in manifest.files} | {MANIFEST_NAME, SIGNATURE_NAME}
    folders = {str(parent) for path in files for parent in Path(path).parents}
    pending = ["."]
    while pending:
        folder = pending.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                path = os.path.normpath(f"{folder}/{entry.name}")
                if path in folders and entry.is_dir(follow_symlinks=False):
                    pending.append(path)
                elif path not in files or not entry.is_file(follow_symlinks=False):
                    what = "is a symbolic link" if entry.is_symlink() else "is not what its manifest lists"
                    msg = f"{path!a} {what}: {GET_NEW_COPY}"
                    raise BundleError(msg)


def _require_content(path: Path, file: BundleFile) -> None:
    with os.fdopen(open_regular(path), "rb", buffering=0) as content:
        size = os.fstat(content.fileno()).st_size
        if size != file.size:
            msg = f"{file.path} has {size} bytes, its manifest says {file.size}: {GET_NEW_COPY}"
            raise BundleError(msg)
        digest = hashlib.sha256()
        while chunk := content.read(CHUNK_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != file.sha256:
        msg = f"{file.path} was changed (its sha256 is {digest.hexdigest()}, its manifest says {file.sha256}): {GET_NEW_COPY}"
        raise BundleError(msg)


def _require_header(path: Path) -> None:
    match path.suffix:
        case ".onnx":
            require_self_contained(path)
        case ".gguf":
            require_sound(path)
        case _:
            pass


def _relative(err: OSError, root: Path) -> str:
    return os.path.relpath(err.filename, root) if isinstance(err.filename, str | Path) else "a file"
