"""`kotoba-edge bundle try` on a box whose daemon is stopped, and what `bundle list` says of it."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edge.cli import main
from edge.slots.slots import Slots
from edge.trial.progress import Progress, write_progress
from tests.support.repository import STARTER
from tests.support.slots import bundle_folder
from tests.support.tiny_bundle import TRUSTED
from tests.support.trial_bundles import STATION, golden_verdicts, otherwise, write_trial_bundle
from tests.support.trial_keys import write_keys

assert STARTER  # its models are what is tried


def box(root: Path) -> list[str]:
    """The options that name a box."""
    (root / "stations").mkdir()
    (root / "pictures").mkdir()
    (root / "stations/cell-01.toml").write_text(STATION.replace("FOLDER", str(root / "pictures")), encoding="utf-8")
    write_keys(root / "keys")
    return [
        *("--stations", f"{root / 'stations'}", "--bundles", f"{root / 'bundles'}", "--keys", f"{root / 'keys'}"),
        *("--spool", f"{root / 'spool.sqlite'}"),
    ]


@pytest.mark.long
def test_a_bundle_that_holds_runs_from_the_next_start_and_one_that_does_not_goes_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options, slots = box(tmp_path), Slots(tmp_path / "bundles")
    golden = golden_verdicts(tmp_path / "golden")
    slots.install(write_trial_bundle(tmp_path / "1", 1, golden=golden), trusted=TRUSTED)
    slots.ask()

    slots.install(write_trial_bundle(tmp_path / "2", 2, golden=golden), trusted=TRUSTED)
    assert main(["bundle", "try", *options]) == 0
    assert "slot b: tried version 2 runs from the next start of the daemon: 4 golden verdicts reproduced" in capsys.readouterr().out
    assert slots.read().running == "b"

    slots.install(write_trial_bundle(tmp_path / "3", 3, golden=otherwise(golden)), trusted=TRUSTED)
    assert main(["bundle", "try", *options]) == 1
    assert "its certified verdict is" in capsys.readouterr().err
    state = slots.read()
    assert (state.running, state.trial, state.a and state.a.state) == ("b", None, "returned")


def test_a_trial_that_is_under_way_is_not_begun_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options, slots = box(tmp_path), Slots(tmp_path / "bundles")
    for version in (1, 2):
        slots.install(bundle_folder(tmp_path / f"{version}", version), trusted=TRUSTED)
        slots.ask()
    slots.begin_trial()
    assert main(["bundle", "try", *options]) == 78
    assert "tiny version 2 is being tried already" in capsys.readouterr().err
    assert slots.read().trial is not None


def test_the_list_says_how_far_a_trial_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options, slots = box(tmp_path), Slots(tmp_path / "bundles")
    for version in (1, 2):
        slots.install(bundle_folder(tmp_path / f"{version}", version), trusted=TRUSTED)
        slots.ask()
    slots.begin_trial()
    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    write_progress(slots.root, Progress(digest="sha256:ab", phase="live pictures", at=at, pictures=50, disagreed=1, rejected=4, passed=0))
    assert main(["bundle", "list", *options[2:4]]) == 0
    assert "the trial: 50 live pictures, 1 decided otherwise (2.0%), OK to 0 of 4 rejected ones" in capsys.readouterr().out
    assert main(["bundle", "list", "--json", *options[2:4]]) == 0
    assert json.loads(capsys.readouterr().out)["trial"]["slot"] == "b"
