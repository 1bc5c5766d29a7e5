"""Bundles that carry a station template, signed, with files that pass the checks; no model in them can run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support import tiny_bundle

TEMPLATE = """
[station]
name = "maker-01"
path = "maker/lab"

[camera]
kind = "folder"
path = "."

[[labels]]
name = "良品"
meaning = 'no "damage"'
decision = "ok"

[[labels]]
name = "crack"
decision = "ng"

[describe]
tags = 3

[judge]
adapter = "product"
"""
"""Its adapter and template are those of the tiny bundle, which has a temperature for them here."""

TEMPERATURES = [{"adapter": "product", "template": "default", "temperature": 1.5}]


def write_bundle(
    root: Path,
    *,
    template: str = TEMPLATE,
    place: str = "stations/default.toml",
    more: tiny_bundle.Files | None = None,
    change: Callable[[tiny_bundle.Json], object] = lambda _: None,
) -> Path:
    """Write a bundle into `root`/bundle and its key into `root`/keys; `change` changes the manifest before it is signed."""
    files = {path: content for path, content in tiny_bundle.sound_files().items() if path != "golden/station.toml"}
    files |= ({place: template.encode()} if place else {}) | (more or {})
    manifest = tiny_bundle.manifest_of(files) | {"temperatures": TEMPERATURES}
    change(manifest)
    tiny_bundle.write(root / "bundle", files, tiny_bundle.as_json(manifest))
    (root / "keys").mkdir()
    for identity, public in tiny_bundle.TRUSTED.items():
        (root / "keys" / f"{identity}.pub").write_text(public.hex() + "\n")
    return root / "bundle"
