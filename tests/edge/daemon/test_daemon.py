from __future__ import annotations

import functools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.cameras.capture_factory import CaptureFactory
from edge.cameras.memory import MemoryCamera
from edge.cameras.outage import Outage
from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.pipeline import StationPipeline
from edge.daemon.sd_notify import Notifier
from edge.describers.scripted import ScriptedDescriber
from edge.errors import SpoolError, SpoolFullError
from edge.inspection.inspector import Inspector
from edge.inspection.policy import Limits, fault
from edge.judges.scripted import ScriptedJudge
from edge.message import utc_text
from edge.records import Capture, Decision, Inspection, PictureFile, Reason, Trouble
from edge.sinks import SinkRoute
from edge.sinks.memory import MemorySink
from edge.sinks.mqtt.sink import MqttSink
from edge.spool.store import Spool
from firmware_config.outputs import MqttOutput
from tests.faults.broker import NEVER, ScriptedBroker
from tests.support.running_daemon import PATIENCE_S, DeadCamera, HungModel, WatchedSink, daemon_of, pipeline, running
from tests.support.sample_records import BUNDLE, MODELS, description, frames, lost, scores, station


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path / "spool.sqlite", ballast_bytes=65_536)
    yield opened
    opened.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(PATIENCE_S)
        yield listening


def test_every_picture_of_a_finite_camera_is_judged_and_delivered_in_order(spool: Spool) -> None:
    sources = [f"{i:03}.png" for i in range(40)]
    sink, metrics = MemorySink(), Metrics()

    daemon_of([pipeline(MemoryCamera(frames(sources)), sources)], spool, sink, metrics=metrics).run(threading.Event(), until_done=True)

    assert [inspection.source for inspection in sink.inspections] == sources
    assert [inspection.seq for inspection in sink.inspections] == list(range(1, 41))
    assert {inspection.verdict.decision for inspection in sink.inspections} == {Decision.OK}
    assert {inspection.epoch for inspection in sink.inspections} == {spool.epoch}
    assert metrics.registry.get_sample_value("kotoba_inspections_total", {"station": "cell-01", "decision": "OK"}) == 40
    assert metrics.registry.get_sample_value("kotoba_stage_seconds_count", {"station": "cell-01", "stage": "commit"}) == 40


def test_what_cannot_be_said_on_the_wire_is_delivered_as_a_fault(spool: Spool) -> None:
    sink = MemorySink()
    unsayable = ScriptedDescriber({"a.png": description("half a letter \udcff")})
    inspector = Inspector(
        station(), describer=unsayable, judge=ScriptedJudge(lambda _: scores()), limits=Limits(), bundle_digest=BUNDLE, models_digest=MODELS
    )

    daemon_of([StationPipeline(station(), MemoryCamera(frames(["a.png"])), inspector, live=False)], spool, sink).run(
        threading.Event(), until_done=True
    )

    assert [inspection.verdict for inspection in sink.inspections] == [fault(Reason.JUDGE_FAILED)]
    assert sink.inspections[0].description is None


def test_several_stations_share_a_daemon_and_each_has_its_own_numbers(spool: Spool) -> None:
    sources = [f"{i}.png" for i in range(10)]
    sink = MemorySink()
    pipelines = [pipeline(MemoryCamera(frames(sources, name=name)), sources, name=name) for name in ("cell-01", "cell-02")]

    daemon_of(pipelines, spool, sink).run(threading.Event(), until_done=True)

    for name in ("cell-01", "cell-02"):
        delivered = [inspection for inspection in sink.inspections if inspection.station == name]
        assert [inspection.source for inspection in delivered] == sources
        assert [inspection.seq for inspection in delivered] == list(range(1, 11))


def test_a_lost_frame_and_a_describer_that_fails_are_delivered_as_faults(spool: Spool) -> None:
    sink = MemorySink()
    captures: list[Capture] = [*frames(["a.png", "unknown.png"]), lost(Reason.CAMERA_STALLED, sequence=3)]

    daemon_of([pipeline(MemoryCamera(captures), ["a.png"])], spool, sink).run(threading.Event(), until_done=True)

    reasons = [(inspection.verdict.decision, inspection.verdict.reasons) for inspection in sink.inspections]
    assert reasons == [
        (Decision.OK, ()),
        (Decision.FAULT, (Reason.DESCRIBE_FAILED,)),
        (Decision.FAULT, (Reason.CAMERA_STALLED,)),
    ]


