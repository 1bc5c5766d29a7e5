from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from edge.cameras.memory import MemoryCamera
from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.sd_notify import Notifier
from edge.evidence.folder import EvidenceFolder
from edge.evidence.keeper import EvidenceKeeper
from edge.inspection.policy import uncommitted
from edge.records import Decision, Inspection, Reason
from edge.sinks import SinkRoute
from edge.sinks.memory import MemorySink
from edge.spool.store import Spool
from firmware_config.evidence import Evidence
from tests.support.kept_pictures import Clock, digest, judged, kept, noise
from tests.support.running_daemon import PATIENCE_S, Counting, WatchedSink, pipeline, running
from tests.support.sample_records import frame, frames, lost

ALL = Evidence(ok_share=1.0)


class WatchedFolder(EvidenceFolder):
    """A folder that says what was tried, and hangs until it is let go, as a dead network share does."""

    def __init__(self, root: Path, *, hangs: bool = False, reserve_bytes: int = 0) -> None:
        super().__init__(root, max_bytes=10_000_000, keep_s=1e6, reserve_bytes=reserve_bytes)
        self.reserve_bytes = reserve_bytes
        self.tried, self.done = Counting(), Counting()
        self.released = threading.Event()
        if not hangs:
            self.released.set()

    def put(self, path: str, png: bytes) -> None:
        self.tried.add()
        self.released.wait(PATIENCE_S)
        super().put(path, png)
        self.done.add()


@contextmanager
def keeping(folder: EvidenceFolder, settings: Evidence = ALL, **limits: float) -> Iterator[EvidenceKeeper]:
    keeper = EvidenceKeeper(folder, {"cell-01": settings}, retry_s=0.02, **limits)  # type: ignore[arg-type]
    keeper.start()
    try:
        yield keeper
    finally:
        if isinstance(folder, WatchedFolder):
            folder.released.set()
        keeper.close(PATIENCE_S)


def offered(keeper: EvidenceKeeper, number: int, decision: Decision = Decision.REVIEW) -> Inspection:
    named = keeper.named(judged(decision, noise(number)))
    keeper.offer(named, frame(pixels=noise(number)))
    return named


def test_the_verdict_names_the_picture_that_is_kept(tmp_path: Path) -> None:
    with keeping(EvidenceFolder(tmp_path, max_bytes=1_000_000, keep_s=1e6, reserve_bytes=0)) as keeper:
        paths = [offered(keeper, number, decision).evidence_path for number, decision in enumerate(Decision)]

    assert paths == [f"{decision.value.lower()}/{digest(noise(number))}.png" for number, decision in enumerate(Decision)]
    assert kept(tmp_path) == sorted(map(str, paths))
    assert (keeper.kept, keeper.dropped, keeper.trouble()) == (4, 0, None)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (Evidence(ok_share=0.0), {Decision.NG, Decision.REVIEW, Decision.FAULT}),
        (Evidence(keep=("review",), ok_share=0.0), {Decision.REVIEW}),
        (Evidence(keep=(), ok_share=1.0), {Decision.OK}),
        (Evidence(keep=(), ok_share=0.0), set()),
    ],
)
def test_what_the_station_does_not_keep_is_not_named(tmp_path: Path, settings: Evidence, named: set[Decision]) -> None:
    keeper = EvidenceKeeper(EvidenceFolder(tmp_path, max_bytes=1_000_000, keep_s=1e6), {"cell-01": settings})

    assert {decision for decision in Decision if keeper.named(judged(decision, noise(1))).evidence_path} == named
    assert keeper.named(judged(Decision.NG, noise(1), station="cell-02")).evidence_path is None


def test_the_share_of_ok_pictures_is_chosen_by_their_digests(tmp_path: Path) -> None:
    keeper = EvidenceKeeper(EvidenceFolder(tmp_path, max_bytes=1_000_000, keep_s=1e6), {"cell-01": Evidence(ok_share=0.1)})

    def chosen() -> list[int]:
        return [number for number in range(2_000) if keeper.named(judged(Decision.OK, noise(number, side=2))).evidence_path]

    assert 140 < len(chosen()) < 260
    assert chosen() == chosen()


