"""The public key that signs the tests' bundles, as a box has it."""

from __future__ import annotations

from pathlib import Path

from tests.support.tiny_bundle import TRUSTED


def write_keys(folder: Path) -> Path:
    """Write it into a folder."""
    folder.mkdir(exist_ok=True)
    for identity, public in TRUSTED.items():
        (folder / f"{identity}.pub").write_text(public.hex() + "\n", encoding="ascii")
    return folder
