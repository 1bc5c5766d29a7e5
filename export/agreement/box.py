"""The box as one more appraiser: its verdicts about the parts of a study, as `kotoba-edge inspect` writes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from edge.errors import EdgeError
from edge.message import decode
from edge.records import Decision, Inspection
from export.agreement.errors import RatingsError
from export.agreement.ratings import BOX, Appraiser, Study, require_same_trials
from firmware_config.regular_file import read_limited

MAX_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class BoxVerdicts:
    """How often the box gave each decision about the parts of the study, and how many lines were about no part of it."""

    ok: int
    ng: int
    review: int
    fault: int
    of_other_parts: int


def with_box(study: Study, verdicts: Path) -> tuple[Study, BoxVerdicts]:
    """Add the box to a study. REVIEW and FAULT count as NG: a line stops such a part as it stops an NG.

    A verdict belongs to the part that its part_id names, else to the one whose path or file name is its source. Several verdicts about a
    part are trials, in the order of the file.

    Raises:
        RatingsError: the file cannot be read, a part has no verdict, a verdict could belong to several parts, or somebody is called "box".
    """
    if any(appraiser.name == BOX for appraiser in study.appraisers):
        msg = f"adding the verdicts of {verdicts}: an appraiser is called {BOX!r} already: give that appraiser another name"
        raise RatingsError(msg)
    inspections = _read(verdicts)
    found: dict[str, list[Decision]] = {part: [] for part in study.parts}
    places = _places(study.parts)
    others = 0
    for inspection in inspections:
        part = _part_of(inspection, places, verdicts)
        if part is None:
            others += 1
        else:
            found[part].append(inspection.verdict.decision)
    box = _appraiser(found, verdicts)
    appraisers = (*study.appraisers, box)
    require_same_trials(appraisers, verdicts)
    given = Counter(decision for decisions in found.values() for decision in decisions)
    counts = BoxVerdicts(given[Decision.OK], given[Decision.NG], given[Decision.REVIEW], given[Decision.FAULT], others)
    return Study(study.parts, study.standard, appraisers), counts


def _read(path: Path) -> list[Inspection]:
    try:
        lines = read_limited(path, MAX_BYTES).splitlines()
    except OSError as err:
        msg = f"reading the verdicts of {path}: {err.strerror}: give the file that `kotoba-edge inspect --jsonl` wrote"
        raise RatingsError(msg) from err
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(decode(line))
        except EdgeError as err:
            msg = f"reading the verdicts of {path}, line {number}: {err}"
            raise RatingsError(msg) from err
    return found


def _places(parts: Sequence[str]) -> dict[str, list[str]]:
    """What a source may say of a part: its whole path, or its file name."""
    places: dict[str, list[str]] = {}
    for part in parts:
        for name in {part, PurePosixPath(part).name}:
            places.setdefault(name, []).append(part)
    return places


def _part_of(inspection: Inspection, places: Mapping[str, Sequence[str]], path: Path) -> str | None:
    for name in (inspection.part_id, inspection.source, PurePosixPath(inspection.source).name):
        parts = places.get(name, ()) if name else ()
        whole = [part for part in parts if part == name]
        if len(parts) > 1 and not whole:
            msg = f"reading the verdicts of {path}: {name!r} may be {parts[0]!r} or {parts[1]!r}: inspect with a part_id, or rename one"
            raise RatingsError(msg)
        if parts:
            return (whole or list(parts))[0]
    return None


def _appraiser(found: Mapping[str, Sequence[Decision]], path: Path) -> Appraiser:
    missing = [part for part, decisions in found.items() if not decisions]
    if missing:
        msg = (
            f"reading the verdicts of {path}: {len(missing)} of {len(found)} parts have none, the first is {missing[0]!r}: inspect them too"
        )
        raise RatingsError(msg)
    trials = {len(decisions): part for part, decisions in found.items()}
    if len(trials) > 1:
        few, many = min(trials), max(trials)
        msg = f"reading the verdicts of {path}: {trials[few]!r} has {few} and {trials[many]!r} has {many}: keep as many of each part"
        raise RatingsError(msg)
    marks = [[decision is not Decision.OK for decision in decisions] for decisions in found.values()]
    return Appraiser(BOX, np.array(marks, np.bool_), is_box=True)
