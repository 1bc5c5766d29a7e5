from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path

import pytest

from edge.daemon.dispatcher import FIRST_DELAY_S, LAST_DELAY_S, Dispatcher
from edge.errors import DeliveryError, NobodyListensError
from edge.records import Inspection
from edge.sinks import SinkRoute
from edge.sinks.memory import MemorySink
from edge.spool.store import Spool
from tests.support.inspections import inspection

DEADLINE_S = 20.0
Trouble = Callable[[Inspection], DeliveryError | None]


class Pauses:
    """Stands in for the pauses after failures: notes each, never waits; `after` runs in the dispatcher's thread at each."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self.after: Callable[[int], object] = lambda _: None

    def __call__(self, stopping: threading.Event, seconds: float) -> bool:
        self.taken.append(seconds)
        self.after(len(self.taken))
        return stopping.is_set()


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool.sqlite", ballast_bytes=4096)
    spool.register_sinks({"memory": ("s1",)})
    yield spool
    spool.close()


@pytest.fixture
def dispatch(spool: Spool, pauses: Pauses) -> Iterator[Callable[[Trouble], tuple[Dispatcher, MemorySink]]]:
    started: list[Dispatcher] = []

    def start(trouble: Trouble = lambda _: None) -> tuple[Dispatcher, MemorySink]:
        sink = MemorySink(trouble=trouble)
        dispatcher = Dispatcher(spool=spool, route=SinkRoute("memory", ("s1",), sink), wait=pauses)
        started.append(dispatcher)
        dispatcher.start()
        return dispatcher, sink

    yield start
    for dispatcher in started:
        assert dispatcher.stop(DEADLINE_S)


Dispatch = Callable[..., tuple[Dispatcher, MemorySink]]


def commit(spool: Spool, count: int) -> list[Inspection]:
    return [spool.commit(inspection(number)) for number in range(count)]


def fails(times: int, error: DeliveryError) -> Trouble:
    """Refuse the first deliveries."""
    left = [times]

    def trouble(_: Inspection) -> DeliveryError | None:
        left[0] -= 1
        return error if left[0] >= 0 else None

    return trouble


def test_what_is_committed_is_delivered_in_order(spool: Spool, dispatch: Dispatch) -> None:
    committed = commit(spool, 120)
    dispatcher, sink = dispatch()

    assert dispatcher.drain(DEADLINE_S)

    assert list(sink.inspections) == committed
    status = dispatcher.status()
    assert (status.delivered, status.failed, status.backlog, status.last_error) == (120, 0, 0, None)


def test_what_is_committed_later_is_delivered_when_woken(spool: Spool, dispatch: Dispatch) -> None:
    dispatcher, sink = dispatch()
    assert dispatcher.drain(DEADLINE_S)
    committed = commit(spool, 1)
    dispatcher.wake()
    assert dispatcher.drain(DEADLINE_S)
    assert list(sink.inspections) == committed


def test_a_row_that_fails_is_tried_again_until_it_is_delivered_and_nothing_overtakes_it(
    spool: Spool, dispatch: Dispatch, pauses: Pauses
) -> None:
    committed = commit(spool, 5)
    failures = iter([False, True, True, False, True, False])

    dispatcher, sink = dispatch(lambda _: DeliveryError("refused") if next(failures, False) else None)
    assert dispatcher.drain(DEADLINE_S)

    assert list(sink.inspections) == committed
    assert dispatcher.status().failed == 3
    assert pauses.taken == [FIRST_DELAY_S, 2 * FIRST_DELAY_S, FIRST_DELAY_S]


def test_pauses_double_up_to_a_bound_and_it_never_gives_up(spool: Spool, dispatch: Dispatch, pauses: Pauses) -> None:
    committed = commit(spool, 1)

    dispatcher, sink = dispatch(fails(500, DeliveryError("no broker")))
    assert dispatcher.drain(DEADLINE_S)

    assert list(sink.inspections) == committed
    assert pauses.taken == [min(FIRST_DELAY_S * 2**n, LAST_DELAY_S) for n in range(500)]


def test_progress_grows_while_the_other_side_is_down(spool: Spool, dispatch: Dispatch, pauses: Pauses) -> None:
    seen: list[int] = []
    pauses.after = lambda _: seen.append(dispatcher.status().progress)
    commit(spool, 1)

    ready = threading.Event()

    def trouble(_: Inspection) -> DeliveryError | None:
        ready.wait(DEADLINE_S)
        return DeliveryError("no broker") if len(seen) < 10 else None

    dispatcher, _ = dispatch(trouble)
    ready.set()
    assert dispatcher.drain(DEADLINE_S)

    assert seen == sorted(set(seen))
    assert len(seen) == 10


def test_that_nobody_listens_is_an_alarm_until_somebody_does(spool: Spool, dispatch: Dispatch, pauses: Pauses) -> None:
    alarmed, let_go = threading.Event(), threading.Event()

    def pause(count: int) -> None:
        if count == 3:
            alarmed.set()
            let_go.wait(DEADLINE_S)

    pauses.after = pause
    committed = commit(spool, 2)
    dispatcher, sink = dispatch(fails(3, NobodyListensError("start the consumer")))

    assert alarmed.wait(DEADLINE_S)
    status = dispatcher.status()
    assert (status.nobody_listens, status.last_error, status.backlog, status.failed) == (True, "start the consumer", 2, 3)
    assert not dispatcher.drain(0)
    let_go.set()
    assert dispatcher.drain(DEADLINE_S)

    assert list(sink.inspections) == committed
    status = dispatcher.status()
    assert (status.nobody_listens, status.last_error, status.backlog) == (False, None, 0)


def test_an_error_that_was_not_foreseen_does_not_end_the_deliveries(spool: Spool, dispatch: Dispatch) -> None:
    committed = commit(spool, 2)
    broken = iter([ZeroDivisionError("a bug")])

    def trouble(_: Inspection) -> DeliveryError | None:
        for bug in broken:
            raise bug
        return None

    dispatcher, sink = dispatch(trouble)
    assert dispatcher.drain(DEADLINE_S)
    assert list(sink.inspections) == committed
    assert dispatcher.status().failed == 1


def test_stopping_keeps_what_is_not_delivered(spool: Spool, pauses: Pauses) -> None:
    committed = commit(spool, 3)
    trying = threading.Event()

    def trouble(inspection: Inspection) -> DeliveryError | None:
        if inspection.seq < 2:
            return None
        trying.set()
        return DeliveryError("no broker")

    sink = MemorySink(trouble=trouble)
    dispatcher = Dispatcher(spool=spool, route=SinkRoute("memory", ("s1",), sink), wait=pauses)
    dispatcher.start()
    assert trying.wait(DEADLINE_S)

    assert dispatcher.stop(DEADLINE_S)

    assert list(sink.inspections) == committed[:1]
    assert [row.inspection for row in spool.pending("memory", ("s1",), 10)] == committed[1:]
    assert dispatcher.status().backlog == 2
    with pytest.raises(DeliveryError, match="closed"):
        list(sink.deliver([committed[0]]))


class HangingSink(MemorySink):
    """Its delivery hangs until it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.hanging, self._free = threading.Event(), threading.Event()

    def deliver(self, inspections: Iterable[Inspection]) -> Generator[Inspection, None, None]:
        self.hanging.set()
        assert self._free.wait(DEADLINE_S)
        yield from super().deliver(inspections)

    def close(self) -> None:
        super().close()
        self._free.set()


def test_stopping_ends_a_delivery_that_hangs(spool: Spool) -> None:
    commit(spool, 1)
    sink = HangingSink()
    dispatcher = Dispatcher(spool=spool, route=SinkRoute("memory", ("s1",), sink))
    dispatcher.start()
    assert sink.hanging.wait(DEADLINE_S)

    assert dispatcher.stop(2.0)

    assert spool.backlog("memory", ("s1",)) == 1


def test_a_dispatcher_that_was_never_started_stops_at_once(spool: Spool) -> None:
    dispatcher = Dispatcher(spool=spool, route=SinkRoute("memory", ("s1",), MemorySink()))
    assert dispatcher.stop(DEADLINE_S)
