"""Run by tests/edge/sinks/test_jsonl_rotation.py: writes verdicts to a file of JSON lines that is put aside often.

`FOLDER write FIRST COUNT` prints the number of each verdict that is on disk; it may be killed. `FOLDER fail FAULT` lets each disk call fail
in turn, with a fault of tests/faults/call_index.py, which must be loaded, and prints what was found wrong afterwards.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from edge.errors import DeliveryError
from edge.message import decode
from edge.records import Inspection
from edge.sinks.jsonl import JsonlSink, files_put_aside
from firmware_config.outputs import JsonlOutput
from tests.faults.call_index import armed
from tests.support.inspections import inspection

MAX_BYTES = 100_000
DETAIL = "x" * 9_000
"""So that a dozen lines fill a file."""


def verdict(number: int) -> Inspection:
    return replace(inspection(number, detail=DETAIL), epoch="e1", seq=number)


def output(folder: Path, keep_files: int = 100_000) -> JsonlOutput:
    return JsonlOutput(path=folder / "verdicts.jsonl", max_bytes=MAX_BYTES, keep_files=keep_files)


def numbers_in(folder: Path) -> list[int]:
    """The numbers of the verdicts as a reader takes them: files that were put aside, in their order, then the file itself."""
    path = output(folder).path
    files = [*files_put_aside(path), *([path] if path.exists() else [])]
    return [decode(line).seq for file in files for line in file.read_bytes().splitlines()]


def write(folder: Path, first: int, count: int) -> None:
    with closing(JsonlSink(output(folder))) as sink:
        for each in sink.deliver(verdict(number) for number in range(first, first + count)):
            print(each.seq, flush=True)  # noqa: T201 -- for the test


def attempt(folder: Path, fault: str, at: int | None) -> tuple[int, Sequence[int]]:
    """Write 40 verdicts while a call fails, with a second try for what was refused; returns the calls, and what a reader finds."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    wanted = [verdict(number) for number in range(1, 41)]
    with closing(JsonlSink(output(folder))) as sink:
        with armed(folder, fault, at=at) as counter:
            for _ in range(2):
                try:
                    for each in sink.deliver(list(wanted)):
                        wanted.remove(each)
                except DeliveryError:
                    continue
        list(sink.deliver(wanted))
    return counter.count, numbers_in(folder)


def main() -> None:
    folder, verb, *rest = Path(sys.argv[1]), *sys.argv[2:]
    if verb == "write":
        write(folder, *map(int, rest))
        return
    calls, _ = attempt(folder / "files", rest[0], None)
    wrong = [at for at in range(calls) if sorted(set(attempt(folder / "files", rest[0], at)[1])) != list(range(1, 41))]
    print(json.dumps({"calls": calls, "wrong": wrong}))  # noqa: T201 -- for the test


if __name__ == "__main__":
    main()
