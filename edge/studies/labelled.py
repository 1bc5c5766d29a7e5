"""Judged pictures whose right label is known: lines of `kotoba-edge inspect` matched with a table `source,label`."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from edge.errors import LabelsError, MessageError
from edge.message import MAX_MESSAGE_BYTES, decode
from edge.records import Description, Inspection, Scores
from firmware_config.calibration import FittedFor, labels_of
from firmware_config.regular_file import open_regular_file, read_regular
from firmware_config.station import Station

MAX_LABELS_BYTES = 50_000_000
"""About a million lines."""

COLUMNS = ["source", "label"]


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A judged picture and the labels that may be right: one label, all labels of a decision, or, where nobody knows, all labels."""

    description: Description
    scores: Scores
    allowed: AbstractSet[str]


@dataclass(frozen=True, slots=True)
class LabelledPictures:
    """Labelled pictures in the order of the lines, the judge that judged them all, and how many were left out.

    `faults` have a label but no scores; `unlabelled` have a line but no label.
    """

    pictures: tuple[LabelledPicture, ...]
    fitted_for: FittedFor
    faults: int
    unlabelled: int

    @property
    def ok_labels(self) -> AbstractSet[str]:
        """The station's labels of good parts."""
        return {label for label, decision in self.fitted_for.labels.items() if decision == "ok"}


def read_lines(path: Path) -> list[Inspection]:
    """Read the lines that `kotoba-edge inspect` wrote.

    Raises:
        LabelsError: the file cannot be read, or a line is not an inspection.
    """
    try:
        with open_regular_file(path) as file:
            # A longer line is cut off and then no inspection: it must not fill the memory.
            return [decode(line.rstrip(b"\n")) for line in iter(lambda: file.readline(MAX_MESSAGE_BYTES + 2), b"")]
    except OSError as err:
        msg = f"lines {path} cannot be read ({err.strerror}): make them with `kotoba-edge inspect --jsonl`"
        raise LabelsError(msg) from err
    except MessageError as err:
        msg = f"lines {path}: {err}"
        raise LabelsError(msg) from err


def read_labels(path: Path) -> dict[str, str]:
    """Read a CSV table with the columns `source` and `label`; returns source to label.

    Raises:
        LabelsError: the file cannot be read, is too large, is not such a table, or names a source twice.
    """
    try:
        raw = read_regular(path, MAX_LABELS_BYTES + 1)
        if len(raw) > MAX_LABELS_BYTES:
            msg = f"labels {path} has more than {MAX_LABELS_BYTES} bytes: give one line for each picture"
            raise LabelsError(msg)
        rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True))
    except OSError as err:
        msg = f"labels {path} cannot be read ({err.strerror}): give a CSV file with the columns source,label"
        raise LabelsError(msg) from err
    except (csv.Error, UnicodeDecodeError) as err:
        msg = f"labels {path} is not a CSV file in UTF-8 ({err}): give the columns source,label"
        raise LabelsError(msg) from err
    if not rows or rows[0] != COLUMNS:
        content = f"begins with {','.join(rows[0])[:80]!r}" if rows else "is empty"
        msg = f"labels {path} {content}, expected the columns {','.join(COLUMNS)}: add that line"
        raise LabelsError(msg)
    labels: dict[str, str] = {}
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(COLUMNS):
            msg = f"labels {path}, line {number}: {len(row)} columns, expected {','.join(COLUMNS)}: correct the line"
            raise LabelsError(msg)
        source, label = row
        if source in labels:
            msg = f"labels {path}, line {number}: {source!r} is there twice: keep one"
            raise LabelsError(msg)
        labels[source] = label
    return labels


