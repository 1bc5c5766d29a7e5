"""Judges: words to a probability for each label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware_config.calibration import labels_of, read_calibration

if TYPE_CHECKING:
    from edge.bundles import Bundle
    from edge.interfaces import Judge
    from edge.judges.llama import LlamaModel
    from firmware_config.station import Station


def open_judge(model: LlamaModel, *, bundle: Bundle, station: Station) -> Judge:
    """Make the judge of a station on a model that several stations may share.

    Raises:
        BundleError: the bundle lacks the station's template or adapter, or they do not fit the model.
        CalibrationError: the station's calibration cannot be read, or was fitted for another judge.
    """
    from edge.errors import BundleError
    from edge.judges.calibrated import CalibratedJudge
    from edge.judges.llama import LlamaJudge
    from edge.judges.prompt import Prompt

    manifest, wanted = bundle.manifest, station.judge
    if wanted.template not in manifest.templates:
        have = ", ".join(sorted(manifest.templates)) or "none"
        msg = f"station {station.station.name} asks for template {wanted.template!r}, bundle {manifest.name} has {have}"
        raise BundleError(msg)
    if wanted.adapter is not None and wanted.adapter not in manifest.llm.adapters:
        have = ", ".join(sorted(manifest.llm.adapters)) or "none"
        msg = f"station {station.station.name} asks for adapter {wanted.adapter!r}, bundle {manifest.name} has {have}"
        raise BundleError(msg)
    template = bundle.path(manifest.templates[wanted.template]).read_text(encoding="utf-8")
    temperature = next((c.temperature for c in manifest.calibration if (c.adapter, c.template) == (wanted.adapter, wanted.template)), None)
    judge = LlamaJudge(
        model,
        labels=station.labels,
        prompt=Prompt.parse(template, station.labels),
        adapter=bundle.path(manifest.llm.adapters[wanted.adapter]) if wanted.adapter is not None else None,
        temperature=temperature,
    )
    if wanted.calibration is None:
        return judge
    calibration = read_calibration(wanted.calibration)
    return CalibratedJudge(judge, calibration, path=wanted.calibration, bundle=bundle.digest, labels=labels_of(station.labels))
