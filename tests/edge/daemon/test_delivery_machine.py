"""Spool, dispatcher and sink under any order of commits, failures, kills, replays and prunings: each verdict arrives."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from edge.daemon.dispatcher import Dispatcher
from edge.errors import DeliveryError
from edge.records import Inspection
from edge.sinks import SinkRoute
from edge.sinks.memory import MemorySink
from edge.spool.store import Spool
from tests.support.inspections import inspection

STATIONS = ("s1", "s2")
DEADLINE_S = 20.0
KEEP_S = 100.0


class Delivery(RuleBasedStateMachine):
    """Two stations, one output. `copies` counts how often each verdict arrived, `may_double` how often it might arrive once more."""

    def __init__(self) -> None:
        super().__init__()
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 -- thousands of small synchronised writes
        self.root = Path(tempfile.mkdtemp(prefix="delivery-", dir=memory))
        self.lives = 0
        self.now = 0.0
        self.committed: list[Inspection] = []
        self.copies: Counter[str] = Counter()
        self.may_double: Counter[str] = Counter()
        self.replayed: Counter[str] = Counter()
        self.spool = self.opened(self.root / "0")

    def opened(self, folder: Path) -> Spool:
        folder.mkdir(exist_ok=True)
        spool = Spool(folder / "spool.sqlite", ballast_bytes=4096, keep_s=KEEP_S, keep_rows=0, clock=lambda: self.now)
        spool.register_sinks({"memory": STATIONS})
        return spool

    def teardown(self) -> None:
        self.run(failures=[])
        assert [one.id for one in self.committed if not self.copies[one.id]] == []
        assert self.spool.backlog("memory", STATIONS) == 0
        for station in STATIONS:
            assert [one.seq for one in self.committed if one.station == station] == [
                number for number, _ in enumerate((one for one in self.committed if one.station == station), start=1)
            ]
        self.spool.close()
        shutil.rmtree(self.root)

    @invariant()
    def nothing_comes_twice_without_a_reason(self) -> None:
        assert {one: count for one, count in self.copies.items() if count > 1 + self.may_double[one]} == {}

    @rule(station=st.sampled_from(STATIONS), count=st.integers(1, 130))
    def commit(self, station: str, count: int) -> None:
        for _ in range(count):
            self.committed.append(self.spool.commit(inspection(len(self.committed), station=station)))

    @rule(failures=st.lists(st.integers(0, 60), max_size=4))
    def run(self, failures: list[int]) -> None:
        """Deliver all; before each of the failures so many deliveries go well."""
        sink = Unsteady(failures)
        route = SinkRoute("memory", STATIONS, sink, newest_first=True)
        dispatcher = Dispatcher(spool=self.spool, route=route, wait=lambda stopping, _seconds: stopping.is_set())
        dispatcher.start()
        assert dispatcher.drain(DEADLINE_S)
        assert dispatcher.stop(DEADLINE_S)
        self.note(sink.inspections)

    @rule(count=st.integers(1, 40))
    def be_killed_before_the_cursor_moves(self, count: int) -> None:
        sink = MemorySink()
        with closing(sink.deliver(row.inspection for row in self.spool.pending("memory", STATIONS, count))) as taken:
            for one in taken:
                self.may_double[one.id] += not one.replayed
        self.note(sink.inspections)
        self.be_killed()

    @rule()
    def be_killed(self) -> None:
        """Go on with the files as they lie there now."""
        self.lives += 1
        killed, after = self.root / str(self.lives - 1), self.root / str(self.lives)
        after.mkdir()
        for path in killed.iterdir():
            shutil.copy(path, after)
        self.spool.close()
        shutil.rmtree(killed)
        self.spool = self.opened(after)
        assert self.spool.status().moved_aside is None

    @rule(more_than=st.integers(20, 60))
    def put_off(self, more_than: int) -> None:
        self.spool.put_off("memory", STATIONS, more_than=more_than)

    @rule(station=st.sampled_from(STATIONS), first=st.integers(1, 200), count=st.integers(0, 50))
    def replay(self, station: str, first: int, count: int) -> None:
        found = self.spool.replay("memory", station, first, first + count)
        there = [one for one in self.committed if one.station == station and first <= one.seq <= first + count]
        assert found <= len(there)

    @rule(later_s=st.floats(0, 2 * KEEP_S))
    def prune(self, later_s: float) -> None:
        self.now += later_s
        waiting = self.spool.backlog("memory", STATIONS)
        self.spool.prune()
        assert self.spool.backlog("memory", STATIONS) == waiting

    def note(self, arrived: Iterable[Inspection]) -> None:
        for one in arrived:
            (self.replayed if one.replayed else self.copies)[one.id] += 1


class Unsteady(MemorySink):
    """Takes `counts[0]` inspections, fails once, takes `counts[1]`, fails once ..., and then takes all."""

    def __init__(self, counts: list[int]) -> None:
        super().__init__(trouble=self._trouble)
        self._counts = list(counts)
        self._lock_counts = threading.Lock()

    def _trouble(self, _: Inspection) -> DeliveryError | None:
        with self._lock_counts:
            if not self._counts:
                return None
            self._counts[0] -= 1
            if self._counts[0] >= 0:
                return None
            del self._counts[0]
            return DeliveryError("refused")

    def deliver(self, inspections: Iterable[Inspection]) -> Generator[Inspection, None, None]:
        yield from super().deliver(inspections)


@pytest.mark.parametrize("examples", [pytest.param(60, marks=pytest.mark.long), pytest.param(3000, marks=pytest.mark.soak)])
def test_each_verdict_arrives_whatever_happens(examples: int) -> None:
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    how = settings(max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=checks, database=None)
    run_state_machine_as_test(Delivery, settings=how)
