"""Run by test_evidence_disk.py inside a mount namespace: a daemon whose evidence folder is on a disk that takes nothing more.

Prints one JSON object.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path

import numpy as np

from edge.cameras.memory import MemoryCamera
from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.sd_notify import Notifier
from edge.evidence.folder import EvidenceFolder
from edge.evidence.keeper import EvidenceKeeper
from edge.sinks import SinkRoute
from edge.sinks.memory import MemorySink
from edge.spool.store import Spool
from firmware_config.evidence import Evidence
from tests.support.running_daemon import pipeline
from tests.support.sample_records import frame

VERDICTS = 60


def main(disk: Path, kind: str) -> None:
    """`shared`: spool and pictures on one disk, with a quota larger than it; `full` and `readonly`: pictures on a disk of their own."""
    spool_folder = disk if kind == "shared" else disk.parent
    root = disk / "evidence"
    if kind != "shared":
        root.mkdir()
    if kind == "full":
        with (disk / "filler").open("wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                with suppress(OSError):
                    while file.write(b"\0" * size):
                        pass
    if kind == "readonly":
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    folder = EvidenceFolder(root, max_bytes=1 << 40, keep_s=1e6, reserve_bytes=4 << 20 if kind == "shared" else 0)
    keeper = EvidenceKeeper(folder, {"cell-01": Evidence(ok_share=1.0)}, max_waiting_bytes=1 << 30, retry_s=0.01)
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (300, 300, 3), dtype=np.uint8) for _ in range(VERDICTS)]
    sources = [f"{number}.png" for number in range(VERDICTS)]
    captures = [
        frame(source, sequence=number, pixels=pixels) for number, (source, pixels) in enumerate(zip(sources, pictures, strict=True), 1)
    ]
    sink = MemorySink()
    keeper.start()
    with closing(Spool(spool_folder / "spool.sqlite", ballast_bytes=1 << 20)) as spool:
        Daemon(
            [pipeline(MemoryCamera(captures), sources)],
            spool=spool,
            routes=[SinkRoute("memory", ("cell-01",), sink)],
            metrics=Metrics(),
            notifier=Notifier({}),
            evidence=keeper,
        ).run(threading.Event(), until_done=True)
        keeper.close(60)
        rows = spool.status().rows
    sys.stdout.write(
        json.dumps(
            {
                "decisions": sorted({one.verdict.decision.value for one in sink.inspections}),
                "seqs": [one.seq for one in sink.inspections],
                "rows": rows,
                "kept": keeper.kept,
                "dropped": keeper.dropped,
                "trouble": keeper.trouble(),
                "unfinished": [path.name for path in root.rglob("*.new")] if root.is_dir() else [],
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
