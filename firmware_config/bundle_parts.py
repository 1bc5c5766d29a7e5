"""What a station needs of a bundle, as far as the manifest tells: adapter, linear judge, template, foils, a calibration for its models."""

from __future__ import annotations

from pathlib import Path

from firmware_config.bundle import Manifest
from firmware_config.calibration import Calibration, FittedFor, labels_of
from firmware_config.errors import StationError
from firmware_config.station import Station

NO_FOILS = (
    "bundle {bundle} has no foils (clip.foils), which describe.filter needs: "
    "build it again with 16 pictures or more, or set describe.filter = false in the station file"
)


def missing_adapter(station: Station, manifest: Manifest) -> str | None:
    """One sentence if the bundle lacks the station's adapter, else None."""
    name = station.judge.adapter
    if name is None or name in manifest.llm.adapters:
        return None
    available = ", ".join(sorted(manifest.llm.adapters)) or "none"
    return (
        f"station {station.station.name} needs adapter {name!r}, bundle {manifest.name} has {available}: "
        "correct [judge] adapter or build the bundle with it"
    )


def missing_linear(station: Station, manifest: Manifest) -> str | None:
    """One sentence if the bundle lacks the station's linear judge, else None."""
    name = station.judge.linear
    if name is None or name in manifest.linear:
        return None
    available = ", ".join(sorted(manifest.linear)) or "none"
    return (
        f"station {station.station.name} needs linear judge {name!r}, bundle {manifest.name} has {available}: "
        "correct [judge] linear, or build the bundle with it"
    )


def tuned_part_digest(station: Station, manifest: Manifest) -> str | None:
    """`sha256:` of the file that was fitted to the product: the station's linear judge, else its adapter; None without one."""
    judge, name = station.judge, None
    if judge.method == "linear":
        name = manifest.linear.get(judge.linear or "")
    elif judge.adapter is not None:
        name = manifest.llm.adapters.get(judge.adapter)
    return next((f"sha256:{file.sha256}" for file in manifest.files if file.path == name), None)


def missing_template(station: Station, manifest: Manifest) -> str | None:
    """One sentence if the bundle lacks the station's template, else None; a station may have a template file of its own."""
    if station.judge.template_file is not None or station.judge.template in manifest.templates:
        return None
    available = ", ".join(sorted(manifest.templates)) or "none"
    return (
        f"station {station.station.name} needs template {station.judge.template!r}, bundle {manifest.name} has {available}: "
        "correct [judge] template or build the bundle with it"
    )


def missing_foils(station: Station, manifest: Manifest) -> str | None:
    """One sentence if the station filters words and the bundle has no foils for it, else None."""
    if not station.describe.filter or manifest.describer.clip.foils is not None:
        return None
    return NO_FOILS.format(bundle=manifest.name)


def require_parts(station: Station, manifest: Manifest) -> None:
    """Check that a bundle has what a station names.

    Raises:
        StationError: the first part that is missing.
    """
    for missing in (missing_adapter, missing_linear, missing_template, missing_foils):
        msg = missing(station, manifest)
        if msg is not None:
            raise StationError(msg)


def require_calibrated_for(station: Station, manifest: Manifest, calibration: Calibration, *, path: Path) -> None:
    """Refuse a calibration that was fitted for another judge, as far as the manifest tells: only the instruction is not compared.

    Raises:
        CalibrationError: names the first thing that differs.
    """
    judge = FittedFor(
        models=manifest.models_digest,
        prompt=calibration.fitted_for.prompt,
        adapter=tuned_part_digest(station, manifest),
        method=station.judge.method,
        describing=station.describing_digest,
        labels=labels_of(station.labels),
    )
    calibration.require_fitted_for(judge, path=path)
