"""Writes what the users of a bundle must know of its origin: licences/NOTICE.txt, the licence texts, and sbom.json (CycloneDX)."""

from __future__ import annotations

import json
from collections.abc import Iterable

from export.spec import BundleSpec
from firmware_config.bundle import BundleFile
from firmware_config.regular_file import read_limited

NOTICE_PATH = "licences/NOTICE.txt"
SBOM_PATH = "sbom.json"
MAX_LICENCE_BYTES = 1_000_000

WEIGHTS = (".onnx", ".gguf", ".npy")


def notice(spec: BundleSpec) -> str:
    """The notices of the specification's licences in one line, for the manifest."""
    return " ".join(licence.notice for licence in spec.licences if licence.notice)


def licence_files(spec: BundleSpec, files: Iterable[BundleFile]) -> dict[str, bytes]:
    """Content of the licence texts, NOTICE.txt and sbom.json, by path inside the bundle. The same inputs give the same bytes.

    Raises:
        SpecError: a file has no licence.
        OSError: a licence text cannot be read.
    """
    listed = sorted(files, key=lambda file: file.path)
    texts = {
        f"licences/{licence.text.name}": read_limited(licence.text, MAX_LICENCE_BYTES)
        for licence in spec.licences
        if licence.text is not None
    }
    return {**texts, NOTICE_PATH: _notice_text(spec, listed).encode(), SBOM_PATH: _sbom(spec, listed)}


def _notice_text(spec: BundleSpec, files: list[BundleFile]) -> str:
    parts = [f"{spec.name} {spec.version}: its files, their origin and their licences.\n"]
    for licence in spec.licences:
        covered = [file.path for file in files if spec.licence_of(file.path) is licence]
        if not covered:
            continue
        parts.append(f"{licence.licence}\n  origin: {licence.origin}")
        if licence.text is not None:
            parts.append(f"  wording: licences/{licence.text.name}")
        if licence.notice:
            parts.append(f"  {licence.notice}")
        parts += [*(f"    {path}" for path in covered), ""]
    return "\n".join(parts)


def _sbom(spec: BundleSpec, files: list[BundleFile]) -> bytes:
    """A CycloneDX 1.6 bill of materials, one machine-learning model for each file of weights.

    It has no serial number and no time: two builds of the same inputs must be equal.
    """
    components = [
        {
            "type": "machine-learning-model",
            "bom-ref": file.path,
            "name": file.path,
            "description": file.origin,
            "hashes": [{"alg": "SHA-256", "content": file.sha256}],
            "licenses": [{"license": {"id": file.licence}}],
        }
        for file in files
        if file.path.endswith(WEIGHTS)
    ]
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "machine-learning-model", "name": spec.name, "version": str(spec.version)}},
        "components": components,
    }
    return (json.dumps(bom, indent=1, sort_keys=True) + "\n").encode()
