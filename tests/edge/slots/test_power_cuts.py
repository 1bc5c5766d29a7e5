"""The power of a box is cut while bundles are installed, tried and taken back: never a mixed bundle, always one that judges."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.faults.file_power_cut import Call, Disk, recorded
from tests.support.killed_slots import SCENARIOS, goes_on, look
from tests.support.memory_folder import folder_in_memory
from tests.support.repository import ROOT


class Record:
    """The scenarios as strace has seen them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        command = [sys.executable, "-m", "tests.support.recorded_slots", str(root)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        self._calls = recorded(command, log=root / "log", timeout_s=280, cwd=ROOT, env=environment)
        keys = json.loads((root / "keys.json").read_text())
        self.keys: Mapping[str, bytes] = {key: bytes.fromhex(public) for key, public in keys.items()}

    def before(self, number: int) -> Path:
        return self.root / "before" / str(number)

    def during(self, number: int) -> Path:
        return self.root / "during" / str(number)

    def calls(self, number: int) -> list[Call]:
        """What a scenario does below its folder."""
        begin = self._calls.index(Call("mkdir", str(self.root / "begin" / str(number))))
        return [call for call in self._calls[begin + 1 :] if call.path.startswith(f"{self.during(number)}/")]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Record]:
    with folder_in_memory(tmp_path_factory.mktemp("cuts")) as folder:
        yield Record(folder)


def cuts(record: Record, number: int, count: int, *, believe_files: bool = True) -> list[str]:
    """Cut the power so often in a scenario; what was wrong afterwards."""
    scenario, calls, dice, wrong = SCENARIOS[number], record.calls(number), random.Random(number), list[str]()
    for cut in range(count):
        disk, at = Disk(record.during(number)), dice.randint(0, len(calls))
        for call in calls[:at]:
            disk.do(call, believe_files=believe_files)
        into = record.root / "cut"
        disk.cut(record.before(number), into, dice)
        said = look(into, scenario.may_run, record.keys) or goes_on(into, record.root / "stick", record.keys)
        wrong += [f"{scenario.name}, cut {cut} after call {at} of {len(calls)}: {said}"] if said else []
        shutil.rmtree(into)
    return wrong


def test_the_record_of_a_scenario_played_to_its_end_is_what_it_left(record: Record, tmp_path: Path) -> None:
    for number in range(len(SCENARIOS)):
        disk = Disk(record.during(number))
        for call in record.calls(number):
            disk.do(call)
        disk.pinned = len(disk.names)
        for file in disk.files.values():
            file.sure = file.content
        disk.cut(record.before(number), tmp_path / str(number), random.Random(0))
        played, real = (
            {str(path.relative_to(root)): path.read_bytes() if path.is_file() else b"" for path in root.rglob("*")}
            for root in (tmp_path / str(number), record.during(number))
        )
        assert played == real, SCENARIOS[number].name


@pytest.mark.parametrize(
    "count", [pytest.param(3, marks=pytest.mark.long, id="a part"), pytest.param(60, marks=pytest.mark.soak, id="all")]
)
def test_a_power_cut_leaves_a_whole_bundle_that_judges(count: int, record: Record, record_property: Callable[[str, object], None]) -> None:
    wrong = [line for number in range(len(SCENARIOS)) for line in cuts(record, number, count)]

    done = count * len(SCENARIOS)
    record_property("M3", f"{done} power cuts during installs, trials, activations and rollbacks: {len(wrong)} without a whole bundle")
    assert wrong == []


@pytest.mark.long
def test_without_synchronised_files_a_power_cut_does_leave_a_broken_bundle(record: Record) -> None:
    """The test bites."""
    install = next(number for number, scenario in enumerate(SCENARIOS) if scenario.name == "rollback")
    first = next(number for number, scenario in enumerate(SCENARIOS) if scenario.name == "install over the one before")
    assert cuts(record, install, 30, believe_files=False) + cuts(record, first, 30, believe_files=False) != []
