from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.bundle.open import open_bundle
from edge.errors import BundleError
from edge.slots.slots import Downgrade, Slots
from edge.slots.state import MAX_HISTORY, SlotName
from firmware_config.errors import StationError
from firmware_config.station import parse_station
from firmware_config.stations_of_a_box import require_named_files
from tests.support.slots import NOON, box_slots, bundle_folder
from tests.support.station_files import station_toml
from tests.support.tiny_bundle import TRUSTED, is_one_sentence


@pytest.fixture
def slots(tmp_path: Path) -> Slots:
    return box_slots(tmp_path)


def install(slots: Slots, version: int, *, downgrade: Downgrade | None = None) -> None:
    folder = slots.root.parent / f"v{version}"
    if not folder.exists():
        bundle_folder(folder, version)
    slots.install(folder, trusted=TRUSTED, downgrade=downgrade)


def version_at(slots: Slots, name: SlotName) -> int:
    return open_bundle(slots.path(name), trusted=TRUSTED).manifest.bundle_version


def running_version(slots: Slots) -> int:
    return open_bundle(slots.running_bundle(), trusted=TRUSTED).manifest.bundle_version


def running(slots: Slots, version: int) -> None:
    """Install a version and let it run."""
    install(slots, version)
    if slots.ask() != slots.read().running:
        slots.begin_trial()
        slots.make_good()


def test_the_first_bundle_runs_once_it_is_activated(slots: Slots) -> None:
    install(slots, 1)
    with pytest.raises(BundleError, match="no bundle runs"):
        slots.running_bundle()

    assert slots.ask() == "a"
    assert running_version(slots) == 1


def test_the_next_bundle_goes_into_the_other_slot_and_runs_after_its_trial(slots: Slots) -> None:
    running(slots, 1)
    install(slots, 2)
    assert running_version(slots) == 1
    assert slots.ask() == "b"
    assert (slots.read().wanted, running_version(slots)) == ("b", 1)
    assert slots.begin_trial() == "b"
    trial = slots.read().trial
    assert trial is not None
    assert (slots.read().wanted, trial.slot, trial.attempts, running_version(slots)) == (None, "b", 1, 1)

    assert slots.make_good() == "b"

    assert running_version(slots) == 2
    assert slots.read().trial is None
    assert [event.event for event in slots.read().history] == ["installed", "good", "installed", "asked", "trial", "good"]


def test_a_trial_that_fails_says_why_and_the_old_bundle_has_run_all_the_time(slots: Slots) -> None:
    running(slots, 1)
    install(slots, 2)
    slots.ask()
    slots.begin_trial()
    slots.note_attempt()
    assert slots.go_back("2 of 9 golden verdicts differ") == "b"

    state = slots.read()
    assert state.b is not None
    assert (state.running, state.trial, state.b.state, state.b.why) == ("a", None, "returned", "2 of 9 golden verdicts differ")
    assert running_version(slots) == 1


def test_a_rollback_lets_the_bundle_before_run_again_though_it_is_older(slots: Slots) -> None:
    running(slots, 1)
    running(slots, 2)
    slots.accepted.accept(slots.manifest_in(slots.read(), "b"))

    assert slots.rollback("it overlooks scratches") == "a"

    assert running_version(slots) == 1
    slots.accepted.require_not_older(slots.manifest_in(slots.read(), "a"))
    with pytest.raises(BundleError, match=r"no other good bundle .* \(tiny version 2 went back: it overlooks scratches\)"):
        slots.rollback("again")


def test_a_rollback_in_a_trial_ends_the_trial(slots: Slots) -> None:
    running(slots, 1)
    install(slots, 2)
    for begin in (False, True):
        slots.ask()
        if begin:
            slots.begin_trial()
        assert slots.rollback("not today") == "a"
        state = slots.read()
        assert (state.running, state.wanted, state.trial) == ("a", None, None)


def test_what_runs_or_is_tried_is_never_installed_over(slots: Slots) -> None:
    running(slots, 1)
    install(slots, 2)
    install(slots, 3)
    assert (version_at(slots, "a"), version_at(slots, "b")) == (1, 3)
    slots.ask()
    install(slots, 4)
    assert slots.read().wanted is None, "a person asked for version 3, not for version 4"
    assert [(event.event, event.version) for event in slots.read().history][-2:] == [("withdrawn", 3), ("installed", 4)]
    slots.ask()
    slots.begin_trial()
    with pytest.raises(BundleError, match="is being tried"):
        install(slots, 5)
    assert (version_at(slots, "a"), version_at(slots, "b")) == (1, 4)


def test_an_older_bundle_needs_a_reason(slots: Slots) -> None:
    running(slots, 5)
    slots.accepted.accept(slots.manifest_in(slots.read(), "a"))
    with pytest.raises(BundleError, match="this box has run version 5"):
        install(slots, 4)

    install(slots, 4, downgrade=Downgrade("the line makes the old part again"))
    assert slots.ask() == "b"
    slots.require_not_older("b")(slots.manifest_in(slots.read(), "b"))
    slots.begin_trial()
    slots.make_good()
    slots.accepted.require_not_older(slots.manifest_in(slots.read(), "b"))
    assert running_version(slots) == 4


