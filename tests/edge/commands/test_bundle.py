"""`kotoba-edge bundle` on the slots of a box."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge.bundle.open import open_bundle
from edge.cli import main
from edge.daemon.startup import run_box
from edge.errors import BundleError
from edge.slots.golden import require_golden_verdicts
from edge.slots.open import bundle_folder, open_newest_bundle, open_running_bundle
from edge.slots.room import require_room, reserved_bytes
from edge.slots.slots import Slots
from edge.slots.state_file import LOCK_NAME, StateFile
from export.bundle.build import sign
from export.bundle.verify import write_archive
from firmware_config.board import read_board
from firmware_config.bundle import parse_manifest
from firmware_config.errors import ManifestError
from firmware_config.settings import BoxSettings
from firmware_config.signature import read_trusted_keys
from tests.support import judged_words
from tests.support.slots import bundle_folder as tiny_folder
from tests.support.tiny_bundle import TRUSTED, is_one_sentence


class Box:
    """A box with a stick on which there are three versions of a bundle that runs."""

    def __init__(self, root: Path, stick: Path) -> None:
        self.root, self.stick = root, stick
        self.slots = Slots(root / "bundles")
        self.keys = stick / "keys"

    @property
    def settings(self) -> BoxSettings:
        return BoxSettings(
            keys=self.keys, bundles=self.slots.root, spool=self.root / "spool.sqlite", board=str(judged_words.box() / "board.toml")
        )

    def __call__(self, *words: str) -> int:
        where = ["--bundles", str(self.slots.root), "--spool", str(self.root / "spool.sqlite")]
        keys = [] if words[0] == "list" else ["--keys", str(self.keys)]
        return main(["bundle", *words, *where, *keys])

    def put(self, version: int) -> None:
        """Install without a look at the models."""
        self.slots.install(self.stick / f"v{version}", trusted=read_trusted_keys(self.keys))

    def run(self, version: int) -> None:
        self.put(version)
        self.slots.ask()
        if self.slots.read().wanted is not None:
            self.slots.begin_trial()
            self.slots.make_good()

    def running(self) -> int:
        return open_running_bundle(self.settings).manifest.bundle_version


@pytest.fixture(scope="module")
def stick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("stick")
    shutil.copytree(judged_words.box() / "keys", root / "keys")
    private = bytes.fromhex((root / "keys" / "builder.key").read_text().strip())
    for version in (1, 2, 3):
        shutil.copytree(judged_words.box() / "bundle", root / f"v{version}")
        manifest = parse_manifest((root / f"v{version}" / "manifest.json").read_bytes())
        sign(root / f"v{version}", manifest.model_copy(update={"bundle_version": version}), private)
    wrong = [one.model_copy(update={"probability": 1 - one.probability}) for one in manifest.golden]
    shutil.copytree(root / "v3", root / "differs")
    sign(root / "differs", manifest.model_copy(update={"bundle_version": 4, "golden": tuple(wrong)}), private)
    yield root
    shutil.rmtree(root)


@pytest.fixture
def box(tmp_path: Path, stick: Path) -> Box:
    return Box(tmp_path, stick)


def test_the_life_of_a_bundle_on_a_box(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    assert box("install", str(box.stick / "v1")) == 0
    assert "slot a: tiny version 1 is installed: let it be tried with `kotoba-edge bundle activate`" in capsys.readouterr().out
    assert box("activate", "--board", str(judged_words.box() / "board.toml")) == 0
    said = capsys.readouterr().out
    assert "tiny version 1: 2 golden verdicts are the same on this box" in said
    assert "slot a: tiny version 1 runs from the next start of the daemon" in said

    box.put(2)
    assert box("activate") == 0
    assert "slot b: the daemon tries tiny version 2 now beside what runs" in capsys.readouterr().out
    box.slots.begin_trial()
    box.slots.note_shadow(datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc))
    assert box("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "a  tiny version 1, runs, signed by" in lines[0]
    assert "in shadow until 03:04:05 UTC" in lines[1]
    box.slots.make_good()
    assert box.running() == 2

    assert box("rollback", "--reason", "it overlooks scratches") == 0
    assert "slot a: tiny version 1 runs again" in capsys.readouterr().out
    assert box.running() == 1
    assert box("list") == 0
    said = capsys.readouterr().out
    assert "b  tiny version 2, returned (it overlooks scratches)" in said
    assert "rollback   tiny version 1: it overlooks scratches" in said
    assert box("list", "--json") == 0
    assert json.loads(capsys.readouterr().out)["running"] == "a"


def test_a_rollback_in_a_trial_says_that_what_runs_goes_on(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    box.run(1)
    box.put(2)
    box.slots.ask()
    assert box("rollback", "--reason", "not today") == 0
    assert "slot a: tiny version 1 goes on, the trial is ended" in capsys.readouterr().out


def test_an_older_bundle_is_installed_for_a_reason_only(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    box.run(2)
    box.slots.accepted.accept(box.slots.manifest_in(box.slots.read(), "a"))
    assert box("install", str(box.stick / "v1")) == 78
    assert "go back on purpose with `kotoba-edge bundle install --downgrade --reason TEXT`" in capsys.readouterr().err
    for half in (["--downgrade"], ["--reason", "because"]):
        with pytest.raises(SystemExit) as ended:
            box("install", str(box.stick / "v1"), *half)
        assert ended.value.code == 2
        assert "go together" in capsys.readouterr().err
    assert box("install", str(box.stick / "v1"), "--downgrade", "--reason", "the old part is made again") == 0
    assert box("list") == 0
    assert "b  tiny version 1, staged (the old part is made again)" in capsys.readouterr().out


def test_a_first_bundle_whose_golden_verdicts_differ_does_not_run(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    box.slots.install(box.stick / "differs", trusted=read_trusted_keys(box.keys))
    assert box("activate", "--board", str(judged_words.box() / "board.toml")) == 78
    said = capsys.readouterr().err
    assert "2 of 2 golden verdicts differ on this box (golden/one.png: " in said
    assert box.slots.read().running is None
    opened = open_bundle(box.slots.path("a"), trusted=read_trusted_keys(box.keys))
    with pytest.raises(BundleError) as refused:
        require_golden_verdicts(opened, board=read_board(str(judged_words.box() / "board.toml")))
    assert is_one_sentence(str(refused.value))


def test_a_bundle_that_was_changed_since_its_install_is_not_activated_and_not_gone_back_to(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    box.run(1)
    box.put(2)
    (box.slots.path("b") / "templates" / "default.txt").write_text("{labels} {description}")
    assert box("activate") == 78
    box.run(3)
    (box.slots.path("a") / "templates" / "default.txt").write_text("{labels} {description}")
    assert box("rollback", "--reason", "x") == 78
    assert capsys.readouterr().err.count("bytes, its manifest says") == 2
    assert box.running() == 3


def test_two_installs_at_once_are_refused(box: Box) -> None:
    box.run(1)
    trusted, seen = read_trusted_keys(box.keys), list[str]()

    def meanwhile(_: object) -> None:
        with pytest.raises(BundleError, match="in use by another process") as refused:
            box.slots.install(box.stick / "v3", trusted=trusted)
        seen.append(str(refused.value))
        box.slots.tidy()

    box.slots.install(box.stick / "v2", trusted=trusted, prove=meanwhile)
    assert len(seen) == 1
    assert open_bundle(box.slots.path("b"), trusted=trusted).manifest.bundle_version == 2, "tidying leaves an install alone"


def test_verify_takes_a_folder_and_an_archive_and_by_default_what_runs(
    box: Box, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "v1.kbundle"
    write_archive(box.stick / "v1", archive)
    for source in (box.stick / "v1", archive):
        assert box("verify", str(source)) == 0
        assert f"{source}: tiny version 1, " in capsys.readouterr().out
    box.run(2)
    assert box("verify") == 0
    assert f"{box.slots.path('a')}: tiny version 2, " in capsys.readouterr().out
    os.truncate(archive, 10_000)
    assert box("verify", str(archive)) == 78
    assert box("verify", str(tmp_path / "none")) == 78


def with_default_folder(settings: BoxSettings, folder: Path) -> BoxSettings:
    """The settings of a box that names no bundle, and whose default is this folder."""
    given = settings.model_fields_set
    return BoxSettings.model_construct(_fields_set=given, **{**settings.model_dump(), "bundle": folder})


def test_a_box_with_a_plain_folder_goes_on_with_it_until_a_bundle_is_activated(box: Box) -> None:
    plain = box.root / "bundle"
    shutil.copytree(box.stick / "v1", plain)
    settings = BoxSettings.model_construct(
        **{**box.settings.model_dump(), "bundle": plain}, _fields_set={"bundles", "keys", "spool", "board"}
    )
    assert bundle_folder(settings) == plain
    box.put(2)
    assert bundle_folder(settings) == plain
    box.slots.ask()
    assert bundle_folder(settings) == box.slots.path("a")
    assert bundle_folder(settings.model_copy(update={"bundle": plain})) == plain, "named, it runs"


def test_slots_that_no_bundle_runs_in_are_a_sentence(box: Box) -> None:
    box.put(1)
    settings = with_default_folder(box.settings, box.root / "none")
    with pytest.raises(BundleError, match="no bundle runs in the slots") as refused:
        open_running_bundle(settings)
    assert is_one_sentence(str(refused.value))


def test_the_daemon_and_doctor_take_a_downgrade_and_refuse_an_older_one_that_nobody_allowed(box: Box) -> None:
    box.run(1)
    newest = parse_manifest((box.stick / "v3" / "manifest.json").read_bytes())
    box.slots.accepted.accept(newest)
    with pytest.raises(BundleError, match="this box has run version 3"):
        open_newest_bundle(box.settings)
    box.slots.accepted.allow(box.slots.manifest_in(box.slots.read(), "a"))
    assert open_newest_bundle(box.settings).manifest.bundle_version == 1


def test_the_daemon_runs_the_slot_and_tidies_up_what_an_install_left(box: Box) -> None:
    box.run(1)
    left = box.slots.root / "staging-x" / "bundle"
    left.mkdir(parents=True)
    (box.root / "stations").mkdir()
    (box.root / "stations" / "cell-01.toml").write_text(judged_words.STATION)
    stop = threading.Event()
    stop.set()
    run_box(box.settings.model_copy(update={"stations": box.root / "stations"}), stop=stop)
    assert not left.exists()


def test_a_bundle_that_leaves_the_spool_no_room_is_refused(tmp_path: Path) -> None:
    manifest = open_bundle(tiny_folder(tmp_path / "b", 1), trusted=TRUSTED).manifest
    settings = BoxSettings(spool=tmp_path / "spool.sqlite", spool_max_bytes=1 << 60)
    with pytest.raises(ManifestError, match=r"MB are kept for the spool \(KOTOBA_SPOOL_MAX_BYTES\): make room") as refused:
        require_room(settings, tmp_path)(manifest)
    assert is_one_sentence(str(refused.value))
    require_room(settings.model_copy(update={"spool_max_bytes": 1_000_000}), tmp_path)(manifest)


def test_what_the_spool_has_already_is_not_kept_for_it_again(tmp_path: Path) -> None:
    settings = BoxSettings(spool=tmp_path / "spool.sqlite", spool_max_bytes=1_000_000_000)
    whole = reserved_bytes(settings, tmp_path)
    (tmp_path / "spool.sqlite").write_bytes(bytes(1_000_000))
    (tmp_path / "spool.sqlite-wal").write_bytes(bytes(500_000))
    assert whole - reserved_bytes(settings, tmp_path) == 1_500_000
    assert reserved_bytes(settings.model_copy(update={"spool": Path("/proc/spool.sqlite")}), tmp_path) == 0, "another disk"


def test_a_lock_that_is_held_for_too_long_is_a_sentence(box: Box) -> None:
    box.run(1)
    file = StateFile(box.slots.root)
    with file.locked(LOCK_NAME), pytest.raises(BundleError, match="in use by another process"), file.locked(LOCK_NAME, deadline_s=0.05):
        pass


def test_a_clock_that_goes_back_stops_nothing(tmp_path: Path, stick: Path) -> None:
    times = iter([datetime(2026, 1, 1, tzinfo=timezone.utc) - timedelta(days=number) for number in range(100)])
    slots = Slots(tmp_path / "bundles", clock=lambda: next(times))
    slots.install(stick / "v1", trusted=read_trusted_keys(stick / "keys"))
    assert slots.ask() == "a"
