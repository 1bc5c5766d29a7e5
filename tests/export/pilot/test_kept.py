"""Results of a pilot are made once, and made again when they are damaged or something that decides them changes."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from export.pilot.corpora import drawn_blocks
from export.pilot.kept import kept_arrays
from export.pilot.steps import Steps
from export.texts.row import Row


class Maker:
    """Makes one array, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[str, NDArray[np.generic]]:
        self.times += 1
        return {"a": np.arange(1_000)}


def silent(_: str) -> None:
    """Takes progress."""


def test_arrays_are_made_once(tmp_path: Path) -> None:
    make = Maker()
    first, second = (kept_arrays(tmp_path / "new" / "a.npz", make)["a"] for _ in range(2))

    assert make.times == 1
    assert (first == second).all()


@pytest.mark.parametrize("torn", [b"", b"PK\x03\x04", None])
def test_a_damaged_file_is_made_again(tmp_path: Path, torn: bytes | None) -> None:
    path, make = tmp_path / "a.npz", Maker()
    kept_arrays(path, make)
    path.write_bytes(path.read_bytes()[:-100] if torn is None else torn)

    found = kept_arrays(path, make)

    assert make.times == 2
    assert (found["a"] == np.arange(1_000)).all()
    assert zipfile.is_zipfile(path)


def test_a_step_is_made_again_if_what_decides_it_changes(tmp_path: Path) -> None:
    steps, made = Steps(tmp_path, report=silent), list[int]()

    def make() -> tuple[int, ...]:
        made.append(len(made))
        return (made[-1],)

    results = [steps.kept("a step", tuple[int, ...], make, modules=("export.errors",), decided_by=one) for one in ([1], [1], [2], [1])]

    assert results == [(0,), (0,), (1,), (0,)]


def test_seconds_of_all_runs_count(tmp_path: Path) -> None:
    for moments in ((0.0, 2.0), (10.0, 13.0)):
        steps = Steps(tmp_path, report=silent, monotonic=iter(moments).__next__)
        with steps.step("describe"):
            pass

    assert dict(steps.seconds) == {"describe": 5.0}


def test_damaged_times_count_from_now_on(tmp_path: Path) -> None:
    (tmp_path / "times.json").write_bytes(b"{")

    assert dict(Steps(tmp_path, report=silent).seconds) == {}


def rows(*blocks: str) -> list[Row]:
    return [
        Row(id=f"{n:064x}", source=f"{n}", label="a", domain="d", split=None, block=block, models_digest="", describe_digest="")
        for n, block in enumerate(blocks)
    ]


def test_whole_blocks_are_drawn_and_no_more_than_asked() -> None:
    given = rows(*(f"{number // 5}" for number in range(100)))

    drawn = drawn_blocks(given, 33)

    assert len(drawn) == 30
    assert all(sum(one.block == block for one in drawn) == 5 for block in {one.block for one in drawn})
    assert drawn == [row for row in given if row in drawn]
    assert drawn_blocks(given, 33) == drawn


def test_one_block_that_is_too_large_is_still_drawn() -> None:
    assert len(drawn_blocks(rows(*["a"] * 50), 20)) == 50