REFUSED: list[tuple[str, Callable[[Slots], object], str]] = [
    ("", Slots.ask, "there is no bundle in it"),
    ("", lambda slots: slots.ask("b"), "there is no bundle in it"),
    ("run", lambda slots: slots.ask("a"), "runs already"),
    ("run install ask trial", Slots.ask, "is being tried"),
    ("run install", Slots.begin_trial, "nobody asked"),
    ("run install", Slots.make_good, "no trial"),
    ("run install ask", Slots.make_good, "no trial"),
    ("run install ask", Slots.note_attempt, "no trial"),
    ("run install", lambda slots: slots.note_shadow(NOON), "no trial"),
    ("run install", lambda slots: slots.go_back("x"), "there is none"),
    ("run", lambda slots: slots.rollback("x"), "no other good bundle"),
    ("run install", lambda slots: slots.rollback("x"), "no other good bundle"),
    ("", lambda slots: slots.rollback("x"), "no other good bundle"),
]


@pytest.mark.parametrize(("before", "do", "expected"), REFUSED)
def test_a_step_that_does_not_fit_is_a_sentence_and_changes_nothing(
    before: str, do: Callable[[Slots], object], expected: str, slots: Slots
) -> None:
    slots.root.mkdir()
    for step in before.split():
        match step:
            case "run":
                running(slots, 1)
            case "install":
                install(slots, 2)
            case "ask":
                slots.ask()
            case "trial":
                slots.begin_trial()
    state = slots.read()
    with pytest.raises(BundleError, match=expected) as refused:
        do(slots)
    assert is_one_sentence(str(refused.value))
    assert slots.read() == state


def test_a_damaged_state_is_never_taken_for_empty_slots(slots: Slots) -> None:
    running(slots, 1)
    state = slots.root / "state.json"
    sound = json.loads(state.read_bytes())
    for content in (b"", b"{", b"[]", b" " * 1_000_001, json.dumps({**sound, "running": "b"}).encode()):
        state.write_bytes(content)
        for use in (slots.running_bundle, slots.ask, slots.tidy, slots.read):
            with pytest.raises(BundleError, match="cannot be read") as refused:
                use()
            assert is_one_sentence(str(refused.value))


def test_a_folder_that_is_not_what_the_state_says_does_not_run(slots: Slots) -> None:
    running(slots, 1)
    slots.path("a").rename(slots.root / "elsewhere")
    with pytest.raises(BundleError, match=r"manifest\.json cannot be read"):
        slots.running_bundle()
    bundle_folder(slots.path("a"), 9)
    with pytest.raises(BundleError, match="holds another bundle than tiny version 1"):
        slots.running_bundle()


def test_the_history_keeps_the_newest(slots: Slots) -> None:
    running(slots, 1)
    install(slots, 2)
    for number in range(MAX_HISTORY):
        slots.ask()
        slots.go_back(f"try {number}")
    history = slots.read().history
    assert len(history) == MAX_HISTORY
    assert history[-1].why == f"try {MAX_HISTORY - 1}"


def test_a_state_that_was_lost_is_no_reason_to_remove_the_bundles(slots: Slots) -> None:
    running(slots, 1)
    (slots.root / "state.json").unlink()
    slots.tidy()
    assert version_at(slots, "a") == 1


def test_a_file_that_a_station_names_in_a_slot_is_that_of_the_bundle_that_judges(slots: Slots) -> None:
    """A station that was made from the bundle in slot a names its calibration there, and goes on with the bundle in slot b."""
    running(slots, 1)
    running(slots, 2)
    one, two = (open_bundle(slots.path(name), trusted=TRUSTED) for name in ("a", "b"))
    named = slots.path("a") / "templates" / "default.txt"
    for bundle in (one, two):
        assert bundle.file_at(named) == bundle.file("templates/default.txt")
        assert bundle.file_at(slots.path("a") / "none.json") == slots.path("a") / "none.json"
        assert bundle.file_at(slots.root / "state.json") == slots.root / "state.json"

    station = parse_station(station_toml(f'[judge]\ncalibration = "{named}"\n', pictures=slots.root).encode(), source="s.toml")
    install(slots, 3)
    shutil.rmtree(slots.path("a"))
    require_named_files(station)
    with pytest.raises(StationError, match="does not exist"):
        require_named_files(station.with_judge({"calibration": slots.root.parent / "none.json"}))


def test_the_daemon_can_use_the_locks_that_a_person_with_a_strict_umask_has_made(slots: Slots) -> None:
    before = os.umask(0o077)
    try:
        install(slots, 1)
    finally:
        os.umask(before)
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in slots.root.glob(".*lock")} == {".lock": 0o644, ".install-lock": 0o644}


def test_a_daemon_that_notes_the_newer_version_too_late_does_not_keep_the_box_from_going_back(slots: Slots) -> None:
    running(slots, 1)
    running(slots, 2)
    newer = open_bundle(slots.running_bundle(), trusted=TRUSTED).manifest
    slots.rollback("it overlooks scratches")
    slots.accepted.accept(newer)  # a daemon that began with it has loaded its models only now

    name = slots.read().running
    assert name is not None
    assert open_bundle(slots.running_bundle(), trusted=TRUSTED, require=slots.require_not_older(name)).manifest.bundle_version == 1
    slots.ask()
    slots.begin_trial()
    slots.make_good()
    with pytest.raises(BundleError, match="has version 1, and this box has run version 2"):
        slots.ask(name)
