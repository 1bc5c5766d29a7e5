"""The plan of teaching: a specification that was checked against its product, its pictures and the disk, before any long work."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

from export.errors import SpecError
from export.eye.efficientnet import ImageNetTrunk
from export.eye.trunk import Trunk
from export.models.llm.packaged import packaged_model
from export.products.phrase import nearest
from export.products.product import Product
from export.products.wording import Wording, wording_of
from export.progress import Report
from export.teach.estimate import EFFORTS, Effort, Estimate, estimate
from export.teach.pictures import Domain, FoundPictures, find_pictures
from export.teach.spec import STARTER_TEMPLATES, TeachSpec
from firmware_config.labels import Label


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be taught, from which pictures, and about what it takes.

    `labels` are all labels of the stations; `label_of` maps each kind of defect to one of them. `llm` is the file of the language model,
    or its folder.
    """

    spec: TeachSpec
    product: Product
    wording: Wording
    pictures: FoundPictures
    labels: tuple[Label, ...]
    label_of: dict[str, str]
    templates: Path
    llm: Path
    trunk: Trunk
    effort: Effort
    estimate: Estimate

    def allowed(self, name: str) -> tuple[str, ...]:
        """The labels that may be right for pictures that are labelled so: the label of this name, or all labels of this decision."""
        by_name = tuple(label.name for label in self.labels if label.name == name)
        return by_name or tuple(label.name for label in self.labels if label.decision == name)

    @property
    def domains(self) -> tuple[Domain, ...]:
        """The good pictures."""
        return self.pictures.domains


def check(spec: TeachSpec, product: Product, *, near: Path, report: Report) -> Plan:
    """Check everything that a user may have wrong; `near` is an existing folder on the disk that will hold the work.

    Raises:
        SpecError: something is wrong, in one sentence.
        LlmError: the package of the language model is not installed.
    """
    label_of = {kind.name: kind.label or kind.name for kind in product.defects}
    labels = spec.labels or _labels_of(product, label_of)
    _require_labels(spec, product, labels, label_of)
    templates, llm, trunk = _templates(spec), _llm(spec), _trunk(spec, product)
    if spec.golden is not None and not spec.golden.is_dir():
        msg = f"teaching {spec.name}: golden is {spec.golden}, which is no folder: correct it, or leave it out"
        raise SpecError(msg)
    if spec.adapt is not None and not spec.pictures.unlabelled:
        msg = f"teaching {spec.name}: [adapt] takes pictures.unlabelled, and there are none: name their folder, or leave [adapt] out"
        raise SpecError(msg)
    pictures = find_pictures(spec, product, report)
    effort = EFFORTS[spec.effort]
    tunings = effort.tunings * (1 if spec.adapt is None else 1 + spec.adapt.rounds)
    count = sum(len(domain.paths) for domain in pictures.domains) + sum(map(len, pictures.labelled.values())) + len(pictures.unlabelled)
    needed = estimate(
        replace(effort, tunings=tunings),
        side_px=product.side_px,
        channels=3 if product.colour else 1,
        pictures=count,
        seeds=len(spec.seeds),
        work=trunk.work,
        feature_bytes=2 * prod(trunk.shape),
    )
    free = shutil.disk_usage(near).free
    if free < needed.disk_bytes:
        msg = (
            f"teaching {spec.name}: it needs {needed.disk_bytes >> 20:,} MiB of disk and {near} has {free >> 20:,} MiB free: make room, "
            "or name a folder on another disk with --cache"
        )
        raise SpecError(msg)
    return Plan(spec, product, wording_of(product), pictures, labels, label_of, templates, llm, trunk, effort, needed)


def _labels_of(product: Product, label_of: dict[str, str]) -> tuple[Label, ...]:
    good = Label(name=product.good.label, meaning=product.good.meaning, decision="ok")
    return (good, *(Label(name=name, decision="ng") for name in dict.fromkeys(label_of.values())))


def _require_labels(spec: TeachSpec, product: Product, labels: tuple[Label, ...], label_of: dict[str, str]) -> None:
    """Every label must have words that lead to it, and every defect a label."""
    names = [label.name for label in labels]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise _wrong_label(spec, f"{twice!r} is listed twice: give each label once")
    good = next((label for label in labels if label.name == product.good.label), None)
    if good is None or good.decision != "ok":
        what = "is not among them" if good is None else f'has the decision "{good.decision}"'
        advice = f'add it with decision = "ok", or name another [good] label in {product.name}\'s product.toml'
        raise _wrong_label(spec, f"{product.good.label!r}, the product's label of good parts, {what}: {advice}")
    led_to = {product.good.label, *label_of.values()}
    for name in names:
        if name not in led_to:
            what = f"no defect of the product {product.name} leads to {name!r}, so no word tells it"
            raise _wrong_label(spec, f'{what}: add a kind of defect with label = "{name}" to its product.toml, or remove the label')
    for kind, name in label_of.items():
        if name not in names:
            what = f"{name!r}, the label of parts with the defect {kind!r}, is not among them"
            raise _wrong_label(spec, f"{what}: add it, or give the defect another label in {product.name}'s product.toml")
    known = {*names, *(label.decision for label in labels)}
    for name in spec.pictures.labelled:
        if name not in known:
            msg = f"teaching {spec.name}: pictures.labelled: there is no label {name!r}, {nearest(name, names)}: correct it"
            raise SpecError(msg)


def _wrong_label(spec: TeachSpec, what: str) -> SpecError:
    return SpecError(f"teaching {spec.name}: labels: {what}")


def _templates(spec: TeachSpec) -> Path:
    templates = spec.templates or STARTER_TEMPLATES
    if not any(templates.glob("*.txt")):
        msg = f"teaching {spec.name}: templates is {templates}, which holds no .txt file: correct it, or leave it out"
        raise SpecError(msg)
    return templates


def _llm(spec: TeachSpec) -> Path:
    if spec.llm.package is not None:
        return packaged_model(spec.llm.package)
    path = spec.llm.path or spec.llm.folder
    if path is None or not path.exists():
        msg = f"teaching {spec.name}: the language model {path} does not exist: correct the path in [llm]"
        raise SpecError(msg)
    return path


def _trunk(spec: TeachSpec, product: Product) -> Trunk:
    if spec.eye.trunk is None:
        return ImageNetTrunk(product.side_px, product.gain)
    from export.eye.vision_tower import read_vision_tower  # transformers takes seconds to import

    return read_vision_tower(spec.eye.trunk, side_px=product.side_px, gain=product.gain)
