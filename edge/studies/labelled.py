"""Judged pictures whose truth is known: lines of `kotoba-edge inspect` matched with a table of `source,label`."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from edge.errors import LabelsError, MessageError
from edge.message import decode
from edge.records import Description, Inspection, Scores
from firmware_config.calibration import FittedFor, labels_of
from firmware_config.station import Station

MAX_LABELS_BYTES = 50_000_000
"""A million lines."""

COLUMNS = ["source", "label"]


@dataclass(frozen=True, slots=True)
class Known:
    """A judged picture and the labels that may be its truth."""

    description: Description
    scores: Scores
    allowed: AbstractSet[str]


@dataclass(frozen=True, slots=True)
class Matched:
    """Pictures of known truth in the order of the lines, the judge that judged them all, and how many were left out.

    `faults` have a truth but no scores; `unlabelled` have a line but no truth.
    """

    pictures: tuple[Known, ...]
    fitted_for: FittedFor
    faults: int
    unlabelled: int


def read_lines(path: Path) -> list[Inspection]:
    """Read lines of `kotoba-edge inspect`.

    Raises:
        LabelsError: the file cannot be read, or a line is no inspection.
    """
    try:
        with path.open("rb") as file:
            return [decode(line.rstrip(b"\n")) for line in file]
    except OSError as err:
        msg = f"lines {path} cannot be read ({err.strerror}): make them with `kotoba-edge inspect --jsonl`"
        raise LabelsError(msg) from err
    except MessageError as err:
        msg = f"lines {path}: {err}"
        raise LabelsError(msg) from err


def read_labels(path: Path) -> dict[str, str]:
    """Read a CSV with the columns `source` and `label`: source to label.

    Raises:
        LabelsError: the file cannot be read, is no such table, or names a source twice.
    """
    try:
        if path.stat().st_size > MAX_LABELS_BYTES:
            msg = f"truth {path} has more than {MAX_LABELS_BYTES} bytes: give one line for each picture"
            raise LabelsError(msg)
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, strict=True))
    except OSError as err:
        msg = f"truth {path} cannot be read ({err.strerror}): give a CSV file with the columns source,label"
        raise LabelsError(msg) from err
    except (csv.Error, UnicodeDecodeError) as err:
        msg = f"truth {path} is no CSV file in UTF-8 ({err}): give the columns source,label"
        raise LabelsError(msg) from err
    if not rows or rows[0] != COLUMNS:
        have = f"begins with {','.join(rows[0])[:80]!r}" if rows else "is empty"
        msg = f"truth {path} {have}, expected the columns {','.join(COLUMNS)}: add that line"
        raise LabelsError(msg)
    truth: dict[str, str] = {}
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(COLUMNS):
            msg = f"truth {path}, line {number}: {len(row)} columns, expected {','.join(COLUMNS)}: correct the line"
            raise LabelsError(msg)
        source, label = row
        if source in truth:
            msg = f"truth {path}, line {number}: {source!r} is there twice: keep one"
            raise LabelsError(msg)
        truth[source] = label
    return truth


def match(lines: Sequence[Inspection], truth: Mapping[str, str], station: Station, models: str) -> Matched:
    """Match the lines of a station and of a bundle's models (their digest) with what is true of their pictures.

    Raises:
        LabelsError: a truth without a line, an unknown label, a line of another station or bundle, or lines of more than one judge.
    """
    by_source: dict[str, Inspection] = {}
    for line in lines:
        _require_ours(line, station, models)
        if by_source.setdefault(line.source, line) is not line:
            msg = f"the lines hold {line.source} twice: inspect each picture once"
            raise LabelsError(msg)
    missing = [source for source in truth if source not in by_source]
    if missing:
        msg = (
            f"{len(missing)} of {len(truth)} truths have no line, the first is {missing[0]!r}: inspect these pictures or correct the source"
        )
        raise LabelsError(msg)
    allowed = {source: allowed_labels(label, source, station) for source, label in truth.items()}
    known = [line for line in lines if line.source in truth]
    judged = [(line.description, line.scores, allowed[line.source]) for line in known]
    pictures = tuple(Known(words, scores, right) for words, scores, right in judged if words is not None and scores is not None)
    return Matched(pictures, _judge_of(pictures, station, models), len(known) - len(pictures), len(lines) - len(known))


def _require_ours(line: Inspection, station: Station, models: str) -> None:
    for what, theirs, ours in (("station", line.station, station.station.name), ("models", line.models_digest, models)):
        if theirs != ours:
            msg = f"the line of {line.source} is of {what} {theirs}, not {ours}: inspect the pictures again with this {what}"
            raise LabelsError(msg)


def allowed_labels(truth: str, source: str, station: Station) -> AbstractSet[str]:
    """The labels that a truth allows: the label of that name, else all labels of that decision."""
    names = {label.name for label in station.labels if label.name == truth} or {
        label.name for label in station.labels if label.decision == truth
    }
    if not names:
        know = ", ".join(dict.fromkeys([*(label.name for label in station.labels), *(label.decision for label in station.labels)]))
        msg = f"{source} is labelled {truth!r}, which station {station.station.name} does not know: use one of {know}"
        raise LabelsError(msg)
    return names


def _judge_of(pictures: Sequence[Known], station: Station, models: str) -> FittedFor:
    """The judge of all these pictures."""
    judges = {(known.scores.method, known.scores.adapter, known.scores.prompt, known.scores.labels) for known in pictures}
    if len(judges) != 1:
        have = f"{len(judges)} judges (method, adapter, instruction or labels differ)" if judges else "none: each was a FAULT"
        msg = f"the labelled pictures were judged by {have}: inspect them all again with the station as it is"
        raise LabelsError(msg)
    ((method, adapter, prompt, labels),) = judges
    if prompt is None:
        msg = "the lines do not say by which instruction they were judged: inspect the pictures again with this version"
        raise LabelsError(msg)
    ours = labels_of(station.labels)
    if labels != tuple(ours):
        msg = (
            f"the lines were judged for the labels {', '.join(labels)}, station {station.station.name} has {', '.join(ours)}: inspect again"
        )
        raise LabelsError(msg)
    return FittedFor(models=models, prompt=prompt, adapter=adapter, method=method, describing=station.describing_digest, labels=ours)
