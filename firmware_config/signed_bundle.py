"""A bundle's folder as far as its manifest: the signature is checked, and of its files those that are read.

`edge/bundle/open.py` checks the whole folder before a model is loaded. To read a station file from a bundle, this is enough.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from firmware_config.bundle import MANIFEST_NAME, MAX_MANIFEST_BYTES, SIGNATURE_NAME, Manifest, parse_manifest
from firmware_config.errors import ManifestError, SignatureError
from firmware_config.signature import read_trusted_keys, verify_file
from firmware_config.verified_file import GET_NEW_COPY, VerifiedFile, open_regular

MAX_SIGNATURE_BYTES = 1_000
"""One JSON object with a key id and 64 bytes in hex."""


@dataclass(frozen=True, slots=True)
class SignedBundle:
    """The folder of a bundle and its trusted manifest."""

    root: Path
    manifest: Manifest

    def holds(self, name: str) -> bool:
        """Whether the manifest lists a file, by its path inside the bundle."""
        return any(file.path == name for file in self.manifest.files)

    def read(self, name: str, *, limit: int) -> bytes:
        """Read a file of at most `limit` bytes, and check it against the manifest.

        Raises:
            ManifestError: the manifest does not list it, it is missing or larger, or its content is not what the manifest says.
        """
        entry = next((file for file in self.manifest.files if file.path == name), None)
        if entry is None:
            msg = f"bundle {self.root}: its manifest does not list {name}: use a bundle that holds this file"
            raise ManifestError(msg)
        try:
            return VerifiedFile(self.root / name, sha256=entry.sha256, size=entry.size).read(limit=limit)
        except ManifestError as err:
            msg = f"bundle {self.root}: {err}"
            raise ManifestError(msg) from err


def open_signed_bundle(root: Path, *, keys: Path) -> SignedBundle:
    """Read the manifest of a bundle's folder and check its signature against the public keys in the folder `keys`.

    Raises:
        ManifestError: the manifest cannot be read or is not understood.
        SignatureError: the keys cannot be read, or none of them signed it.
    """
    trusted = read_trusted_keys(keys)
    try:
        raw = read_whole(root / MANIFEST_NAME, limit=MAX_MANIFEST_BYTES)
        signature = read_whole(root / SIGNATURE_NAME, limit=MAX_SIGNATURE_BYTES)
        return SignedBundle(root, trusted_manifest(raw, signature, trusted=trusted))
    except OSError as err:
        name = Path(str(err.filename)).name
        msg = f"bundle {root}: {name} cannot be read ({err.strerror}): give the folder of a bundle"
        raise ManifestError(msg) from err
    except (ManifestError, SignatureError) as err:
        msg = f"bundle {root}: {err}"
        raise type(err)(msg) from err


def trusted_manifest(
    raw: bytes, signature: bytes, *, trusted: Mapping[str, bytes], require: Callable[[Manifest], None] = lambda _: None
) -> Manifest:
    """Check the bytes of a manifest against the bytes of its signature file and parse it. Does no I/O of its own.

    `require` is asked about the manifest once its signature is checked, such as whether it is too old; it refuses with a ManifestError.

    Raises:
        SignatureError: the signature or its key is not trusted.
        ManifestError: the manifest is not understood, or `require` refuses it.
    """
    signer = verify_file(raw, signature, trusted)
    manifest = parse_manifest(raw)
    if manifest.key_id != signer:
        msg = f"{MANIFEST_NAME} names the signing key {manifest.key_id}, its signature is of key {signer}: {GET_NEW_COPY}"
        raise ManifestError(msg)
    require(manifest)
    _require_listed(manifest)
    return manifest


def read_whole(path: Path, *, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Raises:
        ManifestError: it is larger, or no regular file.
        OSError: it cannot be read.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        raw = file.read(limit + 1)
    if len(raw) > limit:
        msg = f"{path.name} has more than {limit} bytes: {GET_NEW_COPY}"
        raise ManifestError(msg)
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
            raise ManifestError(msg)
    for key, path, suffixes in manifest.file_uses():
        if path not in listed or not path.endswith(suffixes):
            msg = f"{MANIFEST_NAME}: {key} is {path!r}, expected a listed file that ends in {' or '.join(suffixes)}: {GET_NEW_COPY}"
            raise ManifestError(msg)