def test_of_a_live_camera_pictures_are_dropped_and_counted_while_the_judge_is_busy(spool: Spool) -> None:
    sources = [f"{i}.png" for i in range(50)]
    judge, sink, metrics = HungModel(), MemorySink(), Metrics()

    def captures() -> Iterator[Capture]:
        first, *others = frames(sources)
        yield first
        judge.hangs.wait(PATIENCE_S)
        yield from others
        judge.released.set()

    slow = pipeline(MemoryCamera(captures()), sources, judge=judge, live=True)
    daemon_of([slow], spool, sink, metrics=metrics).run(threading.Event(), until_done=True)

    assert [inspection.source for inspection in sink.inspections] == ["0.png", "49.png"]
    assert metrics.registry.get_sample_value("kotoba_frames_dropped", {"station": "cell-01"}) == 48


@pytest.mark.long
def test_while_the_spool_is_full_verdicts_become_faults_and_are_delivered_after_room_returns(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite", max_bytes=200_000, ballast_bytes=65_536)
    sources = [f"{i:04}.png" for i in range(400)]
    sink, full = WatchedSink(), threading.Event()
    sink.broken = True

    def look(stop: threading.Event) -> None:
        while not spool.status().full and not stop.wait(0.01):
            pass
        full.set()

    looking_ends = threading.Event()
    looking = threading.Thread(target=look, args=(looking_ends,))
    looking.start()
    try:
        with running(daemon_of([pipeline(MemoryCamera(frames(sources), hold=True), sources)], spool, sink)):
            assert full.wait(PATIENCE_S)
            sink.broken = False
            assert sink.arrived.wait_for(400)
    finally:
        looking_ends.set()
        looking.join()
        spool.close()

    decisions = [inspection.verdict.decision for inspection in sink.inspections]
    waited = [inspection for inspection in sink.inspections if inspection.verdict.decision is not Decision.OK]
    assert [inspection.source for inspection in sink.inspections] == sources
    assert [inspection.seq for inspection in sink.inspections] == list(range(1, 401))
    assert {inspection.verdict.reasons for inspection in waited} == {(Reason.SPOOL_FULL,)}
    assert {inspection.verdict.decision for inspection in waited} == {Decision.FAULT}
    assert decisions[0] is Decision.OK
    assert decisions[-1] is Decision.OK


def test_a_broken_sink_does_not_stop_judging(spool: Spool) -> None:
    sources = [f"{i}.png" for i in range(30)]
    sink = WatchedSink()
    sink.broken = True

    with running(daemon_of([pipeline(MemoryCamera(frames(sources), hold=True), sources)], spool, sink)):
        assert sink.failed.wait_for(1)
        while spool.backlog("memory", ["cell-01"]) < 30:
            assert sink.failed.wait_for(sink.failed.count + 1)
        sink.broken = False
        assert sink.arrived.wait_for(30)

    assert [inspection.source for inspection in sink.inspections] == sources


def test_what_could_not_be_delivered_before_the_end_is_delivered_by_the_next_daemon(spool: Spool) -> None:
    sources = ["a.png", "b.png"]
    down, up = WatchedSink(), MemorySink()
    down.broken = True
    with running(daemon_of([pipeline(MemoryCamera(frames(sources), hold=True), sources)], spool, down)):
        while spool.backlog("memory", ["cell-01"]) < 2:
            assert down.failed.wait_for(down.failed.count + 1)

    daemon_of([pipeline(MemoryCamera([]), [])], spool, up).run(threading.Event(), until_done=True)

    assert [inspection.source for inspection in up.inspections] == sources


def notifier_at(manager: socket.socket, watchdog_s: float) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": str(int(watchdog_s * 1e6))})


def hear(manager: socket.socket, wanted: Callable[[bytes], bool]) -> bytes:
    while True:
        said = manager.recv(1_000)
        if wanted(said):
            return said


def test_systemd_hears_ready_pings_and_stopping(spool: Spool, manager: socket.socket) -> None:
    with running(daemon_of([pipeline(DeadCamera(), [])], spool, MemorySink(), notifier=notifier_at(manager, 30))):
        first = manager.recv(1_000)
        second = hear(manager, lambda said: not said.startswith(b"STATUS"))

    last = hear(manager, lambda said: said == b"STOPPING=1")
    assert (first, second, last) == (b"READY=1", b"WATCHDOG=1", b"STOPPING=1")


@pytest.mark.long
@pytest.mark.parametrize("stage", ["judge", "describer"])
def test_a_model_that_hangs_stops_the_pings(spool: Spool, manager: socket.socket, stage: str) -> None:
    judge = HungModel()
    camera = MemoryCamera(frames(["a.png", "b.png"]), hold=True)
    hung_cell = pipeline(
        camera, ["a.png", "b.png"], judge=judge if stage == "judge" else None, describer=judge if stage == "describer" else None
    )
    daemon = daemon_of([hung_cell], spool, MemorySink(), notifier=notifier_at(manager, 2.5))

    with running(daemon):
        assert judge.hangs.wait(PATIENCE_S)
        hung = hear(manager, lambda said: said.startswith(b"STATUS"))
        manager.settimeout(1.5)  # six looks of the main loop
        with pytest.raises(TimeoutError):
            manager.recv(1_000)
        judge.released.set()
        manager.settimeout(PATIENCE_S)
        again = hear(manager, lambda said: not said.startswith(b"STATUS"))

    assert hung == b"STATUS=inspect is hung"
    assert again == b"WATCHDOG=1"


@pytest.mark.long
@pytest.mark.parametrize("dead", ["camera", "sink"])
def test_a_dead_camera_or_sink_does_not_stop_the_pings(spool: Spool, manager: socket.socket, dead: str) -> None:
    sink = WatchedSink()
    sink.broken = dead == "sink"
    camera = DeadCamera() if dead == "camera" else MemoryCamera(frames(["a.png"]), hold=True)

    with running(daemon_of([pipeline(camera, ["a.png"])], spool, sink, notifier=notifier_at(manager, 2.5))):
        pings = [hear(manager, lambda said: said == b"WATCHDOG=1") for _ in range(14)]  # 3.5 s of them

    assert len(pings) == 14


@pytest.mark.long
def test_a_broker_that_is_waited_for_does_not_stop_the_pings(spool: Spool, manager: socket.socket) -> None:
    with ScriptedBroker([NEVER] * 9, protocol="5") as broker:
        output = MqttOutput(host="127.0.0.1", port=broker.port, ack_timeout_s=60)
        sink = MqttSink(output, root="plant", box="box1", stations=("cell-01",), info={})
        route = SinkRoute("mqtt", ("cell-01",), sink, sink.set_status, sink.set_troubles, sink.waits)
        camera = MemoryCamera(frames(["a.png"]), hold=True)
        daemon = Daemon([pipeline(camera, ["a.png"])], spool=spool, routes=[route], metrics=Metrics(), notifier=notifier_at(manager, 2.5))
        with running(daemon):
            pings = [hear(manager, lambda said: said == b"WATCHDOG=1") for _ in range(16)]  # 4 s of them
            assert broker.offered == 1
    assert len(pings) == 16


def test_a_spool_that_was_moved_aside_is_said(tmp_path: Path, manager: socket.socket) -> None:
    (tmp_path / "spool.sqlite").write_bytes(b"not a database" * 1000)
    damaged = Spool(tmp_path / "spool.sqlite", ballast_bytes=4096)
    with running(daemon_of([pipeline(DeadCamera(), [])], damaged, MemorySink(), notifier=notifier_at(manager, 30))):
        told = hear(manager, lambda said: said.startswith(b"STATUS"))
    damaged.close()
    assert told.startswith(b"STATUS=the spool was damaged, its numbers begin anew: the old one is /")


def test_a_camera_that_breaks_its_contract_is_said(spool: Spool, manager: socket.socket) -> None:
    def broken() -> Iterator[Capture]:
        yield from frames(["a.png"])
        msg = "a bug"
        raise RuntimeError(msg)

    with running(daemon_of([pipeline(MemoryCamera(broken()), ["a.png"])], spool, MemorySink(), notifier=notifier_at(manager, 30))):
        told = hear(manager, lambda said: said.startswith(b"STATUS"))

    assert told == b"STATUS=the camera of cell-01 ended with RuntimeError: start the daemon again and report this as a bug"


class OutCamera:
    """A camera that is out until it is told to come back."""

    def __init__(self) -> None:
        self.back = threading.Event()
        self._closed = threading.Event()
        self._outage = Outage(CaptureFactory("cell-01"))

    def frames(self) -> Iterator[Capture]:
        lost = self._outage.begin(Reason.CAMERA_UNREACHABLE, "camera 7 cannot be opened: look at its cable", source="camera 7")
        assert lost is not None
        yield lost
        while not self._closed.is_set() and not self.back.wait(0.05):
            self._outage.begin(Reason.CAMERA_STALLED, "camera 7 gave no picture for 3.0 s: it is opened again", source="camera 7")
        self._outage.end()
        yield from frames(["a.png"])
        self._closed.wait()

    def troubles(self) -> tuple[Trouble, ...]:
        return self._outage.troubles()

    def close(self) -> None:
        self.back.set()
        self._closed.set()


@pytest.mark.parametrize("trigger", [{}, {"kind": "interval", "interval_ms": 10}], ids=["continuous", "interval"])
def test_a_camera_that_is_out_is_one_fault_then_state_and_status_until_it_is_back(
    spool: Spool, manager: socket.socket, caplog: pytest.LogCaptureFixture, trigger: dict[str, object]
) -> None:
    camera, sink, states = OutCamera(), WatchedSink(), list[tuple[str, tuple[Trouble, ...]]]()
    out = pipeline(camera, ["a.png"])
    out.station = station(trigger=trigger)
    route = SinkRoute("memory", ("cell-01",), sink, set_troubles=lambda name, troubles: states.append((name, troubles)))
    daemon = Daemon([out], spool=spool, routes=[route], metrics=(metrics := Metrics()), notifier=notifier_at(manager, 30))
    troubles = functools.partial(metrics.registry.get_sample_value, "kotoba_camera_troubles", {"station": "cell-01"})

    with caplog.at_level("INFO"), running(daemon):
        degraded = hear(manager, lambda said: b"camera 7" in said)
        hear(manager, lambda said: said == b"WATCHDOG=1")
        while_out = troubles()
        camera.back.set()
        well = hear(manager, lambda said: said.startswith(b"STATUS=all"))
        assert sink.arrived.wait_for(2)

    verdicts = [(inspection.verdict.decision, inspection.verdict.reasons) for inspection in sink.inspections]
    logged = [record.getMessage() for record in caplog.records]
    assert verdicts == [(Decision.FAULT, (Reason.CAMERA_UNREACHABLE,)), (Decision.OK, ())]
    assert degraded.startswith(b"STATUS=station cell-01: camera 7")
    assert well == b"STATUS=all stations running"
    assert states[0][0] == "cell-01"
    assert states[0][1][0].code in {"camera_unreachable", "camera_stalled"}
    assert states[-1] == ("cell-01", ())
    since = {utc_text(state[0].since) for _, state in states if state}
    assert since == {utc_text(sink.inspections[0].captured_at)}
    assert (while_out, troubles()) == (1, 0)
    assert sum("camera well again station=cell-01" in line for line in logged) == 1


def test_a_spool_that_cannot_be_read_stops_the_pings_but_not_the_end(spool: Spool, manager: socket.socket) -> None:
    with running(daemon_of([pipeline(DeadCamera(), [])], spool, MemorySink(), notifier=notifier_at(manager, 30))):
        hear(manager, lambda said: said == b"WATCHDOG=1")
        spool.close()
        told = hear(manager, lambda said: said.startswith(b"STATUS"))
        manager.settimeout(1.0)  # four looks of the main loop
        with pytest.raises(TimeoutError):
            manager.recv(1_000)
        manager.settimeout(PATIENCE_S)

    assert b"in the spool" in told
    hear(manager, lambda said: said == b"STOPPING=1")


def test_stopping_ends_every_thread_also_while_the_spool_is_full_and_the_sink_is_down(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite", max_bytes=200_000, ballast_bytes=65_536)
    sources = [f"{i:04}.png" for i in range(400)]
    sink = WatchedSink()
    sink.broken = True
    before = set(threading.enumerate())

    with running(daemon_of([pipeline(MemoryCamera(frames(sources), hold=True), sources)], spool, sink)):
        while not spool.status().full:
            assert sink.failed.wait_for(sink.failed.count + 1)
    spool.close()

    assert set(threading.enumerate()) == before


class RefusingSpool(Spool):
    """Refuses the first commits with `refusal`; `tried` are the ids of all."""

    def __init__(self, path: Path, refusal: SpoolError) -> None:
        super().__init__(path, ballast_bytes=65_536)
        self._refusals = [refusal]
        self.tried: list[str] = []

    def commit(self, inspection: Inspection, *, file: PictureFile | None = None) -> Inspection:
        self.tried.append(inspection.id)
        if self._refusals:
            raise self._refusals.pop()
        return super().commit(inspection, file=file)


@pytest.mark.parametrize(
    ("refusal", "is_new"), [(SpoolFullError("no room"), True), (SpoolError("the disk said nothing, it may be there"), False)]
)
def test_a_verdict_that_waited_has_a_new_id_if_it_is_surely_not_there(tmp_path: Path, refusal: SpoolError, *, is_new: bool) -> None:
    sink = MemorySink()
    with closing(RefusingSpool(tmp_path / "spool.sqlite", refusal)) as spool:
        daemon_of([pipeline(MemoryCamera(frames(["a.png"])), ["a.png"])], spool, sink).run(threading.Event(), until_done=True)
        first, second = spool.tried
    assert [inspection.id for inspection in sink.inspections] == [second]
    assert (second > first) is is_new
