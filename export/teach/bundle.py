"""The bundle of a taught product: its artefacts gathered, golden pictures, the golden station and the station template."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge.picture.decode import read_picture
from export.model_sources import Limits
from export.products.canvases import read_canvases, read_masks
from export.products.sampler import Sampler
from export.spec import STATION_NAME, BundleSpec
from export.teach.golden import write_golden, write_png
from export.teach.judge_stages import DESCRIBE, TEMPLATE
from export.teach.plan import Plan
from export.teach.stages import TOOK
from firmware_config.commented_toml import commented_toml
from firmware_config.station import Judge, Station

GOLDEN_GOOD = 4
"""Good pictures that were held out become golden ones."""
TRIES = 300
TAUGHT_LIMITS: Limits = {"agreement": 0.8, "probability": 0.3}
"""Limits of the proof of the language model, where the specification has none. One or two golden pictures, which are painted, are near
the border between two defects: rounding moves their probability most, and may change their label. The rounded judge is calibrated."""


def gather(folder: Path, plan: Plan, *, eye: Path, memory: Path, judges: Path, calibration: Path | None) -> BundleSpec:
    """Fill `folder` with what `export.bundle.build` reads; returns its specification."""
    name, artefacts = plan.spec.name, folder / "artefacts"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(eye, artefacts, ignore=shutil.ignore_patterns(TOOK))
    for part in ("adapters", "judges"):
        shutil.copytree(judges / part, artefacts / part)
    shutil.copyfile(judges / "temperatures.json", artefacts / "temperatures.json")
    (artefacts / "memories").mkdir()
    shutil.copyfile(memory / "memory.json", artefacts / f"memories/{name}.json")
    templates = folder / "templates"
    shutil.copytree(plan.spec.templates or judges / "templates", templates)
    expected = _golden(folder / "golden", plan)
    limits: Mapping[str, Any] = json.loads((memory / "limits.json").read_text(encoding="utf-8"))
    (folder / "golden" / STATION_NAME).write_text(station_text(plan, limits={}, with_memory=False), encoding="utf-8")
    station = station_text(plan, limits=limits, with_memory=True, calibration=calibration)
    (folder / "station.toml").write_text(station, encoding="utf-8")
    if calibration is not None:
        shutil.copyfile(calibration, folder / calibration.name)
    llm = plan.spec.llm.model_copy(update={"limits": {**TAUGHT_LIMITS, **plan.spec.llm.limits}})
    values = {
        "name": name, "version": plan.spec.version, "artefacts": artefacts, "templates": templates, "golden": folder / "golden",
        "station": folder / "station.toml", "expected": expected, "llm": llm, "licences": plan.spec.licences,
    }  # fmt: skip
    return BundleSpec.model_validate(values)


def station_text(plan: Plan, *, limits: Mapping[str, Any], with_memory: bool, calibration: Path | None = None) -> str:
    """A station file of the product."""
    judge: dict[str, Any] = {"adapter": plan.spec.name, "template": TEMPLATE}
    if with_memory and plan.spec.min_confidence != Judge().min_confidence:  # golden verdicts need none
        judge["min_confidence"] = plan.spec.min_confidence
    if calibration is not None:
        judge["calibration"] = calibration.name
    describe = DESCRIBE.model_copy(update={"measured": with_memory and plan.product.measured})
    values: dict[str, Any] = {
        "station": {"name": plan.spec.name.replace(".", "-"), "path": f"kotoba/{plan.product.name}"},
        "camera": {"kind": "folder", "path": "."},
        "labels": [label.model_dump(mode="json", exclude_unset=True) for label in plan.labels],
        "describe": describe.model_dump(mode="json", exclude_unset=True),
        "judge": judge,
    }
    picture = dict(limits) | ({"allow_printed_text": True} if plan.product.printed_text else {})
    if picture:
        values["picture"] = picture
    if with_memory:
        values["familiarity"] = {"memory": plan.spec.name}
    return commented_toml(Station, values)


def _golden(folder: Path, plan: Plan) -> Mapping[str, Sequence[str]]:
    """Write golden pictures, or copy the specification's; returns which label is expected of which."""
    if plan.spec.golden is not None:
        shutil.copytree(plan.spec.golden, folder)
        return plan.spec.expected
    folder.mkdir()
    held_out = [domain.held_out for domain in plan.domains]
    good = [path for paths in held_out for path in paths]
    chosen = [good[number * len(good) // GOLDEN_GOOD] for number in range(min(GOLDEN_GOOD, len(good)))]
    for number, path in enumerate(dict.fromkeys(chosen)):
        write_png(folder / f"good-{number}.png", read_picture(path))
    expected: dict[str, list[str]] = {plan.product.good.label: ["good-*.png"]}
    canvases, rng = read_canvases(plan.product, held_out), np.random.default_rng(plan.spec.seeds[0] + 500)
    sampler = Sampler(plan.product, canvases, rng, read_masks(plan.product))
    for kind, pattern in write_golden(folder, sampler, tries=TRIES).items():
        expected.setdefault(plan.label_of[kind], []).append(pattern)
    return {label: sorted(set(patterns)) for label, patterns in expected.items()}
