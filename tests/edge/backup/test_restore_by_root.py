"""Root restores a box whose folder another user may write: nothing that lies there leads it elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeAlias

import pytest

from edge.backup.pack import back_up
from edge.backup.unfinished import decided_folder
from edge.cli import main
from firmware_config.settings import BoxSettings
from tests.support.kept_boxes import make_box

NOW = datetime(2026, 11, 23, 4, 24, tzinfo=timezone.utc)

Restore: TypeAlias = Callable[..., int]


@pytest.fixture
def box(tmp_path: Path) -> BoxSettings:
    return make_box(tmp_path / "box")


@pytest.fixture
def restore(box: BoxSettings, monkeypatch: pytest.MonkeyPatch) -> Restore:
    for name in ("stations", "keys", "bundles", "spool"):
        monkeypatch.setenv(f"KOTOBA_{name.upper()}", str(getattr(box, name)))
    return lambda *arguments: main(["restore", *arguments])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could be led to write what another user has prepared")
def test_root_does_not_finish_what_another_user_has_prepared(
    box: BoxSettings, tmp_path: Path, restore: Restore, capsys: pytest.CaptureFixture[str]
) -> None:
    files, planted = decided_folder(box.spool) / "files", tmp_path / "etc/cron.d/planted"
    files.mkdir(parents=True)
    planted.parent.mkdir(parents=True)
    (files / "000000").write_text("* * * * * root id")
    digest = hashlib.sha256((files / "000000").read_bytes()).hexdigest()
    file = {"number": 0, "place": str(planted), "mode": 0o644, "sha256": digest, "spool": False}
    plan = {"schema": "kotoba.restore/1", "aside": "x", "epoch": None, "row": 0, "files": [file]}
    (decided_folder(box.spool) / "plan.json").write_text(json.dumps(plan))
    for path in (files / "000000", files, decided_folder(box.spool) / "plan.json", decided_folder(box.spool)):
        os.chown(path, 65_534, 65_534)
    assert restore("--finish") == 1
    assert "is not of this user alone: finish it as the user who began it" in capsys.readouterr().err
    assert not planted.exists()


def test_a_link_that_leads_out_of_the_folders_of_the_box_is_not_followed(
    box: BoxSettings, tmp_path: Path, restore: Restore, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("elsewhere", "box/lib/own"):
        (tmp_path / name).mkdir()
    (tmp_path / "box/lib/lessons.jsonl").rename(tmp_path / "box/lib/own/lessons.jsonl")
    station = box.stations / "cell-01.toml"
    station.write_text(station.read_text().replace("lib/lessons.jsonl", "lib/own/lessons.jsonl"))
    back_up(box, tmp_path / "own.backup", with_bundles=False, now=NOW)
    (tmp_path / "box/lib/own").rename(tmp_path / "box/lib/other")
    (tmp_path / "box/lib/own").symlink_to(tmp_path / "elsewhere")
    assert restore(str(tmp_path / "own.backup"), "--replace") == 1
    assert "a link on the way to" in capsys.readouterr().err
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert not decided_folder(box.spool).exists()
