"""The builder's private key: made on first use and readable by its owner only, with the public key beside it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from export.errors import BuildError
from firmware_config.errors import SignatureError
from firmware_config.regular_file import open_regular_file, read_regular
from firmware_config.signature import KEY_SUFFIX, generate_key, key_id, public_key, read_public_key
from firmware_config.write import write_atomic

MAX_KEY_FILE_BYTES = 1_000
"""A key file is one line of 64 hex digits."""


def builder_key(path: Path) -> bytes:
    """Read the private key at `path`, or make one there (mode 0600), and write its public key beside it with the suffix .pub.

    Returns the 32 raw bytes of the private key.

    Raises:
        BuildError: the file is no key, others than its owner may read it, or it cannot be read or made.
    """
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _create(path, generate_key().hex() + "\n")
        private = _read(path)
        _write_public(path.with_suffix(KEY_SUFFIX), public_key(private).hex() + "\n")
    except OSError as err:
        msg = f"the key {path} cannot be read or made ({err.strerror}): give --key the path of a key in a folder that you may write"
        raise BuildError(msg) from err
    return private


def carried_keys(paths: Sequence[Path]) -> tuple[str, ...]:
    """The public keys of files (.pub), in hex, as a manifest carries them.

    Raises:
        BuildError: a file holds no public key, or cannot be read.
    """
    try:
        return tuple(sorted({read_public_key(path).hex() for path in paths}))
    except SignatureError as err:
        raise BuildError(str(err)) from err
    except OSError as err:
        msg = f"the key {err.filename} to carry cannot be read ({err.strerror}): give the path of a {KEY_SUFFIX} file"
        raise BuildError(msg) from err


def require_not_own(revoked: Sequence[str], private: bytes) -> None:
    """Refuse that a key revokes itself: the box would not run the bundle that says so.

    Raises:
        BuildError: it does.
    """
    own = key_id(public_key(private))
    if own in revoked:
        msg = f"the key {own} cannot revoke itself: give --key another key that the boxes trust"
        raise BuildError(msg)


def _create(path: Path, line: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(line)


def _read(path: Path) -> bytes:
    with open_regular_file(path) as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            msg = f"others than its owner may read the key {path}: run `chmod 600 {path}`, or give --key the path of a new key"
            raise BuildError(msg)
        line = file.read(MAX_KEY_FILE_BYTES).strip()
    if not re.fullmatch(rb"[0-9a-f]{64}", line):
        msg = f"the key {path} does not hold one line of 64 hex digits: give --key a private key that kotoba-export made"
        raise BuildError(msg)
    return bytes.fromhex(line.decode())


def _write_public(path: Path, line: str) -> None:
    if not path.exists() or read_regular(path, MAX_KEY_FILE_BYTES) != line.encode():
        write_atomic(path, line.encode())
