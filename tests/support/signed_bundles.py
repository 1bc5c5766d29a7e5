"""Bundles that carry a station template, signed, with files that pass the checks; no model in them can run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from firmware_config.bundle import parse_manifest
from firmware_config.calibration import labels_of, write_calibration
from firmware_config.station import parse_station
from tests.support import tiny_bundle
from tests.support.calibrations import calibration

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

CALIBRATED = TEMPLATE.replace('adapter = "product"', 'adapter = "product"\ncalibration = "cell.json"')

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


def write_calibrated_bundle(root: Path, **changes: object) -> Path:
    """A bundle whose template has a calibration, fitted for its judge unless `changes` say otherwise."""
    (root / "draft").mkdir()
    manifest = parse_manifest((write_bundle(root / "draft") / "manifest.json").read_bytes())
    template = parse_station(TEMPLATE.encode(), source="template")
    adapter = next(file.sha256 for file in manifest.files if file.path == "llm/adapters/product.gguf")
    fitted = {"models": manifest.models_digest, "adapter": f"sha256:{adapter}", "describing": template.describing_digest}
    write_calibration(root / "cell.json", calibration({**fitted, "labels": labels_of(template.labels), **changes}))
    return write_bundle(root, template=CALIBRATED, more={"stations/cell.json": (root / "cell.json").read_bytes()})
