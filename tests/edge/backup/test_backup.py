"""A box in one file, and a box from it."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from edge.backup.manifest import Entry, place_of
from edge.backup.open import opened_backup
from edge.backup.pack import back_up
from edge.backup.restore import in_the_way
from edge.backup.unfinished import decided_folder, require_no_unfinished_restore
from edge.bundle.archive import END, header, padding
from edge.bundle.open import open_bundle
from edge.cli import main
from edge.errors import BackupError, SpoolError
from edge.slots.open import slots_of
from edge.spool.damage import open_aside
from edge.spool.holder import held_alone
from firmware_config.settings import BoxSettings
from tests.support.inspections import inspection
from tests.support.kept_boxes import EPOCH, ROWS, SECRET, accepted, files_below, make_box, opened_spool, settings_of
from tests.support.signed_bundles import write_bundle
from tests.support.slots import bundle_folder
from tests.support.tiny_bundle import TRUSTED

NOW = datetime(2026, 11, 23, 4, 24, tzinfo=timezone.utc)


@pytest.fixture
def box(tmp_path: Path) -> BoxSettings:
    return make_box(tmp_path / "box")


@pytest.fixture
def kept(box: BoxSettings, tmp_path: Path) -> Path:
    back_up(box, tmp_path / "press-3.backup", with_bundles=False, now=NOW)
    return tmp_path / "press-3.backup"


def run(verb: str, settings: BoxSettings, *arguments: str | Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command on a box as its service does."""
    for name in ("stations", "keys", "bundle", "bundles", "spool"):
        if name != "bundle" or settings.bundle.exists():
            monkeypatch.setenv(f"KOTOBA_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("KOTOBA_BOX", settings.box)
    return main([verb, *map(str, arguments)])


def test_a_new_box_goes_on_as_the_kept_one_under_a_new_epoch(
    box: BoxSettings, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = files_below(tmp_path / "box")
    expected["lib/lessons.jsonl"] = b'{"lesson": 1}\n{"lesson": 2}\n'  # without the line that was being written
    del expected["etc/password"]
    (tmp_path / "box").rename(tmp_path / "broken")
    assert run("restore", box, kept, monkeypatch=monkeypatch) == 0
    assert files_below(tmp_path / "box") == expected
    said = capsys.readouterr()
    assert "the spool goes on in epoch" in said.out
    assert f"put it in place: {tmp_path / 'box/etc/password'}" in said.err
    with closing(opened_spool(box.spool)) as spool:
        assert spool.epoch != EPOCH
        assert spool.status().moved_aside is None
        waiting = spool.pending("mqtt", ["cell-01"], 100)
        assert [(one.inspection.id, one.inspection.epoch, one.inspection.seq) for one in waiting] == [
            (f"id-{number}", EPOCH, number) for number in range(6, ROWS + 1)
        ]
        new = spool.commit(replace(inspection(1), station="cell-01", id="new"))
        assert (new.seq, new.epoch) == (1, spool.epoch)
        assert spool.replay("mqtt", "cell-01", 1, 5, epoch=EPOCH) == 5, "what was sent can be sent again"
    for own in (box.spool, box.spool.with_name("answers.jsonl")):
        assert oct(own.stat().st_mode & 0o777) == "0o600"


def test_a_backup_beside_a_running_daemon_holds_all_that_was_committed_before_it(box: BoxSettings, tmp_path: Path) -> None:
    stop = threading.Event()
    committed = [ROWS]
    with held_alone(box.spool), closing(opened_spool(box.spool)) as spool:

        def commit() -> None:
            while not stop.is_set():
                spool.commit(replace(inspection(1), station="cell-01", id=f"more-{committed[0]}"))
                committed[0] += 1

        thread = threading.Thread(target=commit)
        thread.start()
        try:
            for number in range(5):
                before = committed[0]
                manifest = back_up(box, tmp_path / f"{number}.backup", with_bundles=False, now=NOW)
                assert before <= manifest.rows <= committed[0] + 1
                with opened_backup(tmp_path / f"{number}.backup") as backup:
                    backup.copy(len(manifest.entries) - 1, tmp_path / f"{number}.sqlite")
                with closing(open_aside(tmp_path / f"{number}.sqlite")) as copy:
                    assert copy.execute("SELECT count(*), max(row) FROM inspections").fetchone() == (manifest.rows, manifest.rows)
        finally:
            stop.set()
            thread.join()
        assert spool.status().rows == committed[0], "the daemon was not disturbed"


def test_secrets_are_left_out_and_named(
    box: BoxSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = tmp_path / "box/etc/credentials"
    stored.mkdir()
    (stored / "broker.key").write_text(SECRET)
    station = (box.stations / "cell-01.toml").read_text().replace("cell-01", "cell-02")
    handed = station.replace(f"{tmp_path / 'box/etc/password'}", "/run/credentials/kotoba-edge.service/mqtt")
    (box.stations / "cell-02.toml").write_text(handed)
    assert run("backup", box, tmp_path / "kept", monkeypatch=monkeypatch) == 0
    said = capsys.readouterr()
    assert f"keep it yourself: {stored / 'broker.key'}" in said.err
    assert f"keep it yourself: {stored / 'mqtt'}" in said.err, "what systemd hands over is gone when the service ends"
    assert SECRET.encode() not in (tmp_path / "kept").read_bytes()
    assert said.err.count("left out, keep it yourself") == 4
    assert f"left out, keep it yourself: {tmp_path / 'box/etc/password'}" in said.err
    assert "/usr/share/kotoba/own.txt" in said.err, "it lies outside the folders of the box"
    assert f"a spool of {ROWS} verdicts in epoch {EPOCH}, no bundle" in said.out
    assert oct((tmp_path / "kept").stat().st_mode & 0o777) == "0o600"


def test_a_file_that_exists_is_not_written_over(box: BoxSettings, kept: Path) -> None:
    raw = kept.read_bytes()
    with pytest.raises(BackupError, match="it exists already: give the name of a new file"):
        back_up(box, kept, with_bundles=False, now=NOW)
    assert kept.read_bytes() == raw


def test_a_restore_beside_a_running_daemon_is_refused(
    box: BoxSettings, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_below(tmp_path / "box")
    with held_alone(box.spool):
        assert run("restore", box, kept, "--replace", monkeypatch=monkeypatch) == 1
    assert f"another daemon (process {os.getpid()}) has the spool" in capsys.readouterr().err
    with closing(opened_spool(box.spool)):
        assert run("restore", box, kept, "--replace", monkeypatch=monkeypatch) == 1
    assert "another command has the spool" in capsys.readouterr().err
    assert files_below(tmp_path / "box") == before


def test_what_is_in_the_way_is_named_and_moved_aside_only_on_request(
    box: BoxSettings, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    station = box.stations / "cell-01.toml"
    station.write_text("# mine\n")
    with closing(opened_spool(box.spool)) as spool:
        spool.commit(replace(inspection(1), station="cell-01", id="gone on"))
    before = files_below(tmp_path / "box")
    assert run("restore", box, kept, monkeypatch=monkeypatch) == 1
    said = capsys.readouterr().err
    assert "nothing is written; give --replace to move these aside" in said
    assert str(station) in said
    assert str(box.spool) in said
    assert files_below(tmp_path / "box") == before

    assert run("restore", box, kept, "--replace", monkeypatch=monkeypatch) == 0
    (aside,) = box.spool.parent.glob("before-restore-*")
    assert str(aside) in capsys.readouterr().out
    assert (aside / str(station).lstrip("/")).read_text() == "# mine\n"
    with closing(open_aside(aside / str(box.spool).lstrip("/"))) as old:
        assert old.execute("SELECT count(*) FROM inspections").fetchone() == (ROWS + 1,)
    assert "# mine" not in station.read_text()
    assert (box.keys / "revoked").stat().st_nlink == 1


def test_nothing_is_decided_that_this_user_cannot_carry_out(
    box: BoxSettings, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "box").rename(tmp_path / "broken")
    (tmp_path / "box/lib").mkdir(parents=True)
    (tmp_path / "box/etc").mkdir(mode=0o555)
    if os.access(tmp_path / "box/etc", os.W_OK):
        pytest.skip("this user may write everywhere")
    assert run("restore", box, kept, monkeypatch=monkeypatch) == 1
    assert "cannot be written by this user: run this as root" in capsys.readouterr().err
    assert not decided_folder(box.spool).exists()


def test_no_box_forgets_a_version_that_it_has_run(box: BoxSettings, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (box.spool.with_name("accepted-bundles.json")).write_text(accepted(version=9))
    assert run("restore", box, kept, "--replace", monkeypatch=monkeypatch) == 0
    assert json.loads(box.spool.with_name("accepted-bundles.json").read_bytes())["bundles"][0]["version"] == 9


def test_a_bundle_in_a_plain_folder_is_named_or_kept(
    box: BoxSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bundle(tmp_path / "made")
    (tmp_path / "made/bundle").rename(box.bundle)
    files = {str(path.relative_to(box.bundle)): path.read_bytes() for path in box.bundle.rglob("*") if path.is_file()}
    assert run("backup", box, tmp_path / "without", monkeypatch=monkeypatch) == 0
    assert run("backup", box, tmp_path / "with", "--with-bundles", monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "(not kept itself)" in said
    assert "(kept too)" in said
    (tmp_path / "box").rename(tmp_path / "broken")
    assert run("restore", box, tmp_path / "without", monkeypatch=monkeypatch) == 0
    assert "install it with `kotoba-edge bundle install`" in capsys.readouterr().err
    assert not box.bundle.exists()
    (tmp_path / "box").rename(tmp_path / "without a bundle")
    assert run("restore", box, tmp_path / "with", monkeypatch=monkeypatch) == 0
    assert {str(path.relative_to(box.bundle)): path.read_bytes() for path in box.bundle.rglob("*") if path.is_file()} == files


def test_bundles_in_slots_come_back_with_their_state_and_the_state_never_without_them(
    box: BoxSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slots = slots_of(box)
    for version in (4, 5):
        slots.install(bundle_folder(tmp_path / str(version), version), trusted=TRUSTED)
        slots.ask()
    assert (slots.read().running, slots.read().wanted) == ("a", "b")
    assert run("backup", box, tmp_path / "without", monkeypatch=monkeypatch) == 0
    assert run("backup", box, tmp_path / "with", "--with-bundles", monkeypatch=monkeypatch) == 0
    assert "version 4 (kept too)" in capsys.readouterr().out
    state = slots.read()
    (tmp_path / "box").rename(tmp_path / "broken")
    assert run("restore", box, tmp_path / "without", monkeypatch=monkeypatch) == 0
    assert not slots_of(box).exist, "a state without its bundles is that of a box that cannot run"
    (tmp_path / "box").rename(tmp_path / "without bundles")
    assert run("restore", box, tmp_path / "with", monkeypatch=monkeypatch) == 0
    assert slots_of(box).read() == state
    assert slots_of(box).running_bundle() == box.bundles / "a"
    assert open_bundle(box.bundles / "b", trusted=TRUSTED).manifest.bundle_version == 5


def test_an_unfinished_restore_keeps_the_box_from_running_and_is_finished_on_request(
    box: BoxSettings, kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("restore", box, "--finish", monkeypatch=monkeypatch) == 0
    assert "nothing to do" in capsys.readouterr().out
    decided_folder(box.spool).mkdir()
    with pytest.raises(BackupError, match="finish it with `kotoba-edge restore --finish`"):
        require_no_unfinished_restore(box.spool)
    assert run("run", box, monkeypatch=monkeypatch) == 1
    assert "a restore of this box was interrupted" in capsys.readouterr().err
    assert run("restore", box, kept, "--replace", monkeypatch=monkeypatch) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_a_board_of_ones_own_is_kept_too(box: BoxSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = tmp_path / "box/etc/boards/press.toml"
    board.parent.mkdir()
    board.write_text("name = 'press'\n")
    back_up(box.model_copy(update={"board": str(board)}), tmp_path / "own.backup", with_bundles=False, now=NOW)
    board.unlink()
    assert run("restore", box, tmp_path / "own.backup", "--replace", monkeypatch=monkeypatch) == 0
    assert board.read_text() == "name = 'press'\n"


def test_a_backup_can_be_checked_without_writing(
    box: BoxSettings, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_below(tmp_path / "box")
    assert run("restore", box, kept, "--check", monkeypatch=monkeypatch) == 0
    assert "box press-3 of 2026-11-23 04:24 UTC" in capsys.readouterr().out
    assert files_below(tmp_path / "box") == before
    assert run("restore", box, monkeypatch=monkeypatch) == 2
    assert run("restore", box, kept, "--finish", monkeypatch=monkeypatch) == 2


def test_a_changed_or_cut_backup_is_refused_wherever_it_is_harmed(box: BoxSettings, kept: Path, tmp_path: Path) -> None:
    whole = kept.read_bytes()
    harmed = tmp_path / "harmed"
    for place in range(0, len(whole), len(whole) // 60):
        for raw in (whole[:place], whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
            harmed.write_bytes(raw)
            with pytest.raises(BackupError) as refused, opened_backup(harmed):
                pass
            assert "\n" not in str(refused.value)
    harmed.write_bytes(whole + b"\0")
    with pytest.raises(BackupError, match="something follows after its end"), opened_backup(harmed):
        pass
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BackupError, match="it is no regular file"), opened_backup(tmp_path / "pipe"):
        pass
    with pytest.raises(BackupError, match="No such file"), opened_backup(tmp_path / "nowhere"):
        pass
    assert not list(box.spool.parent.glob("restore-*"))


def forged(path: Path, *files: tuple[str, str, bytes], change: Callable[[dict[str, Any]], object] = lambda _: None) -> Path:
    """A backup with digests that are right, of whatever names."""
    entries = [{"kind": kind, "name": name, "size": len(raw), "sha256": hashlib.sha256(raw).hexdigest()} for kind, name, raw in files]
    manifest: dict[str, Any] = {
        "schema": "kotoba.backup/1", "made_at": "2026-11-23T04:24:00Z", "box": "b", "version": "1", "epoch": None, "rows": 0,
        "bundle": None, "left_out": [], "entries": entries,
    }  # fmt: skip
    change(manifest)
    raw = json.dumps(manifest).encode()
    parts = [header("backup.json", len(raw)), raw, padding(len(raw))]
    for number, (_, _, content) in enumerate(files):
        parts += [header(f"{number:06d}", len(content)), content, padding(len(content))]
    path.write_bytes(b"".join([*parts, END]))
    return path


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("station", "../evil.toml"), ("station", "/etc/evil.toml"), ("station", "a/b.toml"), ("key", "..pub/../x.pub"),
        ("key", "authorized_keys"),
        ("settings", "crontab"), ("beside", "spool.sqlite"), ("slots", "c/x"), ("slots", "a/../../x"), ("bundle", "/x"), ("bundle", "a//b"),
        ("bundle", "./x"), ("named", "etc/x"), ("named", "/etc/../x"), ("spool", "other.sqlite"), ("device", "x"),
    ],
)  # fmt: skip
def test_a_forged_name_is_refused(tmp_path: Path, kind: str, name: str) -> None:
    with pytest.raises(BackupError), opened_backup(forged(tmp_path / "forged", (kind, name, b"x"))):
        pass


@pytest.mark.parametrize(
    "name",
    ["/etc/cron.d/evil", "BOX/lib/spool.sqlite", "BOX/lib/spool.sqlite.mark", "BOX/lib/accepted-bundles.json", "BOX/etc/environment"],
)
def test_a_named_file_goes_only_where_a_station_may_have_its_own(tmp_path: Path, name: str) -> None:
    settings = settings_of(tmp_path / "box")
    path = forged(tmp_path / "forged", ("named", name.replace("BOX", str(tmp_path / "box")), b"x"))
    with opened_backup(path) as backup, pytest.raises(BackupError, match="put it there by hand"):
        in_the_way(backup, settings)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({}, "/etc/kotoba/box.toml"),
        ({"stations": Path("/srv/stations")}, "/etc/kotoba/box.toml"),
        ({"stations": Path("/srv/box/stations"), "keys": Path("/srv/box/keys")}, "/srv/box/box.toml"),
    ],
)
def test_the_settings_of_the_box_lie_where_its_configuration_does(changes: dict[str, Path], place: str) -> None:
    entry = Entry(kind="settings", name="box.toml", size=0, sha256="0" * 64)
    assert str(place_of(entry, BoxSettings().model_copy(update=changes))) == place


def test_a_file_twice_or_a_station_that_is_none_is_refused(tmp_path: Path) -> None:
    twice = ("beside", "answers.jsonl", b"x")
    with pytest.raises(BackupError, match="a file is listed twice"), opened_backup(forged(tmp_path / "forged", twice, twice)):
        pass
    with pytest.raises(BackupError, match=r"bad\.toml"), opened_backup(forged(tmp_path / "forged", ("station", "bad.toml", b"x = 1\n"))):
        pass


def test_a_damaged_spool_is_not_kept_as_if_it_were_whole(box: BoxSettings, tmp_path: Path) -> None:
    with closing(opened_spool(box.spool)):
        pass
    raw = bytearray(box.spool.read_bytes())
    raw[len(raw) // 2 :] = bytes(len(raw) - len(raw) // 2)
    box.spool.write_bytes(raw)
    with pytest.raises(SpoolError):
        back_up(box, tmp_path / "kept", with_bundles=False, now=NOW)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["box"]
