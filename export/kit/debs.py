"""The Debian packages that a kit carries along, and the index by which apt takes from them what a machine lacks, without a network."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from export.errors import BuildError

TIMEOUT_S = 900
INDEX = "Packages"
ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}


def collect(packages: Sequence[str], *, architecture: str, folder: Path) -> list[Path]:
    """Download these packages and all that they need, for a machine that has none of it, from the Debian that this machine uses.

    Raises:
        BuildError: apt is not there, or its registry cannot be reached or lacks a package.
    """
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="kotoba-apt-") as name:
        state = Path(name)
        (state / "status").touch()
        options = {
            "Dir::State::status": state / "status",
            "Dir::State::Lists": state / "lists",
            "Dir::Cache": state / "cache",
            "Dir::Etc::SourceParts": "/etc/apt/sources.list.d",
            "APT::Architecture": architecture,
            "APT::Architectures": architecture,
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Debug::NoLocking": "true",
        }
        for part in ("lists/partial", "cache/archives/partial"):
            (state / part).mkdir(parents=True)
        chosen = [text for key, value in options.items() for text in ("-o", f"{key}={value}")]
        _run("apt-get", *chosen, "update", "-qq")
        _run("apt-get", *chosen, "install", "-qq", "--yes", "--download-only", "--no-install-recommends", *packages)
        for archive in sorted((state / "cache/archives").glob("*.deb")):
            # apt writes a version's colon as %3a.
            (folder / archive.name.replace("%3a", "~")).write_bytes(archive.read_bytes())
    return sorted(folder.glob("*.deb"))


def index(archives: Iterable[Path]) -> str:
    """The content of `Packages` in the folder of these archives: what each says of itself, its size and its sha256.

    Raises:
        BuildError: one of them is no Debian package.
    """
    stanzas = []
    for archive in sorted(archives):
        content = archive.read_bytes()
        control = _run("dpkg-deb", "--field", str(archive)).strip()
        stanzas.append(f"{control}\nFilename: ./{archive.name}\nSize: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\n")
    return "\n".join(stanzas)


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env={**os.environ, **ENVIRONMENT})
    except FileNotFoundError as err:
        msg = f"collecting Debian packages: {command[0]} is missing: make the kit on Debian or Ubuntu, or give the packages with --debs"
        raise BuildError(msg) from err
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1].removeprefix("E: ")
        msg = f"collecting Debian packages with {command[0]} failed ({reason}): run `apt-get update`, or give the packages with --debs"
        raise BuildError(msg)
    return done.stdout
