"""Inspections of many pictures that are kept one by one, so that a study that was interrupted goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edge.errors import MessageError
from edge.message import decode, encode
from edge.records import Inspection
from export.progress import Report
from export.studies.errors import StudyError
from firmware_config.station import Station

Inspect = Callable[[int], Inspection]
"""Inspects the picture of an index; its source is the picture's name."""


def inspect_each(
    names: Sequence[str], open_inspect: Callable[[], Inspect], *, jsonl: Path, models: str, station: Station, what: str, report: Report
) -> list[Inspection]:
    """Inspect the pictures that have no line in `jsonl`; each inspection is appended to that file at once.

    `models` is the digest of the bundle's models; `what` names the pictures in messages. `open_inspect` is called only if one is missing.
    A last line that is cut off, as by a kill, is made again.

    Raises:
        StudyError: `jsonl` is damaged, or has lines of other pictures, models or station settings.
    """
    done, whole_bytes = _read_lines(jsonl)
    expected = [(name, models, station.settings_digest) for name in names]
    if [(line.source, line.models_digest, line.settings_digest) for line in done] != expected[: len(done)]:
        msg = f"the inspections in {jsonl} are not those of {what}, models {models} and this station: remove the file to inspect again"
        raise StudyError(msg)
    if len(done) < len(names):
        inspect = open_inspect()
        with jsonl.open("ab") as lines:
            lines.truncate(whole_bytes)
            for index in range(len(done), len(names)):
                done.append(inspect(index))
                lines.write(encode(done[-1]) + b"\n")
                lines.flush()
                report(f"inspecting {what}: {index + 1} of {len(names)}")
    return done


def _read_lines(jsonl: Path) -> tuple[list[Inspection], int]:
    """The inspections of all whole lines, and how many bytes these have."""
    try:
        raw = jsonl.read_bytes() if jsonl.exists() else b""
        whole = raw[: raw.rfind(b"\n") + 1]
        return [decode(line) for line in whole.splitlines()], len(whole)
    except (MessageError, OSError) as err:
        msg = f"reading inspections from {jsonl} failed ({err}): remove the file to inspect again"
        raise StudyError(msg) from err
