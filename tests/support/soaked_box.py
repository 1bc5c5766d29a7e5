"""Run by tests/faults/soak.py: a box of three stations with scripted models, until SIGTERM. Its settings are one JSON object."""

from __future__ import annotations

import json
import signal
import sys
import threading
from contextlib import closing
from pathlib import Path

from edge.cameras import open_camera
from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.pipeline import StationPipeline
from edge.daemon.sd_notify import Notifier
from edge.inspection.inspector import Inspector
from edge.inspection.policy import Limits
from edge.judges.scripted import ScriptedJudge
from edge.records import Description, Frame
from edge.sinks import open_sinks
from edge.spool.store import Spool
from tests.faults.soak_camera import saw
from tests.support.sample_records import BUNDLE, MODELS, description, scores, station


class Describer:
    """Says which picture it saw."""

    def describe(self, frame: Frame) -> Description:
        return description(saw(frame.pixels))


def main(root: Path, mqtt: dict[str, object], cameras: dict[str, dict[str, object]]) -> None:
    """Run the stations that `cameras` names."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    # The live camera writes a number into its pictures, which is printed text to the box.
    stations = [
        station(name, camera=camera, outputs={"mqtt": mqtt}, picture={"allow_printed_text": camera["kind"] == "rtsp"})
        for name, camera in cameras.items()
    ]
    with closing(Spool(root / "spool.sqlite", ballast_bytes=65_536)) as spool:
        judge = ScriptedJudge(lambda _: scores())
        pipelines = [
            StationPipeline(
                one,
                open_camera(one.camera, station=one.station.name, picture=one.picture, judged=spool.judged_files(one.station.name)),
                Inspector(one, describer=Describer(), judge=judge, limits=Limits(), bundle_digest=BUNDLE, models_digest=MODELS),
                live=one.camera.live,
            )
            for one in stations
        ]
        routes = open_sinks(stations, box="box1", info={})
        Daemon(pipelines, spool=spool, routes=routes, metrics=Metrics(), notifier=Notifier({})).run(stop)


if __name__ == "__main__":
    main(Path(sys.argv[1]), **json.loads(sys.argv[2]))
