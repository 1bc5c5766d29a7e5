"""`kotoba-export describe` with real models: killed without warning, alone or on Ray, it ends with the files of a run in peace."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from edge.demo.cells import sample_cells
from export.cli import main
from tests.support.described_texts import contents
from tests.support.describing import Describing
from tests.support.repository import KEYS, STARTER

pytestmark = pytest.mark.long

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the package ray is missing: install kotoba-edge[ray]")


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("texts") / "cells"
    for cell in sample_cells(40):
        folder = root / cell.material / ("defective" if cell.defective else "functional")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(cell.path, folder)
    (root / "mono" / "functional" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return root


@pytest.fixture(scope="module")
def undisturbed(cells: Path) -> dict[str, bytes]:
    """The files of a run in peace, in one process."""
    with Describing(cells, cells.parent / "undisturbed") as run:
        assert run.ended() == 0, run.said
    return contents(cells.parent / "undisturbed")


def test_words_are_described_and_an_unreadable_picture_is_a_row(undisturbed: dict[str, bytes]) -> None:
    rows = [json.loads(line) for name in sorted(undisturbed) if name.endswith(".jsonl") for line in undisturbed[name].splitlines()]

    assert len(rows) == 41
    (broken,) = [row for row in rows if row["error"]]
    assert broken["source"] == "mono/functional/broken.png"
    assert "picture broken.png" in broken["error"]
    assert all(row["tags"] and row["captions"] and (row["width"], row["height"]) == (300, 300) for row in rows if not row["error"])


def test_a_killed_run_goes_on_where_it_was_stopped(cells: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    with Describing(cells, tmp_path / "out") as run:
        run.wait_for_shards(3)
        run.kill()
    with Describing(cells, tmp_path / "out") as run:
        assert run.ended() == 0, run.said
        assert "were there before" in run.said
    assert contents(tmp_path / "out") == undisturbed


@needs_ray
def test_on_ray_a_killed_worker_changes_nothing(cells: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    with Describing(cells, tmp_path / "out", "--ray", "local") as run:
        run.wait_for_shards(2)
        run.kill_worker()
        assert run.ended() == 0, run.said
    assert contents(tmp_path / "out") == undisturbed


@needs_ray
def test_on_ray_a_killed_run_goes_on_where_it_was_stopped(cells: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    with Describing(cells, tmp_path / "out", "--ray", "local") as run:
        run.wait_for_shards(2)
        run.kill()
    with Describing(cells, tmp_path / "out", "--ray", "local") as run:
        assert run.ended() == 0, run.said
        assert "were there before" in run.said
    assert contents(tmp_path / "out") == undisturbed


def test_a_label_that_the_station_does_not_know_is_one_sentence(cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    station = STARTER / "golden" / "station.toml"
    arguments = ["--bundle", str(STARTER), "--keys", str(KEYS), "--station", str(station), "--out", str(tmp_path / "out")]

    assert main(["describe", str(cells), *arguments]) == 78

    (said,) = capsys.readouterr().err.splitlines()
    assert "is labelled 'defective', which the station does not know" in said
    assert not (tmp_path / "out").exists()


@needs_ray
@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://head:10001", "somewhere"])
def test_a_cluster_that_is_not_there_is_one_sentence(cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], address: str) -> None:
    arguments = ["--bundle", str(STARTER), "--keys", str(KEYS), "--out", str(tmp_path / "out"), "--ray", address]

    assert main(["describe", str(cells), *arguments]) == 1

    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"kotoba-export: reaching the Ray cluster {address} failed (")
    assert said.endswith("start it with `ray start --head`, or give `local`")
