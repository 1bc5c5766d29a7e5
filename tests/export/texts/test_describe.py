"""A text data set is made in shards: each picture is one row, a stopped run goes on, and the bytes do not tell that it was stopped."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from pyarrow import parquet

from edge.errors import DescribeError
from export.cache.held_folder import FolderHeldError
from export.progress import Report
from export.texts.dataset import read
from export.texts.describe import describe
from export.texts.errors import TextsError
from export.texts.tally import Tally
from tests.support.described_texts import USED, ScriptedWorkers, contents, job, row, write_tree
from tests.support.tiny_bundle import is_one_sentence


def silent(_: str) -> None:
    """Takes progress."""


SILENT: Report = silent


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "cells")


def refused(tree: Path, out: Path, **changes: object) -> str:
    work = replace(job(tree), **changes)  # type: ignore[arg-type]
    with pytest.raises((TextsError, FolderHeldError)) as raised:
        describe(work, out, workers=ScriptedWorkers(), report=SILENT)
    assert is_one_sentence(str(raised.value))
    return str(raised.value)


def test_each_picture_is_one_row_in_both_kinds_of_file(tree: Path, tmp_path: Path) -> None:
    (tree / "line1" / "crack" / "001.png").write_bytes(b"broken")

    dataset = describe(job(tree), tmp_path / "out", workers=ScriptedWorkers(), report=SILENT)

    rows = list(dataset.rows())
    assert rows == [row(picture) for picture in job(tree).pictures]
    assert (dataset.about.rows, dataset.about.errors, dataset.about.labels) == (16, 1, {"crack": 8, "intact": 8})
    assert [shard.rows for shard in dataset.about.shards] == [3, 3, 3, 3, 3, 1]
    tables = [parquet.read_table(tmp_path / "out" / shard.parquet_name).to_pylist() for shard in dataset.about.shards]
    columns = [one for table in tables for one in table]
    assert [one["id"] for one in columns] == [one.id for one in rows]
    assert columns[0]["tags"] == [{"word": "crack", "score": 0.31}, {"word": "亀裂", "score": 0.2}]
    assert columns[1]["error"] == "it is broken"
    assert list(columns[0]) == list(dataset.about.columns)


def test_a_stopped_run_goes_on_and_ends_with_the_same_bytes(tree: Path, tmp_path: Path) -> None:
    describe(job(tree), tmp_path / "whole", workers=ScriptedWorkers(), report=SILENT)
    with pytest.raises(DescribeError):
        describe(job(tree), tmp_path / "out", workers=ScriptedWorkers(fails_at=3), report=SILENT)
    with pytest.raises(TextsError, match=r"has no dataset\.json"):
        read(tmp_path / "out")
    (tmp_path / "out" / ".data-00003.parquet.x1y2").write_bytes(b"torn")
    (tmp_path / "out" / "data-00001.jsonl").write_bytes(b"torn\n")

    again = ScriptedWorkers(backwards=True)
    describe(job(tree), tmp_path / "out", workers=again, report=SILENT)

    assert len(again.described) == 16 - 2 * 3
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def exchange(tree: Path) -> Path:
    """Another picture of the same name and size, as an uncompressed one always has."""
    changed = tree / "line1" / "crack" / "001.png"
    changed.write_bytes(changed.read_bytes()[::-1])
    return changed


def test_a_picture_that_was_exchanged_is_described_again_when_work_goes_on(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(DescribeError):
        describe(job(tree), tmp_path / "out", workers=ScriptedWorkers(fails_at=3), report=SILENT)
    exchange(tree)

    again = ScriptedWorkers()
    dataset = describe(job(tree), tmp_path / "out", workers=again, report=SILENT)

    assert list(dataset.rows()) == [row(picture) for picture in job(tree).pictures]
    assert len(again.described) == 16 - 2 * 3, "other finished shards are kept"


def test_a_finished_data_set_of_a_picture_that_was_exchanged_is_refused(tree: Path, tmp_path: Path) -> None:
    describe(job(tree), tmp_path / "out", workers=ScriptedWorkers(), report=SILENT)
    changed = exchange(tree)
    assert "line1/crack/001.png is another picture since" in refused(tree, tmp_path / "out")
    exchange(tree)
    assert changed.stat().st_ctime_ns > (tmp_path / "out" / "dataset.json").stat().st_mtime_ns
    describe(job(tree), tmp_path / "out", workers=ScriptedWorkers(), report=SILENT)


def test_a_finished_data_set_is_not_made_again(tree: Path, tmp_path: Path) -> None:
    describe(job(tree), tmp_path / "out", workers=ScriptedWorkers(), report=SILENT)
    again = ScriptedWorkers()
    describe(job(tree), tmp_path / "out", workers=again, report=SILENT)
    assert again.described == []
    assert "with another value of models" in refused(tree, tmp_path / "out", used=replace(USED, models="sha256:other"))


def test_what_was_begun_with_other_settings_or_pictures_is_refused(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(DescribeError):
        describe(job(tree), tmp_path / "out", workers=ScriptedWorkers(fails_at=1), report=SILENT)
    assert "begun with another value of describing" in refused(tree, tmp_path / "out", used=replace(USED, describing="sha256:other"))
    assert "begun with another value of shard_rows" in refused(tree, tmp_path / "out", shard_rows=4)
    (tree / "line1" / "crack" / "001.png").write_bytes(b"another picture")
    assert "begun with another value of sources" in refused(tree, tmp_path / "out")


def test_a_folder_with_other_files_or_with_somebody_at_work_is_refused(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "holiday.jpg").write_bytes(b"x")
    assert "the folder holds holiday.jpg" in refused(tree, tmp_path / "full")
    (tmp_path / "busy").mkdir()
    descriptor = os.open(tmp_path / "busy", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert "another process is at work there" in refused(tree, tmp_path / "busy")
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("name", ["data-00002.jsonl", "data-00000.parquet"])
def test_a_changed_or_missing_file_is_found_when_it_is_read(tree: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    describe(job(tree), out, workers=ScriptedWorkers(), report=SILENT)
    content = (out / name).read_bytes()
    (out / name).write_bytes(content[:-2] + b"\n\n")
    with pytest.raises(TextsError, match="was changed: describe the pictures again"):
        read(out)
    (out / name).unlink()
    with pytest.raises(TextsError, match="No such file"):
        read(out)


def test_a_wrong_dataset_json_is_one_sentence(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    describe(job(tree), out, workers=ScriptedWorkers(), report=SILENT)
    values = json.loads((out / "dataset.json").read_bytes())
    (out / "dataset.json").write_text(json.dumps(values | {"rows": "many"}))
    with pytest.raises(TextsError) as raised:
        read(out)
    assert is_one_sentence(str(raised.value))
    assert "rows" in str(raised.value)


def test_what_makes_a_study_weak_is_said_in_one_sentence_each(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "cells", count=6)
    for path in [*tree.glob("line2/*/00[0-9].png")][3:]:
        path.unlink()
    (tree / "line1" / "crack" / "000.png").write_bytes(b"broken")
    (tree / "line1" / "crack" / "002.png").write_bytes((tree / "line1" / "crack" / "001.png").read_bytes())
    only = [replace(picture, label="crack") for picture in job(tree).pictures]

    remarks = Tally(map(row, only)).remarks()

    assert tuple(map(str, remarks)) == (
        "Not described: 1 of the pictures, the first is line1/crack/000.png; the column error says why.",
        "All labelled pictures are 'crack': a study needs at least two classes.",
        "The domain 'line2' is small: 3 of its pictures have a label and words, and below 10 no rate means anything.",
        "Copies of other pictures, byte for byte: 1; each counts as a picture of its own.",
    )
    assert Tally(row(replace(one, label=None)) for one in only).remarks()[1].code == "no_label"


def test_names_of_a_user_cannot_break_the_tables_of_the_card(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "cells", domains=("a|b",))
    describe(job(tree), tmp_path / "out", workers=ScriptedWorkers(), report=SILENT)
    assert "| a\\|b | 8 |" in (tmp_path / "out" / "card.md").read_text()
