from __future__ import annotations

import threading

from edge.daemon.frame_slot import FrameSlot


def test_of_a_live_source_the_newest_wins_and_the_others_are_counted() -> None:
    slot = FrameSlot[int](live=True)

    assert [slot.put(i) for i in (1, 2, 3)] == [True, True, True]

    assert slot.take() == 3
    assert slot.take() is None
    assert slot.dropped == 2


def test_what_was_taken_in_time_is_not_dropped() -> None:
    slot = FrameSlot[int](live=True)

    taken = [slot.take() for i in range(5) if slot.put(i)]

    assert taken == [0, 1, 2, 3, 4]
    assert slot.dropped == 0


def test_it_says_whether_something_waits() -> None:
    slot = FrameSlot[int](live=True)
    before = slot.waiting

    slot.put(1)

    assert (before, slot.waiting) == (False, True)


def test_a_finite_source_waits_and_loses_nothing() -> None:
    slot, taken = FrameSlot[int](live=False), []
    source = threading.Thread(target=lambda: [slot.put(i) for i in range(200)])
    source.start()

    while source.is_alive() or slot.waiting:
        item = slot.take()
        if item is not None:
            taken.append(item)
    source.join()

    assert taken == list(range(200))
    assert slot.dropped == 0


def test_closing_lets_a_source_that_waits_go_on() -> None:
    slot, accepted = FrameSlot[int](live=False), list[bool]()
    slot.put(1)
    waiting = threading.Event()

    def offer() -> None:
        waiting.set()
        accepted.append(slot.put(2))

    source = threading.Thread(target=offer)
    source.start()
    waiting.wait(5)

    slot.close()
    source.join(5)

    assert accepted == [False]
    assert slot.take() == 1


def test_a_closed_slot_takes_nothing() -> None:
    slot = FrameSlot[int](live=True)
    slot.close()

    assert not slot.put(1)
    assert not slot.waiting
