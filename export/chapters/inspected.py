"""Labelled pictures, each inspected once by the box. Every inspection is kept as a line of JSON, so that a stopped pilot goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.calibration.sample import Sample
from edge.calibration.scales import log_odds_not_ok
from edge.cameras.named_files import NamedFiles
from edge.inspection.open import open_inspectors
from edge.picture.decode import MAX_BYTES, PictureError, read_file
from edge.records import Capture, Description, Inspection, Scores
from export.chapters.box import Box
from export.chapters.errors import ChapterError
from export.progress import Report
from export.studies.kept_inspections import Inspect, inspect_each
from export.texts.picture import Picture
from firmware_config.digest import digest_of_values
from firmware_config.station import Station

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

KEY_DIGITS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Inspected:
    """N labelled pictures and what the box said of each, in the same order; `bad` bool (N,): the part is defective.

    `key` is the digest of all this came from: the pictures' bytes, what is known about them, and the box.
    """

    pictures: tuple[Picture, ...]
    bad: Flags
    inspections: tuple[Inspection, ...]
    station: Station
    key: str

    @property
    def judged(self) -> Flags:
        """The pictures that have words and scores, bool (N,): the others are a FAULT."""
        return np.array([one.description is not None and one.scores is not None for one in self.inspections], np.bool_)

    @property
    def log_odds(self) -> Floats:
        """Log-odds in nats of all labels that are not ok, before any calibration, float64 (N,); nan where a picture was not judged."""
        found = np.full(len(self.pictures), np.nan)
        rows = np.flatnonzero(self.judged)
        if len(rows):
            found[rows] = log_odds_not_ok(self.sample(rows).log_likelihoods, self._decisions == "ok")
        return found

    def blocks_of(self, rows: Sequence[int] | NDArray[np.int64]) -> list[str]:
        """The blocks of some pictures; one without known neighbours is a block of its own."""
        return [self.pictures[row].block or self.pictures[row].source for row in rows]

    @property
    def domains(self) -> tuple[str, ...]:
        """The names of the domains, in the order in which they first come."""
        return tuple(dict.fromkeys(one.domain for one in self.pictures))

    def of_domain(self, domain: str) -> Flags:
        """The pictures of a domain, bool (N,)."""
        return np.array([one.domain == domain for one in self.pictures], np.bool_)

    def sample(self, rows: Sequence[int] | NDArray[np.int64]) -> Sample:
        """Judged pictures as a calibration takes them. Of each only good or defective is known, not the kind of defect."""
        values = [self.judged_as(row)[1].log_likelihoods for row in rows]
        log_likelihoods = np.array(values, np.float64).reshape(len(values), len(self._decisions))
        return Sample(log_likelihoods, self.bad[list(rows), None] ^ (self._decisions == "ok"), self._decisions)

    def judged_as(self, row: int) -> tuple[Description, Scores]:
        """The words and scores of a judged picture."""
        one = self.inspections[row]
        if one.description is None or one.scores is None:
            msg = f"{one.source} was not judged, and its scores are asked for: report this as a bug"
            raise ChapterError(msg)
        return one.description, one.scores

    @property
    def _decisions(self) -> NDArray[np.str_]:
        return np.array([label.decision for label in self.station.labels])


def inspect_all(pictures: Sequence[Picture], box: Box, *, good_labels: AbstractSet[str], cache: Path, report: Report) -> Inspected:
    """Inspect the pictures that have a label, or read their inspections from the folder `cache` where they are kept.

    A picture whose label is in `good_labels` is good, every other one is defective. A file that cannot be read is a FAULT, as on a box.

    Raises:
        ChapterError: no picture has a label, or `cache` cannot be written.
        StudyError: the kept lines are damaged.
        ConfigError, EdgeError: the box cannot be opened.
    """
    labelled = tuple(one for one in pictures if one.label is not None)
    if not labelled:
        msg = "inspecting the pictures of the pilot: none of them has a label: give each a label, good or defective"
        raise ChapterError(msg)
    files = digest_of_values({"box": box.digest, "pictures": [(one.source, _sha256(one.path)) for one in labelled]})
    inspections = kept_inspections(
        [one.source for one in labelled],
        lambda row: capture_of(labelled[row], box.station),
        box,
        lines=cache / f"inspections-{short(files)}.jsonl",
        what=f"the {len(labelled)} pictures of the pilot",
        report=report,
    )
    bad = np.array([one.label not in good_labels for one in labelled], np.bool_)
    known = [(one.label, one.domain, one.block, one.split) for one in labelled]
    key = digest_of_values({"files": files, "known": known, "good": sorted(good_labels)})
    return Inspected(labelled, bad, inspections, box.station, key)


def kept_inspections(
    names: Sequence[str], capture: Callable[[int], Capture], box: Box, *, lines: Path, what: str, report: Report
) -> tuple[Inspection, ...]:
    """Inspect the captures of which `lines` has none, one after the other; `capture` gives that of an index, `names` become the sources.

    Raises:
        ChapterError: the file cannot be written.
        StudyError: it is damaged, or is of other pictures.
        ConfigError, EdgeError: the box cannot be opened.
    """

    def open_inspect() -> Inspect:
        report(f"loading the models to inspect {what}")
        (inspector,) = open_inspectors(box.bundle, [box.station], board=box.board)
        return lambda index: inspector.inspect(replace(capture(index), source=names[index], sequence=index + 1))

    try:
        lines.parent.mkdir(parents=True, exist_ok=True)
        models = box.bundle.manifest.models_digest
        return tuple(inspect_each(names, open_inspect, jsonl=lines, models=models, station=box.station, what=what, report=report))
    except OSError as err:
        msg = f"inspecting {what}: {lines} cannot be written ({err.strerror}): make room, or give another folder"
        raise ChapterError(msg) from err


def capture_of(picture: Picture, station: Station) -> Capture:
    """A picture file as a camera of the station gives it; one that cannot be read is a lost frame."""
    return next(NamedFiles([picture.path], station=station.station.name, picture=station.picture).frames())


def short(key: str) -> str:
    """The digits of a digest that stand in the names of files."""
    return key.removeprefix("sha256:")[:KEY_DIGITS]


def _sha256(path: Path) -> str | None:
    """The digest of a picture file, read as a camera reads it; None for what no camera would read."""
    try:
        return hashlib.sha256(read_file(path, max_bytes=MAX_BYTES)).hexdigest()
    except PictureError:
        return None
