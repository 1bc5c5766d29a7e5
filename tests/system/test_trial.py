"""Trials on a real box: what does not keep to its limits goes back by itself and says why; each picture gets one verdict meanwhile."""

from __future__ import annotations

import signal
from functools import partial
from pathlib import Path

import pytest

from tests.support.repository import STARTER
from tests.support.tiny_bundle import Json
from tests.support.trial_bundles import fails_on_bright, golden_verdicts, large, otherwise, slow, write_trial_bundle
from tests.support.tried_box import TriedBox

assert STARTER  # its models are what is tried

BRIGHT = 0.1
"""The model's mean of a golden picture is below, that of a bright picture above."""


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    return golden_verdicts(tmp_path_factory.mktemp("golden") / "bundle")


@pytest.fixture
def box(tmp_path: Path, golden: list[Json]) -> TriedBox:
    """A box whose first bundle runs."""
    (tmp_path / "box").mkdir()
    box = TriedBox(tmp_path / "box", trial_minutes="0.02", trial_pictures="10", trial_memory_mb="600")
    box.try_bundle(write_trial_bundle(tmp_path / "first", 1, golden=golden))
    return box


@pytest.mark.long
def test_a_bad_bundle_goes_back_and_a_good_one_takes_over(box: TriedBox, tmp_path: Path, golden: list[Json]) -> None:
    (first,) = (slot for slot in (box.slots.read().a,) if slot is not None)
    with box.running():
        other = box.try_bundle(write_trial_bundle(tmp_path / "other", 2, golden=otherwise(golden)))
        why = box.wait_for_condition(other, "returned").why
        assert "its certified verdict is" in why

        bright = box.try_bundle(write_trial_bundle(tmp_path / "bright", 3, golden=golden, graph=partial(fails_on_bright, above=BRIGHT)))
        box.wait_for_shadow()
        box.is_bright = True
        why = box.wait_for_condition(bright, "returned").why
        assert "its models fail on picture" in why
        box.is_bright = False

        assert {verdict["bundle"] for verdict in box.verdicts()} == {first.digest}
        good = box.try_bundle(write_trial_bundle(tmp_path / "good", 4, golden=golden))
        box.wait_for_condition(good, "good")
        box.wait_for(lambda: box.verdicts()[-1]["bundle"] == good, "verdicts by the new bundle")
        before = box.verdicts()[-1]["settings_digest"]
        box.reload("only_true = true", "only_true = true\ntags = 7")
        box.wait_for(lambda: box.verdicts()[-1]["settings_digest"] != before, "verdicts by the new settings")
        assert box.verdicts()[-1]["bundle"] == good, "a reload keeps to the bundle that has taken over"

        box.slots.rollback("the line wants the old one")
        box.wait_for(lambda: box.verdicts()[-1]["bundle"] == first.digest, "verdicts by the old bundle again")
    box.require_one_verdict_each()
    assert "FAULT" not in {verdict["decision"] for verdict in box.verdicts()}


@pytest.mark.long
def test_what_happens_to_the_child_of_a_trial_happens_to_no_verdict(box: TriedBox, tmp_path: Path, golden: list[Json]) -> None:
    with box.running():
        crashed = box.try_bundle(write_trial_bundle(tmp_path / "crashed", 2, golden=golden))
        box.wait_for_shadow()
        child = box.candidate()
        assert child is not None
        child.send_signal(signal.SIGSEGV)
        why = box.wait_for_condition(crashed, "returned").why
        assert "its process ended by SIGSEGV" in why

        killed = box.try_bundle(write_trial_bundle(tmp_path / "killed", 3, golden=golden))
        box.wait_for_shadow()
        child = box.candidate()
        assert child is not None
        box.kill()
        child.wait(10)  # it ends with its parent
        box.start()
        why = box.wait_for_condition(killed, "returned").why
        assert "the daemon ended in the middle of the trial" in why
    box.require_one_verdict_each()


@pytest.mark.slow
def test_a_bundle_that_is_slow_or_large_or_hangs_goes_back(box: TriedBox, tmp_path: Path, golden: list[Json]) -> None:
    with box.running():
        slower = box.try_bundle(write_trial_bundle(tmp_path / "slow", 2, golden=golden, graph=slow))
        assert "of processor time, the running bundle" in box.wait_for_condition(slower, "returned").why

        larger = box.try_bundle(write_trial_bundle(tmp_path / "large", 3, golden=golden, graph=large))
        assert "MB of memory, 600 are allowed" in box.wait_for_condition(larger, "returned").why

        hung = box.try_bundle(write_trial_bundle(tmp_path / "hung", 4, golden=golden))
        box.wait_for_shadow()
        child = box.candidate()
        assert child is not None
        child.suspend()
        assert "it hangs" in box.wait_for_condition(hung, "returned").why
    box.require_one_verdict_each()
