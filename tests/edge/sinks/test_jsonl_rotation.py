"""A file of JSON lines that has a limit: full ones are put aside, and whatever fails, a reader finds every verdict."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from edge.message import decode
from edge.sinks.jsonl import JsonlSink, files_put_aside
from firmware_config.outputs import JsonlOutput
from tests.faults.call_index import FAULTS, preloaded
from tests.support.memory_folder import folder_in_memory
from tests.support.repository import ROOT
from tests.support.rotating_writer import MAX_BYTES, numbers_in, output, verdict

WRITER = [sys.executable, "-m", "tests.support.rotating_writer"]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with folder_in_memory(tmp_path) as memory:
        yield memory


def write(folder: Path, numbers: range, *, keep_files: int = 100) -> None:
    with closing(JsonlSink(output(folder, keep_files))) as sink:
        list(sink.deliver(verdict(number) for number in numbers))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_full_file_is_put_aside_whole_and_a_reader_finds_all_in_order(folder: Path) -> None:
    write(folder, range(1, 41))
    assert names(folder) == ["verdicts.jsonl", *(f"verdicts.jsonl.00000{number}" for number in (1, 2, 3))]
    assert numbers_in(folder) == list(range(1, 41))
    assert all(path.stat().st_size <= MAX_BYTES for path in folder.iterdir())


def test_the_newest_are_kept_and_numbers_go_on(folder: Path) -> None:
    write(folder, range(1, 61), keep_files=2)
    write(folder, range(61, 101), keep_files=2)
    assert names(folder) == ["verdicts.jsonl", "verdicts.jsonl.000008", "verdicts.jsonl.000009"]
    assert numbers_in(folder) == list(range(71, 101))


def test_other_files_beside_it_are_left_alone(folder: Path) -> None:
    for name in ("verdicts.jsonl.1", "verdicts.jsonl.backup", "other.jsonl.000001", "verdicts.jsonl.000001.gz"):
        (folder / name).write_bytes(b"mine")
    write(folder, range(1, 41), keep_files=1)
    assert {path.name for path in folder.iterdir() if path.read_bytes() == b"mine"} == {
        "verdicts.jsonl.1",
        "verdicts.jsonl.backup",
        "other.jsonl.000001",
        "verdicts.jsonl.000001.gz",
    }


def test_a_file_that_logrotate_moves_away_is_begun_anew_and_nothing_is_lost(folder: Path) -> None:
    path = folder / "out.jsonl"
    with closing(JsonlSink(JsonlOutput(path=path))) as sink:
        list(sink.deliver([verdict(1)]))
        path.rename(folder / "out.jsonl.1")
        list(sink.deliver([verdict(2)]))
        path.unlink()
        list(sink.deliver([verdict(3)]))
    assert [decode(line).seq for line in (folder / "out.jsonl.1").read_bytes().splitlines()] == [1]
    assert [decode(line).seq for line in path.read_bytes().splitlines()] == [3]


def test_a_file_that_somebody_cut_short_is_written_on_without_a_hole(folder: Path) -> None:
    path = folder / "out.jsonl"
    with closing(JsonlSink(JsonlOutput(path=path))) as sink:
        list(sink.deliver([verdict(1)]))
        os.truncate(path, 0)
        list(sink.deliver([verdict(2)]))
    assert [decode(line).seq for line in path.read_bytes().splitlines()] == [2]


def test_keep_files_without_a_limit_is_refused() -> None:
    with pytest.raises(ValidationError, match="set max_bytes too"):
        JsonlOutput(path=Path("/x"), keep_files=3)


def test_an_output_can_be_handed_on_as_json() -> None:
    for settings in (JsonlOutput(path=Path("/x")), JsonlOutput(path=Path("/x"), max_bytes=100_000, keep_files=3)):
        assert JsonlOutput.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.long
def test_after_kills_a_reader_finds_every_verdict_that_was_on_disk(folder: Path) -> None:
    dice, said = random.Random(7), 0
    for _ in range(12):
        process = subprocess.Popen([*WRITER, str(folder), "write", str(said + 1), "100000"], cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None
        for _ in range(dice.randrange(5, 200)):
            said = int(process.stdout.readline())
        process.kill()
        said = max([said, *map(int, process.stdout.read().split(b"\n")[:-1])])
        process.stdout.close()
        process.wait()
    found = numbers_in(folder)
    assert set(range(1, said + 1)) <= set(found)
    assert len(files_put_aside(output(folder).path)) > 12
    again = [number for before, number in pairwise(found) if number <= before]
    assert len(again) <= 12, "only a kill makes verdicts come twice"


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
def test_a_disk_call_that_fails_costs_no_verdict(folder: Path, fault: str) -> None:
    environment = {**os.environ, **preloaded(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*WRITER, str(folder), "fail", fault], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout)
    assert seen["wrong"] == []
    assert seen["calls"] >= 4
