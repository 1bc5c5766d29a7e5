from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from edge.records import Capture, Frame, LostFrame, Reason, TriggerRequest, Trouble
from edge.triggers.frame_ring import LEAST_FRAMES, MAX_FRAMES, FrameRing
from edge.triggers.requests import MAX_HELD_BYTES, MAX_OPEN, MAX_REMEMBERED, MAX_UNANSWERED, Requests
from firmware_config.triggers import Trigger
from tests.support.sample_records import MOMENT, frame

MS = 1_000_000
DEADLINE_MS, NEAREST_MS = 1_000, 200


class Clock:
    """Monotonic nanoseconds, moved by hand in milliseconds."""

    def __init__(self) -> None:
        self.now_ms = 10_000.0

    def __call__(self) -> int:
        return int(self.now_ms * MS)


class Station:
    """The requests of a station with a clock of its own; times are milliseconds from its start."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.troubles: tuple[Trouble, ...] = ()
        self.changes = 0
        self.requests = Requests(
            Trigger(kind="mqtt", deadline_ms=DEADLINE_MS, nearest_ms=NEAREST_MS),
            station="cell-01",
            troubles=lambda: self.troubles,
            changed=self._change,
            monotonic_ns=self.clock,
            now=lambda: MOMENT,
        )

    def _change(self) -> None:
        self.changes += 1

    def at(self, ms: float) -> Station:
        self.clock.now_ms = 10_000 + ms
        return self

    def ask(self, name: str, *, part: str | None = None, arrived_ms: float | None = None) -> str:
        arrived_ns = self.clock() if arrived_ms is None else int((10_000 + arrived_ms) * MS)
        return self.requests.ask(TriggerRequest("cell-01", name, part, arrived_ns))

    def see(self, source: str, *, taken_ms: float | None = None, capture: Capture | None = None) -> None:
        taken_ns = self.clock() if taken_ms is None else int((10_000 + taken_ms) * MS)
        self.requests.put(replace(capture or frame(), monotonic_ns=taken_ns, source=source))

    def judged(self) -> list[tuple[str, str | None]]:
        """What the worker gets now: the frame and the request."""
        taken = []
        while (capture := self.requests.take()) is not None:
            taken.append((capture.source, capture.request_id))
        return taken

    def due(self) -> list[Capture]:
        """What is due without a judgement."""
        due = []
        while (capture := self.requests.take_due()) is not None:
            due.append(capture)
        return due

    def faults(self) -> list[tuple[str | None, Reason]]:
        """What is due without a picture."""
        return [(one.request_id, one.reason) for one in self.due() if isinstance(one, LostFrame)]


@pytest.fixture
def cell() -> Station:
    return Station()


@pytest.mark.parametrize(("asked_ms", "nearest"), [(104, "a"), (149, "a"), (151, "b"), (196, "b")])
def test_the_frame_nearest_to_the_request_is_judged(cell: Station, asked_ms: float, nearest: str) -> None:
    cell.at(100).see("a")
    cell.at(asked_ms).ask("r")
    cell.at(200).see("b")
    assert cell.judged() == [(nearest, "r")]


def test_the_next_frame_is_waited_for_only_while_it_could_be_nearer(cell: Station) -> None:
    cell.at(100).see("a")
    cell.at(130).ask("r")
    assert cell.requests.next_due_s() == pytest.approx(0.050)
    cell.at(179).due()
    assert not cell.requests.waiting
    cell.at(180).due()
    assert cell.requests.waiting
    assert cell.judged() == [("a", "r")]


def test_a_frame_on_its_way_is_waited_for_as_long_as_the_last_ones_took(cell: Station) -> None:
    cell.at(140).see("a", taken_ms=100)
    cell.at(145).ask("r")  # it has seen "a", taken 45 ms before; the next one, taken at 150, is here at 190
    cell.at(189).due()
    assert not cell.requests.waiting
    cell.at(190).see("b", taken_ms=150)
    assert cell.judged() == [("b", "r")]


def test_a_frame_that_was_on_its_way_when_the_request_came_counts_as_before_it(cell: Station) -> None:
    cell.at(100).see("a")
    cell.at(150).ask("r")
    cell.at(155).see("b", taken_ms=140)
    cell.at(180).due()
    assert cell.judged() == [("b", "r")]


def test_one_frame_answers_two_requests_for_the_same_part(cell: Station) -> None:
    cell.at(100).see("a")
    cell.at(101).ask("r1", part="p1")
    cell.at(102).ask("r2", part="p1")
    cell.at(150).see("b")
    taken = [cell.requests.take(), cell.requests.take()]
    assert [(one.source, one.request_id, one.part_id) for one in taken if one] == [("a", "r1", "p1"), ("a", "r2", "p1")]


@pytest.mark.parametrize(("first", "second"), [("p1", "p2"), (None, "p2"), ("p1", None)])
@pytest.mark.parametrize("is_judged", [True, False])
def test_a_frame_never_answers_for_another_part(cell: Station, first: str | None, second: str | None, *, is_judged: bool) -> None:
    cell.at(100).see("a")
    cell.at(101).ask("r1", part=first)
    if is_judged:
        cell.at(130).due()
        picture = cell.requests.take()
        assert picture is not None
        assert cell.requests.claim(picture)
    cell.at(140).ask("r2", part=second)
    cell.at(600).see("b")  # the camera stalled
    assert cell.faults() == [("r2", Reason.CAMERA_STALLED)]
    assert cell.judged() == ([] if is_judged else [("a", "r1")])


@pytest.mark.parametrize(("asked_ms", "is_shared"), [(119, True), (121, False)])
def test_requests_without_a_part_share_a_frame_within_its_own_period(cell: Station, asked_ms: float, *, is_shared: bool) -> None:
    cell.at(80).see("before")
    cell.at(100).see("a")
    cell.at(101).ask("r1")
    cell.at(asked_ms).ask("r2")
    cell.at(300).see("b")
    assert cell.judged() == [("a", "r1"), *([("a", "r2")] if is_shared else [])]
    assert cell.faults() == ([] if is_shared else [("r2", Reason.CAMERA_STALLED)])


@pytest.mark.parametrize("seen", [True, False])
def test_without_a_frame_near_enough_it_is_a_fault_long_before_the_deadline(cell: Station, *, seen: bool) -> None:
    if seen:
        cell.at(0).see("old")
    cell.at(500).ask("r", part="p")
    cell.at(719).due()
    assert cell.requests.next_due_s() == pytest.approx(0.001)
    (fault,) = cell.at(721).due()
    assert isinstance(fault, LostFrame)
    assert (fault.reason, fault.request_id, fault.part_id) == (Reason.CAMERA_STALLED, "r", "p")
    assert ("none has come yet" in fault.detail) is not seen
    assert cell.judged() == []


def test_a_camera_that_is_known_to_be_out_is_named(cell: Station) -> None:
    cell.troubles = (Trouble("file_not_moved", MOMENT, "no"), Trouble("camera_unreachable", MOMENT - timedelta(hours=1), "camera 7 is out"))
    cell.at(0).ask("r")
    (fault,) = cell.at(300).due()
    assert isinstance(fault, LostFrame)
    assert (fault.reason, fault.detail) == (Reason.CAMERA_UNREACHABLE, "camera 7 is out")


def test_a_lost_frame_that_is_the_nearest_is_the_answer(cell: Station) -> None:
    cell.at(100).see("broken", capture=LostFrame(Reason.UNREADABLE, "torn", MOMENT, 0, "cell-01", 1, "cam"))
    cell.at(110).ask("r")
    cell.at(200).see("b")
    assert cell.judged() == [("broken", "r")]


def test_who_claims_first_answers_and_nobody_after(cell: Station) -> None:
    cell.at(0).see("a")
    cell.ask("r")
    picture = cell.requests.take()
    assert picture is not None
    assert cell.requests.claim(picture)
    assert not cell.requests.claim(picture)
    assert cell.at(5_000).due() == []


def test_a_judgement_after_the_last_moment_is_not_claimed_even_if_nobody_took_what_is_due(cell: Station) -> None:
    cell.at(0).see("a")
    cell.ask("r")
    picture = cell.requests.take()
    assert picture is not None
    assert not cell.at(3_000).requests.claim(picture)
    (late,) = cell.due()
    assert (late.source, late.request_id) == ("a", "r")


def test_what_must_be_answered_first_is_due_first(cell: Station) -> None:
    cell.at(0).see("a")
    cell.ask("first")
    cell.at(400).ask("second")  # no picture is near
    assert cell.requests.due_by_ns() is None
    cell.at(960)
    assert cell.requests.due_by_ns() == 11_000 * MS
    assert [one.request_id for one in cell.due()] == ["first", "second"]
    assert cell.requests.due_by_ns() is None


def test_at_the_deadline_a_picture_that_is_not_judged_is_due_and_its_judgement_is_dropped(cell: Station) -> None:
    cell.at(0).see("a")
    cell.ask("r")
    picture = cell.requests.take()
    lead_s = 0.050 + 3e-9 * frame().pixels.nbytes
    assert cell.requests.next_due_s() == pytest.approx(1.0 - lead_s)
    assert cell.at(900).due() == []
    (late,) = cell.at(951).due()
    assert isinstance(late, Frame)
    assert (late.source, late.request_id) == ("a", "r")
    assert picture is not None
    assert not cell.requests.claim(picture)


def test_the_slower_answers_are_stored_the_earlier_they_are_due(cell: Station) -> None:
    cell.at(0).see("a")
    cell.requests.answered(80 * MS)
    cell.ask("r")
    assert cell.requests.next_due_s() == pytest.approx(1.0 - 0.130 - 3e-9 * frame().pixels.nbytes)
    cell.requests.answered(0)
    assert cell.requests.next_due_s() == pytest.approx(1.0 - 0.120 - 3e-9 * frame().pixels.nbytes)
    cell.requests.answered(10_000 * MS)
    assert cell.requests.next_due_s() == pytest.approx(0.5)


def test_a_request_that_nobody_judged_in_time_does_not_reach_the_worker(cell: Station) -> None:
    cell.at(0).see("a")
    cell.ask("r")
    assert len(cell.at(1_000).due()) == 1
    assert not cell.requests.waiting
    assert cell.judged() == []


def test_the_same_id_again_within_ten_minutes_is_the_same_request(cell: Station) -> None:
    cell.at(0).see("a")
    assert cell.ask("r") == "taken"
    assert cell.ask("r") == "repeated"
    assert cell.at(599_999).ask("r") == "repeated"
    cell.due()
    assert cell.at(600_001).ask("r") == "taken"


def test_ids_are_remembered_to_a_bound(cell: Station) -> None:
    cell.requests.switch(off="off")
    for number in range(MAX_REMEMBERED + 1):
        assert cell.ask(f"r{number}") == "taken"
        cell.due()
    assert cell.ask("r2") == "repeated"
    assert cell.ask("r0") == "taken"


def test_too_many_at_once_are_faults_and_beyond_that_nothing_is_taken(cell: Station) -> None:
    cell.at(0)
    became = [cell.ask(f"r{number}") for number in range(MAX_OPEN + MAX_UNANSWERED + 1)]
    assert became == ["taken"] * (MAX_OPEN + MAX_UNANSWERED) + ["full"]
    assert set(cell.faults()) == {(f"r{number}", Reason.OVERRUN) for number in range(MAX_OPEN, MAX_OPEN + MAX_UNANSWERED)}
    assert cell.ask("r-after") == "taken"


def test_pictures_that_wait_for_a_judgement_take_no_more_memory_than_allowed(cell: Station) -> None:
    large = replace(frame(), pixels=np.zeros((100, 1_000_000, 3), np.uint8))
    for number in range(3):
        cell.at(number * 100).see(f"f{number}", capture=replace(large, pixels=large.pixels.copy() if number else large.pixels))
        cell.ask(f"r{number}")
        cell.ask(f"s{number}")
    assert large.pixels.nbytes * 2 > MAX_HELD_BYTES
    assert cell.judged() == [("f0", "r0"), ("f0", "s0")]
    assert [reason for _, reason in cell.faults()] == [Reason.OVERRUN] * 4


def test_switched_off_everything_without_a_picture_is_a_fault_at_once_and_old_frames_are_forgotten(cell: Station) -> None:
    cell.at(0).see("a")
    cell.at(10).ask("waiting")
    cell.requests.switch(off="cell-01 is switched off")
    cell.ask("asked")
    assert sorted(cell.faults()) == [("asked", Reason.DISABLED), ("waiting", Reason.DISABLED)]
    cell.see("b")
    cell.requests.switch(off=None)
    cell.at(11).ask("on")
    cell.at(60).see("c")
    assert cell.judged() == [("c", "on")]


def test_closed_it_takes_no_picture_and_what_is_open_is_answered(cell: Station) -> None:
    cell.at(0).see("a")
    cell.ask("ready")
    cell.at(10).ask("waiting")
    cell.requests.close()
    assert not cell.requests.put(frame())
    assert cell.ask("after") == "full"
    assert sorted(cell.faults()) == [("ready", Reason.DISABLED), ("waiting", Reason.DISABLED)]
    assert cell.judged() == []


def test_who_watches_is_told_of_each_change(cell: Station) -> None:
    cell.ask("r")
    cell.see("a")
    cell.requests.switch(off=None)
    assert cell.changes == 3


def test_the_ring_keeps_the_newest_by_number_and_by_bytes() -> None:
    by_number, by_bytes = FrameRing(), FrameRing(max_bytes=2 * frame().pixels.nbytes)
    for number in range(20):
        for ring in (by_number, by_bytes):
            ring.add(frame(str(number), monotonic_ns=number))
    tiny = FrameRing(max_bytes=1)
    for number in range(5):
        tiny.add(frame(str(number), monotonic_ns=number))

    assert (len(by_number), len(by_bytes), len(tiny)) == (MAX_FRAMES, 2, LEAST_FRAMES)
    before, after = by_number.around(15)
    assert (before and before.source, after and after.source) == ("15", "16")
    assert by_bytes.around(3) == (None, by_bytes.around(18)[0])
