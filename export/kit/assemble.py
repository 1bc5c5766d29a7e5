"""One file from the parts of a kit: checksums, a signature over them, and a tar of which two builds are equal."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from export.kit.target import Target
from firmware_config.signature import public_key, sign

SUMS, SIGNATURE, SIGNER, MACHINE = "SHA256SUMS", "SHA256SUMS.sig", "signer.pem", "MACHINE"
UNSIGNED = (SUMS, SIGNATURE)
CHUNK_BYTES = 1 << 20
MB = 1_000_000
SPARE_MB = 300
"""Room on the disk beside what is installed: apt's own files, a first spool, logs."""


def machine(target: Target, folder: Path, *, version: str, installed_bytes: int) -> str:
    """The content of MACHINE: what the installer asks of a machine before it writes anything, a word and its values in each line.

    `folder` holds all other parts of the kit: the installer copies no more bytes than it holds.
    """
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    lines = {
        "version": version,
        "architecture": target.architecture,
        "system": target.system,
        "processor": " ".join(target.processor),
        "largest_bytes": str(max(sizes)),
        "copy_mb": str(sum(sizes) // MB + 1),
        "room_mb": str(installed_bytes // MB + SPARE_MB),
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def seal(folder: Path, private: bytes) -> None:
    """Write the signer's public key, the checksum of every file, and the signature over the checksums.

    Raises:
        OSError: a file cannot be read or written.
    """
    public = Ed25519PublicKey.from_public_bytes(public_key(private))
    (folder / SIGNER).write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.name not in UNSIGNED)
    sums = "".join(f"{_sha256(folder / path)}  {path}\n" for path in files).encode()
    (folder / SUMS).write_bytes(sums)
    (folder / SIGNATURE).write_bytes(sign(sums, private))


def write_kit(folder: Path, kit: Path, *, seconds: int) -> None:
    """Write the folder into one tar, sorted, all of root and of one time.

    Raises:
        OSError: a file cannot be read or written.
    """

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        entry.mtime = seconds
        entry.mode = 0o755 if entry.isdir() or entry.name.endswith(".sh") else 0o644
        return entry

    with tarfile.open(kit, "w", format=tarfile.USTAR_FORMAT) as tar:
        tar.add(folder, arcname=folder.name, filter=plain, recursive=False)
        for path in sorted(folder.rglob("*")):
            tar.add(path, arcname=f"{folder.name}/{path.relative_to(folder)}", filter=plain, recursive=False)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
