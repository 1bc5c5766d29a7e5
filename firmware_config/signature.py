"""Ed25519 signatures over the bytes of a manifest, and the public keys that a box trusts.

A key that was revoked stays known, so that a refusal can say so: its place is taken by `REVOKED`, with which nothing can be verified.
"""

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

REVOKED_NAME = "revoked"
"""The file of revoked keys beside the trusted ones: one key id a line; what follows a # is a remark."""
MAX_REVOKED_BYTES = 100_000

REVOKED = b""
"""In the place of the public key of a key that was revoked."""


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
        if public == REVOKED:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, manifest)
        except InvalidSignature:
            continue
        return identity
    known = _names(trusted)
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
        known = _names(trusted)
        msg = f"the manifest is signed by key {claim.key_id}, which is not trusted (trusted: {known}): install the builder's public key"
        raise SignatureError(msg)
    if trusted[claim.key_id] == REVOKED:
        msg = f"the manifest is signed by key {claim.key_id}, which was revoked: install a bundle that is signed with another trusted key"
        raise SignatureError(msg)
    return verify(manifest, bytes.fromhex(claim.signature), {claim.key_id: trusted[claim.key_id]})


def read_trusted_keys(folder: Path) -> dict[str, bytes]:
    """Read the public keys of a folder (`*.pub`, one line of 64 hex digits each): id -> 32 raw bytes.

    The keys that its file `revoked` lists are `REVOKED`.

    Raises:
        SignatureError: the folder, a key or the list cannot be read, a key is not 64 hex digits, or the list holds what is no key id.
    """
    try:
        # Not glob: it finds nothing in a folder that does not exist, and a mistyped path would then mean "trust no key".
        files = sorted(path for path in folder.iterdir() if path.suffix == KEY_SUFFIX)
        return {key_id(public): public for public in map(read_public_key, files)} | dict.fromkeys(_read_revoked(folder), REVOKED)
    except OSError as err:
        msg = f"the trusted keys in {folder} cannot be read ({err.strerror}): give a folder with {KEY_SUFFIX} files"
        raise SignatureError(msg) from err


def read_public_key(path: Path) -> bytes:
    """Read a public key (32 raw bytes) from its file, one line of 64 hex digits.

    Raises:
        SignatureError: it is a link, or holds something else.
        OSError: it cannot be read.
    """
    if path.is_symlink():
        msg = f"key file {path} is a link, and whoever may change where it leads would choose what this box trusts: copy the file itself"
        raise SignatureError(msg)
    line = read_regular(path, MAX_KEY_FILE_BYTES).strip()
    if not re.fullmatch(rb"[0-9a-f]{64}", line):
        msg = f"key file {path} does not hold one line of 64 hex digits: copy the builder's {KEY_SUFFIX} file again"
        raise SignatureError(msg)
    return bytes.fromhex(line.decode())


def _names(trusted: Mapping[str, bytes]) -> str:
    return ", ".join(sorted(identity for identity, public in trusted.items() if public != REVOKED)) or "none"


def _read_revoked(folder: Path) -> list[str]:
    path = folder / REVOKED_NAME
    if path.is_symlink():
        msg = f"the list of revoked keys {path} is a link, and whoever may change where it leads could shorten it: copy the file itself"
        raise SignatureError(msg)
    try:
        raw = read_regular(path, MAX_REVOKED_BYTES + 1)
    except FileNotFoundError:
        return []
    lines = [line.partition(b"#")[0].strip() for line in raw.splitlines()]
    wrong = next((line for line in lines if line and not re.fullmatch(rb"[0-9a-f]{16}", line)), None)
    if wrong is not None or len(raw) > MAX_REVOKED_BYTES:
        what = f"more than {MAX_REVOKED_BYTES} bytes" if wrong is None else ascii(wrong.decode(errors="replace"))[:40]
        msg = f"the list of revoked keys {path} holds {what}, expected one key id of 16 hex digits a line: correct it"
        raise SignatureError(msg)
    return [line.decode() for line in lines if line]
