"""Opens a bundle. No file of it reaches a native parser before the signature, the list of files and every digest are checked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.bundle.gguf_header import require_sound
from edge.bundle.onnx_header import require_self_contained
from edge.errors import BundleError
from firmware_config.bundle import MANIFEST_NAME, MAX_MANIFEST_BYTES, SIGNATURE_NAME, BundleFile, Manifest
from firmware_config.errors import ManifestError, SignatureError
from firmware_config.signature import read_trusted_keys
from firmware_config.signed_bundle import GET_NEW_COPY, MAX_SIGNATURE_BYTES, open_regular, read_whole, trusted_manifest

CHUNK_BYTES = 1 << 20


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
    except (BundleError, ManifestError, SignatureError, ValueError) as err:
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