def test_of_a_fault_that_goes_on_the_first_pictures_are_kept_and_then_one_now_and_then(tmp_path: Path) -> None:
    clock = Clock()
    folder = EvidenceFolder(tmp_path, max_bytes=1_000_000, keep_s=1e6)
    keeper = EvidenceKeeper(folder, {"cell-01": ALL, "cell-02": ALL}, monotonic=clock)
    numbers = itertools.count()

    def named(decision: Decision = Decision.FAULT, reason: Reason = Reason.DARK, station: str = "cell-01") -> bool:
        one = judged(decision, noise(1), station=station, number=next(numbers))
        one = replace(one, verdict=replace(one.verdict, reasons=(reason,)))
        first, again = keeper.named(one), keeper.named(one)  # a commit is tried again
        assert first == again
        return first.evidence_path is not None

    assert [named() for _ in range(30)] == [True] * 20 + [False] * 10
    assert named(station="cell-02")
    clock.now += 600
    assert [named() for _ in range(3)] == [True, False, False]
    assert named(reason=Reason.BLURRED)
    assert named()
    assert sum(named() for _ in range(30)) == 19
    assert named(Decision.NG)
    assert sum(named() for _ in range(30)) == 20
    assert all(named(Decision.REVIEW, Reason.LOW_CONFIDENCE) for _ in range(100))


def test_a_frame_that_was_lost_has_no_picture(tmp_path: Path) -> None:
    with keeping(EvidenceFolder(tmp_path, max_bytes=1_000_000, keep_s=1e6, reserve_bytes=0)) as keeper:
        named = keeper.named(judged(Decision.FAULT, noise(1)))
        keeper.offer(named, lost())
    assert kept(tmp_path) == []


def test_while_the_disk_hangs_offering_never_waits_and_too_many_are_dropped(tmp_path: Path) -> None:
    folder, picture_bytes = WatchedFolder(tmp_path, hangs=True), noise(0).nbytes
    with keeping(folder, max_waiting_bytes=3 * picture_bytes, hung_s=-1.0) as keeper:
        offered(keeper, 0)
        assert folder.tried.wait_for(1)
        for number in range(1, 11):
            offered(keeper, number)
        assert keeper.dropped == 7
        assert "does not answer: look at its disk" in str(keeper.trouble())
    assert len(kept(tmp_path)) == 4
    assert (keeper.kept, keeper.dropped, keeper.trouble()) == (4, 7, None)


def test_a_picture_larger_than_the_queue_still_has_its_turn(tmp_path: Path) -> None:
    with keeping(WatchedFolder(tmp_path), max_waiting_bytes=10) as keeper:
        offered(keeper, 1)
    assert keeper.kept == 1


def test_a_thread_that_hangs_in_the_disk_does_not_hold_up_the_end(tmp_path: Path) -> None:
    folder = WatchedFolder(tmp_path, hangs=True)
    keeper = EvidenceKeeper(folder, {"cell-01": ALL})
    keeper.start()
    offered(keeper, 1)
    offered(keeper, 2)
    assert folder.tried.wait_for(1)

    keeper.close(0.01)  # returns

    folder.released.set()
    assert folder.done.wait_for(1)
    assert not folder.tried.count > 1


