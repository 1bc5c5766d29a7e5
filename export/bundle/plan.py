"""Finds the source of every file of a bundle and checks that they fit together, before any long work begins."""

from __future__ import annotations

import fnmatch
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from export.errors import LlmError, SpecError
from export.models.llm.adapter_file import base_of
from export.models.llm.gguf_process import ask_llama_cpp
from export.models.llm.gguf_weights import GgufWeights
from export.models.llm.packaged import packaged_model
from export.spec import LLM_PATH, STATION_NAME, BundleSpec, Models, read_golden_station, read_models, read_temperatures, read_template
from firmware_config.bundle import ALLOWED_SUFFIXES, PICTURE_SUFFIXES, AdapterTemperature, JudgeTemperature, LinearTemperature
from firmware_config.describers import ClipBlip, Describer
from firmware_config.station import Station
from firmware_config.station_template import STATION_TEMPLATE

ROOM = 3
"""Free room that is needed, in sizes of the sources: for the copy, the requantised model and the archive."""

NOTHING: Mapping[str, Path] = MappingProxyType({})

Temperatures: TypeAlias = tuple[JudgeTemperature, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a bundle is built from.

    `files` maps paths inside the bundle to sources, without the language model, which is made. `llm` is the source of the language model.
    `adapters`, `templates`, `linear` (judges) and `memories` map names to paths inside the bundle.
    """

    spec: BundleSpec
    describer: Describer
    parity: dict[str, float]
    temperatures: Temperatures
    station: Station
    llm: Path
    files: dict[str, Path]
    adapters: dict[str, str]
    templates: dict[str, str]
    linear: dict[str, str]
    memories: dict[str, str]

    @property
    def pictures(self) -> tuple[str, ...]:
        """The golden pictures, by their path inside the bundle."""
        return tuple(path for path in sorted(self.files) if path.startswith("golden/") and path.endswith(PICTURE_SUFFIXES))

    @property
    def expected(self) -> dict[str, str | None]:
        """Golden picture, by its path inside the bundle, to the label that is expected of it, None if the specification does not say."""
        return {picture: self.spec.expected_label(Path(picture).name) for picture in self.pictures}


def check_parts(spec: BundleSpec) -> None:
    """Check, before models are made, that all other parts are there, and that the bundle will have what its parts name.

    Raises:
        SpecError: a part is missing, has no licence, or names a template, an adapter or a label that the bundle will not have.
    """
    ready = _ready_files(spec)
    _refuse_first(spec, _missing(ready))
    for path in ready:
        spec.licence_of(path)
    station = read_golden_station(spec.golden)
    templates = {path.stem for path in spec.templates.glob("*.txt")} if spec.templates else {"default"}
    adapters = {path.stem for path in _adapters(spec.artefacts)} | {path.name for path in spec.llm.adapters}
    temperatures = read_temperatures(spec.artefacts) if spec.artefacts else ()
    pictures = sorted(path.name for path in spec.golden.iterdir() if path.suffix in PICTURE_SUFFIXES)
    _refuse_first(spec, _unfit(spec, station, temperatures, templates, adapters, pictures))
    _refuse_first(spec, _unfit_template(spec, templates, adapters))
    _refuse_first(spec, _unknown_parts(spec, station, temperatures))


def require_runnable(spec: BundleSpec) -> None:
    """Check that llama.cpp can load a language model that is ready, with the adapters of the artefacts; in a process of its own.

    Raises:
        SpecError: the file of the language model is not there.
        LlmError: its package is not installed, llama.cpp cannot load the model or an adapter, or an adapter was tuned on another model.
    """
    if spec.llm.folder is not None:
        return
    model, adapters = _llm_source(spec), _adapters(spec.artefacts)
    ask_llama_cpp(model, adapters=[None, *adapters])
    for adapter in adapters:
        if base_of(adapter) not in {None, GgufWeights(model).fingerprint}:
            msg = f"adapter {adapter} was tuned on another model of the size of {model}: give its own model, or tune it again"
            raise LlmError(msg)


def gather(spec: BundleSpec, *, near: Path, made: Mapping[str, Path] = NOTHING) -> Plan:
    """Find the source of every file; `near` is an existing folder on the disk that will hold the bundle.

    `made` maps "clip", "blip" and "llm" to the folders of the artefacts that were made from the specification's models.

    Raises:
        SpecError: a source is missing, has no licence or does not fit the others, or the disk has too little room.
        LlmError: the package of the language model is not installed.
    """
    folders = [*made.values(), *([spec.artefacts] if spec.artefacts else [])]
    models, files = _models(spec, folders)
    adapter_files = {path.stem: path for folder in folders for path in _adapters(folder)}
    template_folder = spec.templates or made["llm"] / "templates"
    template_files = {path.stem: path for path in sorted(template_folder.glob("*.txt"))}
    adapters = {name: f"llm/adapters/{name}.gguf" for name in adapter_files}
    templates = {name: f"templates/{name}.txt" for name in template_files}
    files |= {adapters[name]: path for name, path in adapter_files.items()} | {
        templates[name]: path for name, path in template_files.items()
    }
    linear_files, memory_files = (_json_files(spec.artefacts, folder) for folder in ("judges", "memories"))
    linear = {path.stem: f"judges/{path.name}" for path in linear_files}
    memories = {path.stem: f"memories/{path.name}" for path in memory_files}
    files |= {f"{path.parent.name}/{path.name}": path for path in (*linear_files, *memory_files)}
    files |= {
        f"golden/{path.name}": path
        for path in sorted(spec.golden.iterdir())
        if path.name == STATION_NAME or path.suffix in PICTURE_SUFFIXES
    }
    files |= _template_files(spec)
    if models.clip is None:
        raise _no_clip(spec, folders)
    plan = Plan(
        spec=spec, describer=ClipBlip(kind="clip_blip", clip=models.clip, blip=models.blip), parity=models.parity,
        temperatures=read_temperatures(spec.artefacts) if spec.artefacts else (), station=read_golden_station(spec.golden),
        llm=made["llm"] / "model.gguf" if "llm" in made else _llm_source(spec), files=files, adapters=adapters, templates=templates,
        linear=linear, memories=memories,
    )  # fmt: skip
    _refuse_first(spec, _missing(files))
    pictures = [Path(picture).name for picture in plan.pictures]
    _refuse_first(spec, _unfit(spec, plan.station, plan.temperatures, templates, adapters, pictures))
    _refuse_first(spec, _unfit_template(spec, templates, adapters))
    _refuse_first(spec, _unknown_parts(spec, plan.station, plan.temperatures))
    for path in (*files, LLM_PATH):
        spec.licence_of(path)
    require_room(spec, ROOM * sum(path.stat().st_size for path in (*files.values(), plan.llm)), near)
    return plan


def require_room(spec: BundleSpec, needed: int, near: Path) -> None:
    """Check that `needed` bytes are free on the disk of the existing folder `near`.

    Raises:
        SpecError: they are not.
    """
    free = shutil.disk_usage(near).free
    if free < needed:
        msg = f"bundle {spec.name}: building needs {needed >> 20} MiB and {near} has {free >> 20} MiB free: make room there"
        raise SpecError(msg)


def _models(spec: BundleSpec, folders: list[Path]) -> tuple[Models, dict[str, Path]]:
    """The sections of all models.json, the first of each kind, and the files that they name: path inside the bundle -> source."""
    whole = Models()
    files: dict[str, Path] = {}
    for folder in folders:
        if (folder / "models.json").exists() or (folder == spec.artefacts and spec.clip is None):
            models = read_models(folder)
            new = Models(clip=None if whole.clip else models.clip, blip=None if whole.blip else models.blip)
            files |= {path: folder / path for path in _named(new)}
            whole = Models(clip=whole.clip or new.clip, blip=whole.blip or new.blip, parity=models.parity | whole.parity)
    return whole, files


def _ready_files(spec: BundleSpec) -> dict[str, Path]:
    """The files of the artefacts' models that no section replaces: path inside the bundle -> source."""
    if spec.artefacts is None or (spec.clip is not None and not (spec.artefacts / "models.json").exists()):
        return {}
    models = read_models(spec.artefacts)
    if spec.clip is None and models.clip is None:
        raise _no_clip(spec, [spec.artefacts])
    used = Models(clip=None if spec.clip else models.clip, blip=None if spec.blip else models.blip)
    return {path: spec.artefacts / path for path in _named(used)}


def _no_clip(spec: BundleSpec, folders: Sequence[Path]) -> SpecError:
    where = " or ".join(map(str, folders))
    return SpecError(f"bundle {spec.name}: no models.json in {where} describes a CLIP: make the artefacts first")


def _adapters(folder: Path | None) -> list[Path]:
    return sorted((folder / "adapters").glob("*.gguf")) if folder else []


def _json_files(artefacts: Path | None, folder: str) -> list[Path]:
    """The linear judges or the memories of the artefacts, one file each."""
    return sorted((artefacts / folder).glob("*.json")) if artefacts else []


def _llm_source(spec: BundleSpec) -> Path:
    if spec.llm.path is not None:
        if not spec.llm.path.is_file():
            msg = f"bundle {spec.name}: llm.path is {spec.llm.path}, which is no file: give the path of a .gguf file"
            raise SpecError(msg)
        return spec.llm.path
    return packaged_model(str(spec.llm.package))


def _named(models: Models) -> Iterator[str]:
    """The files that the sections of models.json name."""
    for key, section in (("clip", models.clip), ("blip", models.blip)):
        if section is not None:
            yield from (use.path for use in section.file_uses(key))


def _refuse_first(spec: BundleSpec, complaints: Iterator[str]) -> None:
    for complaint in complaints:
        msg = f"bundle {spec.name}: {complaint}"
        raise SpecError(msg)


def _missing(files: Mapping[str, Path]) -> Iterator[str]:
    for path, source in files.items():
        if not source.is_file():
            named_by = (
                "the station template names: put it there"
                if path.startswith("stations/")
                else "models.json names: make the artefacts again"
            )
            yield f"{source} does not exist, which {named_by}"
        if not path.endswith(ALLOWED_SUFFIXES):
            yield f"{path} is of a kind that a bundle may not hold (only {' '.join(ALLOWED_SUFFIXES)}): rename it"


def _unfit(
    spec: BundleSpec,
    station: Station,
    temperatures: Temperatures,
    templates: Collection[str],
    adapters: Collection[str],
    pictures: Sequence[str],
) -> Iterator[str]:
    """What does not fit together, each the end of a sentence; `pictures` are the file names of the golden pictures."""
    if not templates:
        yield f"{spec.templates} holds no template (NAME.txt): add one"
    if not pictures:
        yield f"{spec.golden} holds no picture (.png or .jpg): add at least one, a bundle is proven on them"
    uses = [("the golden station", station.judge.template, station.judge.adapter)]
    uses += [("temperatures.json", entry.template, entry.adapter) for entry in temperatures if isinstance(entry, AdapterTemperature)]
    for use in uses:
        yield from _unknown(*use, templates, adapters)
    yield from _unmet(spec, [label.name for label in station.labels], pictures)


def _template_files(spec: BundleSpec) -> dict[str, Path]:
    """The station template and its calibration, by their paths inside the bundle; none where the golden station is the template."""
    if spec.station is None:
        return {}
    calibration = read_template(spec.station).judge.calibration
    beside = (
        {} if calibration is None else {str(Path(STATION_TEMPLATE).with_name(calibration.name)): spec.station.with_name(calibration.name)}
    )
    return {STATION_TEMPLATE: spec.station, **beside}


def _unfit_template(spec: BundleSpec, templates: Collection[str], adapters: Collection[str]) -> Iterator[str]:
    """What the station template names and the bundle will not have, each the end of a sentence."""
    if spec.station is not None:
        judge = read_template(spec.station).judge
        yield from _unknown("the station template", judge.template, judge.adapter, templates, adapters)


def _unknown(user: str, template: str, adapter: str | None, templates: Collection[str], adapters: Collection[str]) -> Iterator[str]:
    if template not in templates:
        yield f"{user} uses the template {template!r}, there is {', '.join(sorted(templates)) or 'none'}: correct the name"
    if adapter is not None and adapter not in adapters:
        yield f"{user} uses the adapter {adapter!r}, there is {', '.join(sorted(adapters)) or 'none'}: correct the name, or train it"


def _unknown_parts(spec: BundleSpec, station: Station, temperatures: Temperatures) -> Iterator[str]:
    """Linear judges and memories that something names and the bundle will not have, each the end of a sentence."""
    users = [("the golden station", station)] + ([] if spec.station is None else [("the station template", read_template(spec.station))])
    named = [(user, "memory", "memories", one.familiarity.memory) for user, one in users]
    named += [(user, "linear judge", "judges", one.judge.linear) for user, one in users]
    named += [("temperatures.json", "linear judge", "judges", one.linear) for one in temperatures if isinstance(one, LinearTemperature)]
    for user, what, folder, name in named:
        there = [path.stem for path in _json_files(spec.artefacts, folder)]
        if name is not None and name not in there:
            yield f"{user} uses the {what} {name!r}, there is {', '.join(there) or 'none'}: correct the name"


def _unmet(spec: BundleSpec, labels: Sequence[str], pictures: Sequence[str]) -> Iterator[str]:
    """What is wrong with [expected], each the end of a sentence; `labels` are those of the golden station."""
    for label, patterns in spec.expected.items():
        if label not in labels:
            yield f"[expected] names the label {label!r}, the golden station has {', '.join(labels)}: correct the name"
        for pattern in patterns:
            if not fnmatch.filter(pictures, pattern):
                yield f"[expected] {label!r}: no golden picture matches {pattern!r}: correct the pattern, or add the picture"
    for picture in pictures:
        if spec.expected_label(picture) is None and spec.require_expected:
            yield f"require_expected is set, but [expected] names no label for the golden picture {picture}: add it"
