"""What the daemon does about its bundle slots: a trial that is asked for, its result, and what a crash leaves."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.bundle.open import Bundle
from edge.daemon.bundle_watch import CHANGED, CRASHED
from edge.errors import BundleError, TrialError
from edge.inspection.inspector import Inspector
from edge.records import Reason
from edge.slots.state import MAX_WHY, State
from edge.trial.candidate import StoppedError
from edge.trial.shadow import Shadow
from edge.trial.trial import Passed, Told
from tests.support.sample_records import frame
from tests.support.slots import bundle_folder
from tests.support.watched_slots import WatchedSlots, scripted_inspectors

PATIENCE_S = 30.0


@pytest.fixture
def box(tmp_path: Path) -> WatchedSlots:
    return WatchedSlots(tmp_path)


class Held:
    """A trial that goes on until it is over or told to end."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, _shadow: Shadow, _told: Told, is_over: Callable[[], bool]) -> Passed:
        self.begun.set()
        while not self.go_on.wait(0.01):
            if is_over():
                raise StoppedError
        return Passed("all well", 1)


def is_over(state: State) -> bool:
    return state.wanted is None and state.trial is None


def test_a_good_bundle_judges_and_everybody_knows(box: WatchedSlots) -> None:
    name = box.install(2)
    with box.watched() as (watch, pipeline):
        box.slots.ask()
        box.wait_for(lambda state: state.running == name)
        box.wait_for(lambda _: len(box.events) == 2)
        digest = box.slot(name).digest
        assert pipeline.inspector.inspect(frame()).bundle == digest
        assert watch.trouble() is None
    said = [(event.news, event.version, event.why) for event in box.events]
    assert said == [("trial", 2, "its trial has begun"), ("good", 2, "all well")]
    assert box.info == [{"digest": digest}]
    assert box.metrics.registry.get_sample_value("kotoba_bundle_version", {"bundle": "tiny"}) == 2
    assert box.metrics.registry.get_sample_value("kotoba_trial_results_total", {"result": "good"}) == 1
    assert box.metrics.registry.get_sample_value("kotoba_trial_running") == 0


@pytest.mark.parametrize("error", [TrialError("it is too slow"), BundleError("it is too slow"), ValueError("a bug")])
def test_anything_else_sends_it_back_with_the_reason(box: WatchedSlots, error: Exception) -> None:
    def fails(*_: object) -> Passed:
        raise error

    box.script = fails
    name = box.install(2)
    with box.watched() as (_, pipeline):
        before = pipeline.inspector
        box.slots.ask()
        box.wait_for(lambda _: [event.news for event in box.events] == ["trial", "returned"])
        assert pipeline.inspector is before
    slot, state = box.slot(name), box.slots.read()
    assert (slot.state, state.running) == ("returned", "a")
    assert box.events[-1].why == slot.why
    assert slot.why == ("it is too slow" if not isinstance(error, ValueError) else "ValueError in the trial: report this as a bug")


def test_a_bundle_that_was_changed_in_its_slot_goes_back(box: WatchedSlots) -> None:
    name = box.install(2)
    (box.slots.path(name) / "templates/default.txt").write_bytes(b"{labels} and {description}")
    box.slots.ask()
    with box.watched():
        box.wait_for(lambda state: is_over(state) and bool(box.events))
    assert "templates/default.txt" in box.slot(name).why


def test_another_signed_bundle_in_the_slot_than_the_one_that_was_installed_goes_back(box: WatchedSlots) -> None:
    name = box.install(2)
    box.slots.ask()
    shutil.rmtree(box.slots.path(name))
    bundle_folder(box.slots.path(name), 3)
    with box.watched() as (_, pipeline):
        box.wait_for(lambda state: is_over(state) and bool(box.events))
        assert pipeline.inspector.inspect(frame()).bundle == box.slot("a").digest
    assert "holds another bundle than tiny version 2" in box.slot(name).why


def test_what_a_bundle_says_of_itself_is_cut_before_it_is_told(box: WatchedSlots) -> None:
    def fails(*_: object) -> Passed:
        raise TrialError("it says\n" + "x" * 100_000)

    box.script = fails
    name = box.install(2)
    with box.watched():
        box.slots.ask()
        box.wait_for(lambda _: [event.news for event in box.events] == ["trial", "returned"])
    assert box.events[-1].why == box.slot(name).why
    assert len(box.slot(name).why) == MAX_WHY
    assert box.slot(name).why.startswith("it says xxx")


def test_models_that_cannot_be_loaded_in_the_daemon_send_it_back(box: WatchedSlots) -> None:
    name = box.install(2)
    digest = box.slot(name).digest

    def load(bundle: Bundle) -> list[Inspector]:
        if bundle.digest == digest:
            msg = "opening clip/vision.onnx: no memory"
            raise BundleError(msg)
        return scripted_inspectors(bundle)

    box.load = load
    with box.watched() as (_, pipeline):
        before = pipeline.inspector
        box.slots.ask()
        box.wait_for(lambda state: state.slot(name) is not None and box.slot(name).state == "returned")
        assert pipeline.inspector is before


def test_a_trial_that_a_crash_left_goes_back_at_the_next_start(box: WatchedSlots) -> None:
    name = box.install(2)
    box.slots.ask()
    box.slots.begin_trial()
    with box.watched():
        box.wait_for(lambda _: bool(box.events))
    assert (box.slot(name).state, box.slot(name).why, box.slots.read().running) == ("returned", CRASHED, "a")
    assert [(event.news, event.version) for event in box.events] == [("returned", 2)]


