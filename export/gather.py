"""What goes into a bundle and where it comes from, checked before any long work begins."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from export.errors import SpecError
from export.llm import packaged_model
from export.spec import STATION_NAME, BundleSpec, Models, read_calibration, read_golden_station, read_models
from firmware_config.bundle import ALLOWED_SUFFIXES, Calibration
from firmware_config.station import Station

LLM_PATH = "llm/model.gguf"
PICTURES = (".png", ".jpg")

ROOM = 3
"""Times the size of the sources that must be free: the copy, the requantised model and the archive."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`files` is path inside the bundle -> source; the language model, which is made, is not among them."""

    spec: BundleSpec
    models: Models
    calibration: tuple[Calibration, ...]
    station: Station
    llm: Path
    files: dict[str, Path]
    adapters: dict[str, str]
    templates: dict[str, str]

    @property
    def pictures(self) -> tuple[str, ...]:
        """The golden pictures, by their path inside the bundle."""
        return tuple(path for path in sorted(self.files) if path.startswith("golden/") and path.endswith(PICTURES))


def gather(spec: BundleSpec, *, near: Path) -> Plan:
    """Find every source; `near` is an existing folder on the disk that will hold the bundle.

    Raises:
        SpecError: something is missing, does not fit together, has no licence, or there is too little disk.
        LlmError: the package of the language model is not installed.
    """
    models = read_models(spec.artefacts)
    files = {path: spec.artefacts / path for path in _named(models)}
    adapters = {path.stem: f"llm/adapters/{path.name}" for path in sorted((spec.artefacts / "adapters").glob("*.gguf"))}
    templates = {path.stem: f"templates/{path.name}" for path in sorted(spec.templates.glob("*.txt"))}
    files |= {path: spec.artefacts / "adapters" / Path(path).name for path in adapters.values()}
    files |= {path: spec.templates / Path(path).name for path in templates.values()}
    files |= {f"golden/{path.name}": path for path in sorted(spec.golden.iterdir()) if path.name == STATION_NAME or path.suffix in PICTURES}
    plan = Plan(
        spec=spec, models=models, calibration=read_calibration(spec.artefacts), station=read_golden_station(spec.golden),
        llm=_llm_source(spec), files=files, adapters=adapters, templates=templates,
    )  # fmt: skip
    for complaint in _complaints(plan):
        msg = f"bundle {spec.name}: {complaint}"
        raise SpecError(msg)
    for path in (*files, LLM_PATH):
        spec.licence_of(path)
    needed = ROOM * sum(path.stat().st_size for path in (*files.values(), plan.llm))
    free = shutil.disk_usage(near).free
    if free < needed:
        msg = f"bundle {spec.name}: building needs {needed >> 20} MiB and {near} has {free >> 20} MiB free: make room or give another --out"
        raise SpecError(msg)
    return plan


def _llm_source(spec: BundleSpec) -> Path:
    if spec.llm.path is not None:
        if not spec.llm.path.is_file():
            msg = f"bundle {spec.name}: llm.path is {spec.llm.path}, which is no file: give the path of a .gguf file"
            raise SpecError(msg)
        return spec.llm.path
    return packaged_model(str(spec.llm.package))


def _named(models: Models) -> Iterator[str]:
    clip, blip = models.clip, models.blip
    yield from (clip.vision, clip.text, clip.tokenizer)
    for vocabulary in (clip.tags, clip.attributes):
        yield from (vocabulary.words, vocabulary.embeddings, *vocabulary.glosses.values())
    if blip is not None:
        yield from (blip.vision, blip.decoder, blip.tokenizer)


def _complaints(plan: Plan) -> Iterator[str]:
    """What does not fit together, each the end of a sentence."""
    for path, source in plan.files.items():
        if not source.is_file():
            yield f"{source} does not exist, which models.json names: make the artefacts again"
        if not path.endswith(ALLOWED_SUFFIXES):
            yield f"{path} is of a kind that a bundle may not hold (only {' '.join(ALLOWED_SUFFIXES)}): rename it"
    if not plan.templates:
        yield f"{plan.spec.templates} holds no template (NAME.txt): add one"
    if not plan.pictures:
        yield f"{plan.spec.golden} holds no picture (.png or .jpg): add at least one, a bundle is proven on them"
    uses = [("the golden station", plan.station.judge.template, plan.station.judge.adapter)]
    uses += [("calibration.json", entry.template, entry.adapter) for entry in plan.calibration]
    for who, template, adapter in uses:
        if template not in plan.templates:
            yield f"{who} uses the template {template!r}, there is {', '.join(plan.templates) or 'none'}: correct the name"
        if adapter is not None and adapter not in plan.adapters:
            yield f"{who} uses the adapter {adapter!r}, there is {', '.join(plan.adapters) or 'none'}: correct the name, or train it first"