def match(lines: Sequence[Inspection], labels: Mapping[str, str], station: Station, models_digest: str) -> LabelledPictures:
    """Match the lines of a station and of a bundle's models with the labels of their pictures (source to label).

    Raises:
        LabelsError: a label without a line, a label that the station does not know, a line of another station or of other models, a
            source in two lines, or lines of more than one judge.
    """
    _require_ours(lines, station, models_digest)
    sources = {line.source for line in lines}
    missing = [source for source in labels if source not in sources]
    if missing:
        count = f"{len(missing)} of {len(labels)} labels"
        msg = f"{count} have no line, the first is that of {missing[0]!r}: inspect these pictures or correct the source"
        raise LabelsError(msg)
    allowed = {source: allowed_labels(label, source, station) for source, label in labels.items()}
    return _matched(lines, allowed, station, models_digest)


def judged(lines: Sequence[Inspection], station: Station, models_digest: str) -> LabelledPictures:
    """The lines of a station and of a bundle's models as pictures whose label nobody knows: any of the station's may be right.

    Raises:
        LabelsError: there are no lines, or as `match`.
    """
    if not lines:
        msg = "there are no lines: inspect pictures with `kotoba-edge inspect --jsonl`"
        raise LabelsError(msg)
    _require_ours(lines, station, models_digest)
    every = frozenset(label.name for label in station.labels)
    return _matched(lines, {line.source: every for line in lines}, station, models_digest)


def _matched(
    lines: Sequence[Inspection], allowed: Mapping[str, AbstractSet[str]], station: Station, models_digest: str
) -> LabelledPictures:
    labelled = [line for line in lines if line.source in allowed]
    judged = [(line.description, line.scores, allowed[line.source]) for line in labelled]
    pictures = tuple(LabelledPicture(words, scores, right) for words, scores, right in judged if words is not None and scores is not None)
    return LabelledPictures(
        pictures, _judge_of(pictures, station, models_digest), len(labelled) - len(pictures), len(lines) - len(labelled)
    )


def allowed_labels(label: str, source: str, station: Station) -> AbstractSet[str]:
    """The labels that may be right for a picture: the station's label of that name, else all labels of that decision.

    Raises:
        LabelsError: the station knows neither.
    """
    names = {known.name for known in station.labels if known.name == label} or {
        known.name for known in station.labels if known.decision == label
    }
    if not names:
        choices = ", ".join(dict.fromkeys([*(known.name for known in station.labels), *(known.decision for known in station.labels)]))
        msg = f"{source} is labelled {label!r}, which station {station.station.name} does not know: use one of {choices}"
        raise LabelsError(msg)
    return names


def _require_ours(lines: Sequence[Inspection], station: Station, models_digest: str) -> None:
    """Each picture once, and by this station and these models."""
    sources: set[str] = set()
    for line in lines:
        for what, theirs, ours in (("station", line.station, station.station.name), ("models", line.models_digest, models_digest)):
            if theirs != ours:
                msg = f"the line of {line.source} was made with {what} {theirs}, not {ours}: inspect the pictures again"
                raise LabelsError(msg)
        if line.source in sources:
            msg = f"the lines hold {line.source} twice: inspect each picture once"
            raise LabelsError(msg)
        sources.add(line.source)


def _judge_of(pictures: Sequence[LabelledPicture], station: Station, models_digest: str) -> FittedFor:
    """The one judge of all these pictures."""
    judges = {(picture.scores.method, picture.scores.adapter, picture.scores.prompt, picture.scores.labels) for picture in pictures}
    if len(judges) != 1:
        count = f"{len(judges)} judges (method, adapter, instruction or labels differ)" if judges else "no judge: each was a FAULT"
        msg = f"the pictures were judged by {count}: inspect all of them again with the present station file"
        raise LabelsError(msg)
    ((method, adapter, prompt, labels),) = judges
    if prompt is None and method != "linear":
        msg = "the lines do not name the instruction that they were judged by: inspect the pictures again with this version"
        raise LabelsError(msg)
    ours = labels_of(station.labels)
    if labels != tuple(ours):
        theirs = ", ".join(labels)
        msg = f"the lines were judged for the labels {theirs}, station {station.station.name} has {', '.join(ours)}: inspect again"
        raise LabelsError(msg)
    describing = station.describing_digest
    return FittedFor(models=models_digest, prompt=prompt, adapter=adapter, method=method, describing=describing, labels=ours)
