"""A whole pilot: describe, inspect, compare, and say what came of it. The same command goes on where it was stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache as once
from functools import partial
from pathlib import Path

from edge.machine.machine import read_machine
from export.cache.held_folder import held
from export.errors import BuildError
from export.evaluation.corpus import Corpus
from export.evaluation.few_shot import labels_for_equal
from export.findings.comparison import Comparison, Condition
from export.findings.findings import FINDINGS, Effort, Findings, Origin
from export.findings.remark import Remark
from export.findings.shift import ShiftFindings
from export.pilot.answer import Saving, answer
from export.pilot.chapters import BoxChapters, box_chapters
from export.pilot.comparing import compared, shift_of
from export.pilot.corpora import changed_corpora, corpus_of
from export.pilot.cost import COST, counts_of, remove_costs, require_cost, write_costs, write_counts
from export.pilot.language import Language, OpenLanguage, language_of
from export.pilot.material import Material, described, open_material
from export.pilot.place import WORK, require_own_folder
from export.pilot.spec import PilotSpec, read_pilot_spec
from export.pilot.steps import Steps
from export.progress import Report
from export.report.write import remove_reports, write_report
from firmware_config.version import installed_version
from firmware_config.write import write_atomic


@dataclass(frozen=True, slots=True)
class Compared:
    """What the protocols and the shift found."""

    comparisons: tuple[Comparison, ...]
    shift: ShiftFindings | None
    left_out: tuple[Remark, ...]


def run(path: Path, out: Path, *, command: str, report: Report, open_language: OpenLanguage | None = None) -> Findings:
    """Run the pilot of a specification into the folder `out`, up to pilot.json. `open_language` stands in for the bundle's language model.

    Raises:
        SpecError: the specification, the pictures, their labels or domains are wrong; nothing is described then.
        ExportError, ConfigError, EdgeError: the bundle cannot be opened or run, or a step failed.
        BuildError: the folder cannot be written.
        FolderHeldError: another pilot is at work there.
    """
    spec = read_pilot_spec(path)
    if spec.cost is not None:
        require_cost(spec.cost.spec)
    specification = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    opened = open_material(spec)
    try:
        require_own_folder(out, spec, opened.sources)
        out.mkdir(parents=True, exist_ok=True)
        with held(out, what=f"a pilot in {out}"):
            steps = Steps(out / WORK, report=report)
            with steps.step("describe"):
                material = described(opened, out, report=report)
            box = box_chapters(material, out, steps=steps, report=report) if material.files is not None else None
            language = open_language or partial(_language, material, out, report)
            tables = _compared(material, out, language=once(language), steps=steps, report=report)
            origin = _origin(material, command=command, specification=specification)
            findings = _findings(origin, material, box, tables, out, steps=steps)
            remove_reports(out)
            text = json.dumps(findings.model_dump(mode="json", by_alias=True), ensure_ascii=False, indent=1)
            write_atomic(out / FINDINGS, text.encode() + b"\n")
    except OSError as err:
        msg = f"the pilot cannot be written into {out} ({err.strerror}): make room, or give another folder as --out"
        raise BuildError(msg) from err
    return findings


def write_reports(findings: Findings, spec: PilotSpec, out: Path) -> list[Path]:
    """The reports of a pilot in every language of its specification.

    Raises:
        ExportError: a report cannot be written.
    """
    costs = out / COST if spec.cost is not None and (out / COST).exists() else None
    written = [write_report(findings, out, language=language, costs=costs) for language in spec.pilot.languages]
    return [path for paths in written for path in paths if path is not None]


def _language(material: Material, out: Path, report: Report, form: str) -> Language:
    tuned = material.opened.spec.protocols.tuned_seeds > 0
    return language_of(material.opened.box, form, tuned=tuned, work=out / WORK, report=report)  # type: ignore[arg-type]


def _compared(material: Material, out: Path, *, language: OpenLanguage, steps: Steps, report: Report) -> Compared:
    spec, left_out = material.opened.spec, []
    domains = {row.domain for row in material.labelled}
    if len(domains) < 2:
        only = next(iter(domains), "none")
        return Compared((), None, (Remark(code="one_domain", values={"domain": only}),))
    with steps.step("look at pictures"):
        corpus = corpus_of(material, out, report=report)
    changed: Mapping[Condition, Corpus] = {}
    if "conditions" in spec.protocols.run and material.files is not None:
        with steps.step("change pictures"):
            changed = changed_corpora(material, _unseen(material), out, report=report)
    with steps.step("compare"):
        comparisons = compared(corpus, changed, spec, language=language, cache=out / WORK / "scores", report=report)
    shift = None
    if spec.chapters.shift:
        opened = material.opened
        decided_by = [
            material.about.model_dump(mode="json")["shards"],
            opened.box.digest,
            [*opened.labelling.good, None, *opened.labelling.bad],
            spec.data.model_dump(mode="json")["groups"],
        ]
        make = partial(_shift, corpus, spec, language, report)
        shift = steps.kept("shift", ShiftFindings, make, modules=("export.shift.measure", "export.pilot.comparing"), decided_by=decided_by)
    else:
        left_out.append(Remark(code="not_asked", values={"chapter": "shift"}))
    return Compared(comparisons, shift, tuple(left_out))


def _shift(corpus: Corpus, spec: PilotSpec, language: OpenLanguage, report: Report) -> ShiftFindings:
    return shift_of(corpus, spec, language=language("box"), report=report)


def _unseen(material: Material) -> Sequence[str]:
    """The domains that taught nothing; where there are none, all."""
    return [one.name for one in material.domains if not one.seen] or [one.name for one in material.domains]


def _findings(origin: Origin, material: Material, box: BoxChapters | None, found: Compared, out: Path, *, steps: Steps) -> Findings:
    opened, spec = material.opened, material.opened.spec
    installed = () if box is None else box.installed
    saving, left_out = _costs(spec, box, out)
    return Findings(
        schema="kotoba.pilot/1",
        name=spec.pilot.name,
        product=spec.pilot.product,
        about=spec.pilot.about,
        origin=origin,
        answer=answer(installed, found.comparisons, None if box is None else box.attack, saving, limits=spec.limits),
        domains=material.domains,
        good_labels=opened.labelling.good,
        bad_labels=opened.labelling.bad,
        remarks=material.about.remarks,
        decided=() if box is None else box.decided,
        comparisons=found.comparisons,
        shift=found.shift,
        trust=None if box is None else box.trust,
        attack=None if box is None else box.attack,
        latency=None if box is None else box.latency,
        effort=Effort(labelled=len(material.labelled), seconds=dict(steps.seconds), equal=labels_for_equal(found.comparisons)),
        escaped=() if box is None else box.parts.escaped,
        overkilled=() if box is None else box.parts.overkilled,
        left_out=(*((Remark(code="no_pictures"),) if box is None else box.left_out), *found.left_out, *left_out),
    )


def _costs(spec: PilotSpec, box: BoxChapters | None, out: Path) -> tuple[Saving | None, tuple[Remark, ...]]:
    """What the box saves, if the specification asks for it and parts were counted."""
    counts = None if box is None else counts_of(box.installed)
    remove_costs(out)
    if counts is None:
        return None, () if spec.cost is None else (Remark(code="no_rate"),)
    write_counts(counts, out)
    return (None, ()) if spec.cost is None else (write_costs(counts, spec.cost.spec, out)[1], ())


def _origin(material: Material, *, command: str, specification: str) -> Origin:
    used, spec = material.opened.used, material.opened.spec
    return Origin(
        version=installed_version(),
        command=command,
        specification=specification,
        dataset=material.about.sources,
        bundle_name=used.bundle_name,
        bundle=used.bundle,
        models=used.models,
        station=used.station,
        machine=read_machine().told,
        seeds=tuple(range(spec.protocols.seeds)),
    )
