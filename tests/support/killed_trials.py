"""Run by test_killed_trials.py: a box with slots for bundles, killed again and again while bundles are tried. Prints one JSON object.

Each life of the box is forked from this process, which has imported everything once. It judges pictures all the time with scripted models,
while its trials, scripted too, go through their steps; this process installs and asks like a person. Between two lives the state on disk is
looked at as the next start finds it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from edge.bundle.open import Bundle, open_bundle
from edge.cameras import open_camera
from edge.daemon.bundle_watch import CRASHED, BundleWatch, Trials
from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.pipeline import StationPipeline
from edge.daemon.sd_notify import Notifier
from edge.daemon.takeover import Takeover
from edge.errors import BundleError, TrialError
from edge.sinks import open_sinks
from edge.slots.slots import Slots
from edge.slots.state import Event, State
from edge.spool.store import Spool
from edge.trial.candidate import StoppedError
from edge.trial.shadow import Shadow
from edge.trial.trial import Passed, Told
from tests.support.sample_records import station
from tests.support.slots import bundle_folder
from tests.support.tiny_bundle import TRUSTED
from tests.support.trial_keys import write_keys
from tests.support.watched_folder import picture
from tests.support.watched_slots import NoParts, ScriptedModels, scripted_inspectors

LOOK_S = 0.002
PATIENCE_S = 60.0
NAME = "cell-01"


def is_over(state: State) -> bool:
    """No bundle waits for its trial or is in it."""
    return state.trial is None and state.wanted is None


MOMENTS: tuple[Callable[[State], bool], ...] = (
    lambda _: True,
    lambda state: state.trial is not None or is_over(state),
    lambda state: (state.trial is not None and state.trial.shadow_until is not None) or is_over(state),
    is_over,
    is_over,
)
"""From when on a life may end: its start, in a trial, in its live pictures, after it (twice: most trials are killed)."""


class Steps:
    """A trial that takes some milliseconds for each of its steps, and fails with every third bundle."""

    def __init__(self, tried: Bundle, is_over: Callable[[], bool]) -> None:
        self._tried = tried
        self._is_over = is_over

    def run(self, shadow: Shadow, told: Told) -> Passed:
        """Go through the steps."""
        pause = threading.Event()
        pause.wait(0.003)
        told.shadow_until(datetime.now(timezone.utc) + timedelta(seconds=1))
        shadow.switch(on=True)
        seen = 0
        while seen < 6:
            seen += shadow.take(0.05) is not None
            if self._is_over():
                raise StoppedError
        shadow.switch(on=False)
        if self._tried.manifest.bundle_version % 3 == 0:
            msg = "it is a bad one"
            raise TrialError(msg)
        return Passed("all well", 1)


class Box:
    """The box on disk, and the life that runs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder, self.out = root / "pictures", root / "verdicts.jsonl"
        self.folder.mkdir()
        self.slots = Slots(root / "bundles")
        self.keys = write_keys(root / "keys")
        self.version = 0
        self.given = 0
        self._pid = 0

    def install(self) -> None:
        """Install the next version and ask for its trial."""
        self.version += 1
        folder = bundle_folder(self.root / f"from-{self.version}", self.version)
        self.slots.install(folder, trusted=TRUSTED)
        self.slots.ask()

    def give(self, raw: bytes) -> None:
        """Put a picture before the camera."""
        (self.root / "new.png").write_bytes(raw)
        (self.root / "new.png").rename(self.folder / f"{self.given:06}.png")
        self.given += 1

    def start(self) -> None:
        """Begin a life."""
        self._pid = os.fork()
        if self._pid == 0:
            try:
                self._live()
            finally:
                os._exit(1)

    def kill(self) -> None:
        """End it."""
        os.kill(self._pid, 9)
        os.waitpid(self._pid, 0)

    def _live(self) -> None:
        stop, metrics = threading.Event(), Metrics()
        cell = station(
            NAME,
            camera={"kind": "folder", "path": self.folder, "poll_ms": 10, "stand_still_ms": 100, "after": "delete"},
            outputs={"jsonl": {"path": self.out}},
        )
        spool = Spool(self.root / "spool.sqlite", ballast_bytes=4096)
        bundle = open_bundle(self.slots.running_bundle(), trusted=TRUSTED)
        self.slots.tidy()
        camera = open_camera(cell.camera, station=NAME, picture=cell.picture, judged=spool.judged_files(NAME))
        pipeline = StationPipeline(cell, camera, scripted_inspectors(bundle)[0], live=False)
        routes = open_sinks([cell], box="box1", info={})
        takeover = Takeover(
            bundle,
            pipelines=lambda: (pipeline,),
            routes=lambda: routes,
            load=lambda one: ScriptedModels(one, scripted_inspectors),
            parts=NoParts(),
            metrics=metrics,
            accepted=self.slots.accepted,
            info=lambda _: {},
        )
        trials = Trials(lambda tried, _running, _bytes, is_over: Steps(tried, is_over), self.keys)
        watch = BundleWatch(self.slots, takeover, trials, metrics=metrics, stop=stop, look_s=LOOK_S)
        watch.start()
        daemon = Daemon(
            [pipeline],
            spool=spool,
            routes=routes,
            metrics=metrics,
            notifier=Notifier({}),
            trouble=watch.trouble,
            offer=watch.offer,
        )
        daemon.run(stop)


