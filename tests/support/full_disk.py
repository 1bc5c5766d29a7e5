"""Run by test_full_disk.py inside a mount namespace: fill a small disk with verdicts, then give it room again. Prints one JSON object."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Generator, Iterable
from dataclasses import replace
from pathlib import Path

from edge.cameras.memory import MemoryCamera
from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.pipeline import StationPipeline
from edge.daemon.sd_notify import Notifier
from edge.describers.scripted import ScriptedDescriber
from edge.errors import DeliveryError
from edge.inspection.inspector import Inspector
from edge.inspection.policy import Limits
from edge.judges.scripted import ScriptedJudge
from edge.records import Inspection
from edge.sinks import SinkRoute
from edge.sinks.memory import MemorySink
from edge.spool.store import Spool
from tests.support.inspections import inspection
from tests.support.sample_records import BUNDLE, MODELS, description, frames, scores, station

FRAMES = 2_500


def main(folder: Path) -> None:
    """Fill, watch that nothing is OK while full, make room, see everything arrive."""
    open_now = threading.Event()
    sink = MemorySink()
    spool = Spool(folder / "spool.sqlite", ballast_bytes=1 << 20)
    where = station()
    name = where.station.name
    spool.register_sinks({"memory": [name]})
    filler = folder / "filler"
    committed = [spool.commit(replace(inspection(number, station=name), id=f"before-{number}")).id for number in range(50)]
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 65536):
                pass
        except OSError as err:
            full = err.strerror
    stop = threading.Event()
    sources = [f"part-{number}.png" for number in range(FRAMES)]
    describer = ScriptedDescriber({source: description() for source in sources})
    judge = ScriptedJudge(lambda _: scores())
    inspector = Inspector(where, describer=describer, judge=judge, limits=Limits(), bundle_digest=BUNDLE, models_digest=MODELS)
    camera = MemoryCamera(frames(sources))
    held = _Held(sink, open_now)
    daemon = Daemon(
        [StationPipeline(where, camera, inspector, live=False)],
        spool=spool,
        routes=[SinkRoute("memory", (name,), held)],
        metrics=Metrics(),
        notifier=Notifier({}),
    )
    thread = threading.Thread(target=daemon.run, args=(stop,), kwargs={"until_done": True})
    thread.start()
    while not (spool.status().full or not thread.is_alive()):
        stop.wait(0.05)
    was_full = spool.status().full
    on_disk_while_full = spool.status().rows
    filler.unlink()
    open_now.set()
    thread.join(60)
    stop.set()
    spool.close()
    arrived = sink.inspections
    sys.stdout.write(
        json.dumps(
            {
                "errno": full,
                "was_full": was_full,
                "rows_while_full": on_disk_while_full,
                "committed_before": len(committed),
                "arrived_before": sum(one.id in set(committed) for one in arrived),
                "decisions": [one.verdict.decision.value for one in arrived if one.id not in set(committed)],
                "reasons": [[reason.value for reason in one.verdict.reasons] for one in arrived if one.id not in set(committed)],
                "seqs": [one.seq for one in arrived],
            }
        )
    )


class _Held:
    """A sink whose other side is away until `now` is set, so that nothing may be pruned."""

    def __init__(self, sink: MemorySink, now: threading.Event) -> None:
        self._sink = sink
        self._now = now

    def connect(self) -> None:
        self._require()

    def deliver(self, inspections: Iterable[Inspection]) -> Generator[Inspection, None, None]:
        self._require()
        yield from self._sink.deliver(inspections)

    def close(self) -> None:
        self._sink.close()

    def _require(self) -> None:
        if not self._now.is_set():
            msg = "away"
            raise DeliveryError(msg)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
