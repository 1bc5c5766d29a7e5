"""What a bundle's users must know of its origin: licences/NOTICE.txt, the wording of the licences, and sbom.json (CycloneDX)."""

from __future__ import annotations

import json
from collections.abc import Iterable

from export.spec import BundleSpec
from firmware_config.bundle import BundleFile

NOTICE_PATH = "licences/NOTICE.txt"
SBOM_PATH = "sbom.json"
WEIGHTS = (".onnx", ".gguf", ".npy")


def notice(spec: BundleSpec) -> str:
    """The sentences that stand in the manifest."""
    return " ".join(licence.notice for licence in spec.licences if licence.notice)


def licence_files(spec: BundleSpec, files: Iterable[BundleFile]) -> dict[str, bytes]:
    """The files that tell it, by their path inside the bundle; the same for the same specification and files."""
    listed = sorted(files, key=lambda file: file.path)
    texts = {f"licences/{licence.text.name}": licence.text.read_bytes() for licence in spec.licences if licence.text is not None}
    return {**texts, NOTICE_PATH: _notice_text(spec, listed).encode(), SBOM_PATH: _sbom(spec, listed)}


def _notice_text(spec: BundleSpec, files: list[BundleFile]) -> str:
    parts = [f"{spec.name} {spec.version}: what is in it, whose it is, and under which licence.\n"]
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
    """CycloneDX 1.6: one machine-learning model per weight file; without serial number and time, which differ from build to build."""
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
