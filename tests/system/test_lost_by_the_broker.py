"""A verdict that was acknowledged and then lost, without a broker: the consumer sees the gap, and only a replay fills it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from pathlib import Path

import pytest

from edge.daemon.dispatcher import Dispatcher
from edge.records import Inspection
from edge.sinks import SinkRoute
from edge.spool.store import Spool
from tests.support.inspections import inspection
from tests.support.ledger import Gap, Ledger, ask_again

LOST = frozenset({3, 6, 7})


class LosingSink:
    """Acknowledges every delivery; the first copies of LOST never reach the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def connect(self) -> None:
        """Nothing to do."""

    def deliver(self, inspections: Iterable[Inspection]) -> Generator[Inspection, None, None]:
        for one in inspections:
            if one.replayed or one.seq not in LOST:
                self._ledger.add(one)
            yield one

    def close(self) -> None:
        """Nothing to do."""


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    path = tmp_path / "spool.sqlite"
    spool = Spool(path, ballast_bytes=4096)
    spool.register_sinks({"mqtt": ("s1",)})
    for number in range(1, 10):
        spool.commit(inspection(number))
    spool.close()
    return path


@pytest.fixture
def deliver(spool: Path, ledger: Ledger) -> Callable[[], None]:
    """Run a box's dispatcher on the spool until nothing is left to send."""

    def run() -> None:
        opened = Spool(spool, ballast_bytes=4096)
        opened.register_sinks({"mqtt": ("s1",)})
        dispatcher = Dispatcher(spool=opened, route=SinkRoute("mqtt", ("s1",), LosingSink(ledger)))
        dispatcher.start()
        assert dispatcher.drain(30)
        assert dispatcher.stop(10)
        opened.close()

    return run


def test_what_was_acknowledged_and_lost_is_seen_as_gaps(ledger: Ledger, deliver: Callable[[], None]) -> None:
    deliver()

    epoch = ledger.effects[0].epoch
    assert ledger.gaps() == [Gap(epoch, "s1", 3, 3), Gap(epoch, "s1", 6, 7)]


def test_without_a_replay_the_gaps_stay_however_often_the_box_starts(ledger: Ledger, deliver: Callable[[], None]) -> None:
    deliver()
    before = ledger.gaps()
    deliver()

    assert ledger.gaps() == before
    assert len(ledger.effects) == 9 - len(LOST)


def test_a_replay_of_the_gaps_makes_every_verdict_take_effect_once(ledger: Ledger, spool: Path, deliver: Callable[[], None]) -> None:
    deliver()
    ask_again(ledger.gaps(), spool)
    deliver()

    assert ledger.gaps() == []
    assert sorted(effect.seq for effect in ledger.effects) == list(range(1, 10))
    assert [effect.seq for effect in ledger.effects if effect.replayed] == sorted(LOST)


def test_a_second_copy_has_no_effect(ledger: Ledger, spool: Path, deliver: Callable[[], None]) -> None:
    deliver()
    ask_again([Gap(ledger.effects[0].epoch, "s1", 1, 9)], spool)
    deliver()

    assert ledger.copies == 2 * 9 - len(LOST)
    assert len(ledger.effects) == 9
