"""The chapters about the box itself: its decisions, wrong parts, trust, printed text, latency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from export.chapters.attack import attack
from export.chapters.decided import decided
from export.chapters.errors import ChapterError
from export.chapters.inspected import Flags, Inspected, inspect_all
from export.chapters.latency import latency
from export.chapters.parts import MOST, WrongParts, wrong_parts
from export.chapters.trust import trust
from export.chapters.verdicts import Verdicts, as_it_comes, calibrated, source_validation
from export.errors import SpecError
from export.findings.box import Attack, Decided, Latency, Trust
from export.findings.remark import Remark, RemarkCode
from export.pilot.material import Material
from export.pilot.place import WORK
from export.pilot.steps import Steps
from export.progress import Report
from firmware_config.signature import read_trusted_keys

LIMITS = (0.01, 0.02, 0.05)
"""Escape limits that calibrations are asked to keep, beside that of the specification."""

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class BoxChapters:
    """What the box did. `installed` are the decisions that the plant would install, one of those in `decided`."""

    decided: tuple[Decided, ...]
    installed: tuple[Decided, ...]
    parts: WrongParts
    trust: Trust | None
    attack: Attack | None
    latency: Latency | None
    left_out: tuple[Remark, ...]


def box_chapters(material: Material, out: Path, *, steps: Steps, report: Report) -> BoxChapters:
    """Inspect every labelled picture once, and look at what came of it.

    Raises:
        SpecError: the decisions that the specification installs cannot be made.
        ExportError, ConfigError, EdgeError: the box cannot be opened, or a file cannot be written.
    """
    opened, asked = material.opened, material.opened.spec.chapters
    assert opened.pictures is not None  # noqa: S101 -- only called with pictures
    work, seen = out / WORK, frozenset(opened.spec.data.seen)
    with steps.step("inspect"):
        inspected = inspect_all(
            opened.pictures, opened.box, good_labels=frozenset(opened.labelling.good), cache=work / "inspections", report=report
        )
    validation = source_validation(inspected.pictures, seen)
    left_out: list[Remark] = []
    verdicts = _verdicts(material, inspected, validation, left_out)
    installed = _installed(verdicts, material)
    every = {one.escape_limit: one for one in verdicts if one.escape_limit is not None}

    def measured(name: str, kind: type[_Found], make: Callable[[], _Found], *, wanted: bool) -> _Found | None:
        if not wanted:
            left_out.append(Remark(code="not_asked", values={"chapter": name}))
            return None
        try:
            return steps.kept(
                name, kind, make, modules=(f"export.chapters.{name}",), decided_by=[inspected.key, asked.attack_pictures, *sorted(seen)]
            )
        except ChapterError as err:
            left_out.append(Remark(code="chapter_left_out", values={"chapter": name, "why": err.why}))
            return None

    parts = wrong_parts(inspected, installed, folder=out)
    left_out += _not_shown(parts)
    return BoxChapters(
        decided=tuple(one for some in verdicts for one in decided(inspected, some, seen=seen)),
        installed=decided(inspected, installed, seen=seen),
        parts=parts,
        trust=measured("trust", Trust, lambda: trust(inspected, validation, given=every), wanted=asked.trust),
        attack=measured(
            "attack",
            Attack,
            lambda: attack(inspected, opened.box, folder=out, cache=work / "inspections", report=report, most=asked.attack_pictures),
            wanted=asked.attack,
        ),
        latency=measured(
            "latency",
            Latency,
            lambda: latency(inspected, opened.box, trusted=read_trusted_keys(opened.spec.bundle.keys)),
            wanted=asked.latency,
        ),
        left_out=tuple(left_out),
    )


def _not_shown(parts: WrongParts) -> list[Remark]:
    codes: tuple[RemarkCode, RemarkCode] = ("more_escaped", "more_overkilled")
    return [Remark(code=code, values={"count": count, "most": MOST}) for code, count in zip(codes, parts.left_out, strict=True) if count]


def _verdicts(material: Material, inspected: Inspected, validation: Flags, left_out: list[Remark]) -> list[Verdicts]:
    """As the box gave them, and by a calibration for each limit; where none can be fitted, a remark says why."""
    asked = material.opened.spec.decisions
    found = [as_it_comes(inspected)]
    for limit in sorted({*LIMITS, asked.calibrate_escape}):
        try:
            found.append(calibrated(inspected, validation, escape=limit))
        except ChapterError as err:
            left_out.append(Remark(code="not_calibrated", values={"why": err.why}))
            break
    return found


def _installed(verdicts: Sequence[Verdicts], material: Material) -> Verdicts:
    asked = material.opened.spec.decisions
    limit = asked.calibrate_escape if asked.rule == "calibrated" else None
    found = next((one for one in verdicts if one.rule == asked.rule and one.escape_limit == limit), None)
    if found is None:
        msg = (
            "the specification installs calibrated decisions, and no calibration can be fitted on the seen domains: add labelled pictures "
            'of domains that taught the bundle, or set decisions.rule to "as_it_comes"'
        )
        raise SpecError(msg)
    return found