def test_a_folder_that_is_missing_is_said_and_works_again_once_it_is_there(tmp_path: Path) -> None:
    folder = WatchedFolder(tmp_path / "mount" / "evidence")
    with keeping(folder) as keeper:
        offered(keeper, 1)
        wait_until(lambda: keeper.trouble() is not None and keeper.dropped == 1)
        assert "No such file or directory: look at the disk, or correct KOTOBA_EVIDENCE" in str(keeper.trouble())
        (tmp_path / "mount").mkdir()
        wait_until(lambda: keeper.trouble() is None)
        offered(keeper, 2)
    assert kept(tmp_path) == [f"mount/evidence/review/{digest(noise(2))}.png"]


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll for what a thread does by itself after its pause."""
    pause = threading.Event()
    for _ in range(3_000):
        if condition():
            return
        pause.wait(0.01)
    pytest.fail("it did not come about")


def run_daemon(tmp_path: Path, keeper: EvidenceKeeper, *, count: int = 20, metrics: Metrics | None = None) -> list[Inspection]:
    """Inspect pictures; returns what the sink got."""
    sink, sources = MemorySink(), [f"{number}.png" for number in range(count)]
    with closing(Spool(tmp_path / "spool.sqlite", ballast_bytes=65_536)) as spool:
        daemon = Daemon(
            [pipeline(MemoryCamera(frames(sources)), sources)],
            spool=spool,
            routes=[SinkRoute("memory", ("cell-01",), sink)],
            metrics=metrics or Metrics(),
            notifier=Notifier({}),
            evidence=keeper,
        )
        daemon.run(threading.Event(), until_done=True)
    return list(sink.inspections)


def test_the_daemon_keeps_the_picture_of_each_verdict_under_the_name_in_it(tmp_path: Path) -> None:
    with keeping(WatchedFolder(tmp_path / "evidence")) as keeper:
        inspections = run_daemon(tmp_path, keeper)

    assert len(inspections) == 20
    for inspection in inspections:
        assert inspection.evidence_path == f"ok/{inspection.evidence_sha256}.png"
        pixels = cv2.imread(str(tmp_path / "evidence" / inspection.evidence_path), cv2.IMREAD_UNCHANGED)
        assert pixels is not None
        assert hashlib.sha256(pixels.tobytes()).hexdigest() == inspection.evidence_sha256


def test_a_folder_that_takes_nothing_costs_no_verdict(tmp_path: Path) -> None:
    metrics = Metrics()
    with keeping(WatchedFolder(tmp_path / "evidence", reserve_bytes=1 << 60)) as keeper:
        inspections = run_daemon(tmp_path, keeper, metrics=metrics)

    assert [inspection.seq for inspection in inspections] == list(range(1, 21))
    assert {inspection.verdict.decision for inspection in inspections} == {Decision.OK}
    assert keeper.dropped == 20
    assert "make room there" in str(keeper.trouble())


def test_a_hung_evidence_disk_stops_neither_verdicts_nor_the_watchdog_and_is_shown(tmp_path: Path) -> None:
    folder, metrics, sink, pings = WatchedFolder(tmp_path / "evidence", hangs=True), Metrics(), WatchedSink(), Pings()
    sources = [f"{number}.png" for number in range(20)]
    with keeping(folder, hung_s=-1.0) as keeper, closing(Spool(tmp_path / "spool.sqlite", ballast_bytes=65_536)) as spool:
        daemon = Daemon(
            [pipeline(MemoryCamera(frames(sources), hold=True), sources)],
            spool=spool,
            routes=[SinkRoute("memory", ("cell-01",), sink)],
            metrics=metrics,
            notifier=pings,
            evidence=keeper,
        )
        with running(daemon):
            assert folder.tried.wait_for(1)
            assert sink.arrived.wait_for(20)
            before = pings.counted.count
            assert pings.counted.wait_for(before + 3)
            wait_until(lambda: "does not answer" in pings.said)
        folder.released.set()
    assert metrics.registry.get_sample_value("kotoba_evidence_trouble") == 1.0


class Pings(Notifier):
    """Counts the pings of the watchdog, and remembers the status."""

    def __init__(self) -> None:
        super().__init__({})
        self.counted, self.said = Counting(), ""

    def ping(self) -> None:
        self.counted.add()

    def status(self, text: str) -> None:
        self.said = text


def test_a_verdict_that_could_not_be_committed_in_time_names_the_picture_of_a_fault(tmp_path: Path) -> None:
    keeper = EvidenceKeeper(EvidenceFolder(tmp_path, max_bytes=1_000_000, keep_s=1e6), {"cell-01": Evidence(ok_share=0.0)})
    ok = keeper.named(judged(Decision.OK, noise(1)))
    assert ok.evidence_path is None

    fault = keeper.named(uncommitted(ok, "full"))
    assert fault.verdict.reasons == (Reason.SPOOL_FULL,)
    assert fault.evidence_path == f"fault/{digest(noise(1))}.png"
