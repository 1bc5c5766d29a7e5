"""What the program consists of: the bill of materials (CycloneDX), and the licence of each library."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from packaging.utils import canonicalize_name, parse_wheel_filename

CHUNK_BYTES = 1 << 20
UNKNOWN = "see its files"


def bill_of_materials(wheels: Iterable[Path], site_packages: Path, *, version: str) -> str:
    """A CycloneDX 1.6 bill of materials with each wheel's sha256. It has no serial number and no time: two builds of the same are equal."""
    described = _described(site_packages)
    components = [_component(wheel, described) for wheel in sorted(wheels, key=lambda path: path.name.lower())]
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "kotoba-edge", "name": "kotoba-edge", "version": version}},
        "components": components,
    }
    return json.dumps(bom, indent=1, sort_keys=True) + "\n"


def copyright_file(site_packages: Path) -> str:
    """The page copyright of a Debian package: each library with its licence, and where its wording lies."""
    parts = [
        "Kotoba Edge is under the Apache License 2.0 (LICENSE beside this file). It carries these libraries, each under its own licence:\n"
    ]
    for name, metadata in sorted(_described(site_packages).items()):
        folder = f"{metadata['Name'].replace('-', '_')}-{metadata['Version']}.dist-info"
        parts.append(f"{name} {metadata['Version']}: {licence_of(metadata)}\n  /{_installed(site_packages)}/{folder}\n")
    return "\n".join(parts)


def licence_of(metadata: Message) -> str:
    """The licence that a library states, in one line: its expression, else its classifiers, else the first line of its own words."""
    if metadata["License-Expression"]:
        return str(metadata["License-Expression"])
    classifiers = [line.rpartition("::")[2].strip() for line in metadata.get_all("Classifier", []) if line.startswith("License ::")]
    stated = (metadata["License"] or "").strip().splitlines()
    return " and ".join(classifiers) or (stated[0] if stated else UNKNOWN)


def _component(wheel: Path, described: Mapping[str, Message]) -> dict[str, object]:
    name, version, *_ = parse_wheel_filename(wheel.name)
    component: dict[str, object] = {
        "type": "library",
        "bom-ref": f"pkg:pypi/{name}@{version}",
        "purl": f"pkg:pypi/{name}@{version}",
        "name": str(name),
        "version": str(version),
        "hashes": [{"alg": "SHA-256", "content": _sha256(wheel)}],
    }
    metadata = described.get(name)
    if metadata is not None:
        component["licenses"] = [{"license": {"name": licence_of(metadata)}}]
    return component


def _described(site_packages: Path) -> dict[str, Message]:
    """What each installed library says of itself, by its normalised name."""
    read = HeaderParser()
    texts = (path.read_text(encoding="utf-8") for path in site_packages.glob("*.dist-info/METADATA"))
    return {canonicalize_name(metadata["Name"]): metadata for metadata in map(read.parsestr, texts)}


def _installed(site_packages: Path) -> str:
    """The path on the machine, without the slash before it."""
    return "/".join(site_packages.parts[site_packages.parts.index("opt") :])


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
