"""Ed25519 signatures over the bytes of a manifest, and the public keys that a box trusts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, Field

from firmware_config.errors import SignatureError, first_mistake
from firmware_config.regular_file import read_regular
from firmware_config.strict import STRICT
from firmware_config.strict_json import read_json

KEY_SUFFIX = ".pub"
MAX_KEY_FILE_BYTES = 1_000
"""A key file is one line of 64 hex digits."""


class _SignatureFile(BaseModel):
    """The content of manifest.sig: the id of the key that signed, and the signature as 128 hex digits."""

    model_config = STRICT
    key_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    signature: str = Field(pattern=r"^[0-9a-f]{128}$")


def generate_key() -> bytes:
    """Make a new private key: 32 raw bytes."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_key(private: bytes) -> bytes:
    """Give the public key (32 raw bytes) of a private key (32 raw bytes)."""
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def key_id(public: bytes) -> str:
    """The id of a public key: the first 16 hex digits of its sha256."""
    return hashlib.sha256(public).hexdigest()[:16]


def sign(manifest: bytes, private: bytes) -> bytes:
    """Sign the bytes of a manifest: 64 raw bytes."""
    return Ed25519PrivateKey.from_private_bytes(private).sign(manifest)


def verify(manifest: bytes, signature: bytes, trusted: Mapping[str, bytes]) -> str:
    """Verify a signature (64 raw bytes); returns the id of the trusted key that made it. `trusted` is key id -> 32 raw bytes.

    Raises:
        SignatureError: no trusted key made this signature over exactly these bytes.
    """
    for identity, public in trusted.items():
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, manifest)
        except InvalidSignature:
            continue
        return identity
    known = ", ".join(sorted(trusted)) or "none"
    msg = (
        f"the signature is by no trusted key, or the manifest was changed after signing (trusted: {known}): "
        "take the bundle from its builder again, or install the builder's public key"
    )
    raise SignatureError(msg)


def encode_signature(manifest: bytes, private: bytes) -> bytes:
    """Sign a manifest; returns the content of its manifest.sig."""
    content = {"key_id": key_id(public_key(private)), "signature": sign(manifest, private).hex()}
    return (json.dumps(content) + "\n").encode()


def verify_file(manifest: bytes, signature_file: bytes, trusted: Mapping[str, bytes]) -> str:
    """Verify a manifest against the content of its manifest.sig; returns the id of the key that signed it.

    Raises:
        SignatureError: not a signature file, a key that is not trusted, or a signature that does not match.
    """
    try:
        claim = read_json(_SignatureFile, signature_file)
    except ValueError as err:
        msg = f"manifest.sig is not a signature file ({first_mistake(err)}): take the bundle from its builder again"
        raise SignatureError(msg) from err
    if claim.key_id not in trusted:
        known = ", ".join(sorted(trusted)) or "none"
        msg = f"the manifest is signed by key {claim.key_id}, which is not trusted (trusted: {known}): install the builder's public key"
        raise SignatureError(msg)
    return verify(manifest, bytes.fromhex(claim.signature), {claim.key_id: trusted[claim.key_id]})


def read_trusted_keys(folder: Path) -> dict[str, bytes]:
    """Read the public keys of a folder (`*.pub`, one line of 64 hex digits each): id -> 32 raw bytes.

    Raises:
        SignatureError: the folder or a key cannot be read, or a key is not 64 hex digits.
    """
    try:
        # Not glob: it finds nothing in a folder that does not exist, and a mistyped path would then mean "trust no key".
        files = sorted(path for path in folder.iterdir() if path.suffix == KEY_SUFFIX)
        return {key_id(public): public for public in map(_read_public_key, files)}
    except OSError as err:
        msg = f"the trusted keys in {folder} cannot be read ({err.strerror}): give a folder with {KEY_SUFFIX} files"
        raise SignatureError(msg) from err


def _read_public_key(path: Path) -> bytes:
    if path.is_symlink():
        msg = f"key file {path} is a link, and whoever may change where it leads would choose what this box trusts: copy the file itself"
        raise SignatureError(msg)
    line = read_regular(path, MAX_KEY_FILE_BYTES).strip()
    if not re.fullmatch(rb"[0-9a-f]{64}", line):
        msg = f"key file {path} does not hold one line of 64 hex digits: copy the builder's {KEY_SUFFIX} file again"
        raise SignatureError(msg)
    return bytes.fromhex(line.decode())