def test_a_trial_begins_anew_after_the_daemon_was_stopped(box: WatchedSlots) -> None:
    box.script = held = Held()
    name = box.install(2)
    box.slots.ask()
    with box.watched():
        assert held.begun.wait(PATIENCE_S)
    state = box.slots.read()
    assert (state.wanted, state.trial, box.slot(name).state) == (name, None, "staged")
    held.go_on.set()
    with box.watched():
        box.wait_for(lambda state: state.running == name)


def test_a_trial_begins_anew_when_the_stations_change(box: WatchedSlots) -> None:
    box.script = held = Held()
    name = box.install(2)
    with box.watched():
        box.slots.ask()
        assert held.begun.wait(PATIENCE_S)
        held.begun.clear()
        box.change_stations()
        assert held.begun.wait(PATIENCE_S)
        held.go_on.set()
        box.wait_for(lambda state: state.running == name)
    assert [event.why for event in box.slots.read().history if event.event == "returned"] == [CHANGED]


def test_a_bundle_that_was_loaded_for_other_stations_does_not_take_over(box: WatchedSlots) -> None:
    name = box.install(2)
    digest, changes = box.slot(name).digest, [1]

    def load(bundle: Bundle) -> list[Inspector]:
        if bundle.digest == digest and changes:
            changes.pop()
            box.change_stations()
        return scripted_inspectors(bundle)

    box.load = load
    with box.watched():
        box.slots.ask()
        box.wait_for(lambda state: state.running == name)
        (pipeline,) = box.pipelines
        box.wait_for(lambda _: pipeline.inspector.inspect(frame()).bundle == digest)
    assert [event.why for event in box.slots.read().history if event.event == "returned"] == [CHANGED]


def test_a_person_ends_a_trial(box: WatchedSlots) -> None:
    box.script = held = Held()
    name = box.install(2)
    with box.watched():
        box.slots.ask()
        assert held.begun.wait(PATIENCE_S)
        box.slots.rollback("not today")
        box.wait_for(lambda _: box.metrics.registry.get_sample_value("kotoba_trial_running") == 0)
    assert (box.slot(name).state, box.slot(name).why, box.slots.read().running) == ("returned", "not today", "a")


def test_the_bundle_before_judges_again_when_a_person_goes_back(box: WatchedSlots) -> None:
    first, name = box.slot("a").digest, box.install(2)
    with box.watched() as (_, pipeline):
        box.slots.ask()
        box.wait_for(lambda state: state.running == name)
        box.slots.rollback("it overlooks scratches")
        box.wait_for(lambda _: box.events[-1].news == "running")
        assert pipeline.inspector.inspect(frame()).bundle == first
    assert (box.events[-1].version, box.events[-1].why) == (1, "it overlooks scratches")


def test_another_signed_bundle_than_the_one_that_was_good_does_not_judge_after_a_person_goes_back(box: WatchedSlots) -> None:
    name = box.install(2)
    with box.watched():
        box.slots.ask()
        box.wait_for(lambda state: state.running == name)
        box.wait_for(lambda _: box.events[-1].news == "good")
    box.stop.clear()
    watch, pipeline = box.watch()
    box.slots.rollback("it overlooks scratches")
    shutil.rmtree(box.slots.path("a"))
    bundle_folder(box.slots.path("a"), 3)
    watch.start()
    try:
        box.wait_for(lambda _: watch.trouble() is not None)
    finally:
        watch.close(PATIENCE_S)
    assert "holds another bundle than tiny version 1" in (watch.trouble() or "")
    assert pipeline.inspector.inspect(frame()).bundle == box.slot(name).digest


def test_a_state_that_cannot_be_read_is_a_trouble_and_stops_nothing(box: WatchedSlots) -> None:
    with box.watched() as (watch, pipeline):
        (box.slots.root / "state.json").rename(box.slots.root / "state.away")
        (box.slots.root / "state.json").write_bytes(b"{}}")
        pause = threading.Event()
        while watch.trouble() is None:
            pause.wait(0.01)
        assert "state.json cannot be read" in (watch.trouble() or "")
        assert pipeline.inspector.inspect(frame()).verdict.reasons == ()
        (box.slots.root / "state.away").replace(box.slots.root / "state.json")
        while watch.trouble() is not None:
            pause.wait(0.01)


def test_a_camera_that_was_frozen_stays_so_when_a_bundle_takes_over(tmp_path: Path) -> None:
    box = WatchedSlots(tmp_path)
    box.load = lambda bundle: scripted_inspectors(bundle, picture={"frozen_after": 3})
    name = box.install(2)
    with box.watched() as (_, pipeline):
        for _ in range(3):
            before = pipeline.inspector.inspect(frame())
        box.slots.ask()
        box.wait_for(lambda state: state.running == name)
        box.wait_for(lambda _: box.events[-1].news == "good")
        after = pipeline.inspector.inspect(frame())
    assert before.verdict.reasons == after.verdict.reasons == (Reason.FROZEN,)
    assert before.bundle != after.bundle


def test_the_end_does_not_wait_for_models_that_are_loaded(box: WatchedSlots) -> None:
    name = box.install(2)
    digest, hangs, let_go = box.slot(name).digest, threading.Event(), threading.Event()

    def load(bundle: Bundle) -> list[Inspector]:
        if bundle.digest == digest:
            hangs.set()
            let_go.wait(PATIENCE_S)
        return scripted_inspectors(bundle)

    box.load = load
    watch, pipeline = box.watch()
    before = pipeline.inspector
    watch.start()
    box.slots.ask()
    assert hangs.wait(PATIENCE_S)
    watch.close(0.05)
    assert (box.slots.read().wanted, box.slots.read().trial) == (name, None), "it begins anew, and is not taken for a crash"
    let_go.set()
    box.wait_for(lambda _: box.metrics.registry.get_sample_value("kotoba_trial_running") == 0)
    assert pipeline.inspector is before