def what_is_wrong(box: Box) -> str | None:
    """What a box finds at its start that must not be; None if it would judge."""
    state = box.slots.read()
    try:
        bundle = open_bundle(box.slots.running_bundle(), trusted=TRUSTED)
    except BundleError as err:
        return str(err)
    running = None if state.running is None else state.slot(state.running)
    if running is None or bundle.digest != running.digest or running.state != "good":
        return f"{bundle.digest} runs, and the state says {state.model_dump_json()}"
    return None


def verdicts(box: Box) -> list[dict[str, object]]:
    """Each verdict once."""
    lines = box.out.read_bytes().rpartition(b"\n")[0].splitlines() if box.out.exists() else []
    return list({verdict["id"]: verdict for verdict in map(json.loads, lines)}.values())


def main(root: Path, kills: int) -> int:
    """Live and die so many times."""
    dice, box = random.Random(kills), Box(root)
    raws = [picture(number) for number in range(20)]
    box.install()
    wrong, found, digests, events = list[str](), Counter[str](), set[str](), set[Event]()
    for _ in range(kills):
        if is_over(box.slots.read()):
            with contextlib.suppress(BundleError):
                box.install()
        digests |= {slot.digest for slot in (box.slots.read().a, box.slots.read().b) if slot is not None}
        box.start()
        moment = dice.choice(MOMENTS)
        deadline = time.monotonic() + PATIENCE_S
        while not moment(box.slots.read()) and time.monotonic() < deadline:
            box.give(dice.choice(raws))
            threading.Event().wait(0.01)
        threading.Event().wait(dice.uniform(0, 0.03))
        box.kill()
        state = box.slots.read()
        events |= set(state.history)
        found["trial" if state.trial else "wanted" if state.wanted else "neither"] += 1
        if (trouble := what_is_wrong(box)) is not None:
            wrong.append(trouble)
    box.start()
    deadline = time.monotonic() + PATIENCE_S
    while len(verdicts(box)) < box.given and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    box.kill()
    said = verdicts(box)
    events |= set(box.slots.read().history)
    results, crashed = Counter(event.event for event in events), sum(event.why == CRASHED for event in events)
    sys.stdout.write(
        json.dumps(
            {
                "wrong": wrong[:3],
                "found": found,
                "given": box.given,
                "sources": len({verdict["source"] for verdict in said}),
                "verdicts": len(said),
                "gaps": sorted({int(str(one["seq"])) for one in said}) != list(range(1, len(said) + 1)),
                "strangers": sorted({str(one["bundle"]) for one in said} - digests),
                "bundles": len({one["bundle"] for one in said}),
                "results": results,
                "crashed": crashed,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
