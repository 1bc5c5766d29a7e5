"""The watch over bundle slots with scripted models and trials: bundles are real on disk, and no model in them is loaded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.bundle.open import Bundle, open_bundle
from edge.cameras.memory import MemoryCamera
from edge.daemon.bundle_watch import BundleWatch, Trials
from edge.daemon.metrics import Metrics
from edge.daemon.pipeline import StationPipeline
from edge.daemon.takeover import Takeover
from edge.describers.scripted import ScriptedDescriber
from edge.inspection.inspector import Inspector
from edge.inspection.open import LoadedModels
from edge.inspection.policy import Limits
from edge.judges.scripted import ScriptedJudge
from edge.records import Description, Frame
from edge.sinks import BoxEvent, BundleEvent, SinkRoute
from edge.sinks.memory import MemorySink
from edge.slots.slots import Slots
from edge.slots.state import Slot, SlotName, State
from edge.trial.shadow import Shadow
from edge.trial.trial import Passed, Told
from firmware_config.station import Station
from tests.support.sample_records import description, scores, station
from tests.support.slots import bundle_folder
from tests.support.tiny_bundle import TRUSTED
from tests.support.trial_keys import write_keys

PATIENCE_S = 30.0
LOOK_S = 0.01


class ScriptedModels(LoadedModels):
    """Models that nobody loads: their inspectors are scripted."""

    def __init__(self, bundle: Bundle, script: Callable[[Bundle], list[Inspector]]) -> None:
        self._made = tuple(script(bundle))

    def inspectors(self, stations: Sequence[Station]) -> tuple[Inspector, ...]:
        return self._made[: len(stations)]

    def prepare(self, inspectors: Sequence[Inspector]) -> None:
        """Nothing is to be computed."""


class NoParts:
    """Makes no parts."""

    def __init__(self) -> None:
        self.changing = threading.Lock()

    def use(self, models: LoadedModels, info: Mapping[str, object]) -> None:
        """Without effect."""


Script = Callable[[Shadow, Told, Callable[[], bool]], Passed]
"""What a trial does."""


def passes(_shadow: Shadow, _told: Told, _is_over: Callable[[], bool]) -> Passed:
    return Passed("all well", 1)


class AnyPicture(ScriptedDescriber):
    """Says the same of every picture."""

    def __init__(self) -> None:
        super().__init__({})

    def describe(self, frame: Frame) -> Description:
        return description(f"{frame.pixels.sum()}")


def scripted_inspectors(bundle: Bundle, *, names: Sequence[str] = ("cell-01",), **sections: Mapping[str, Any]) -> list[Inspector]:
    """Inspectors that name a bundle, whatever is in it."""
    return [
        Inspector(
            station(name, **sections),
            describer=AnyPicture(),
            judge=ScriptedJudge(lambda _: scores()),
            limits=Limits(),
            bundle_digest=bundle.digest,
            models_digest=bundle.manifest.models_digest,
        )
        for name in names
    ]


@dataclass
class _Scripted:
    script: Script
    is_over: Callable[[], bool]

    def run(self, shadow: Shadow, told: Told) -> Passed:
        return self.script(shadow, told, self.is_over)


@dataclass
class WatchedSlots:
    """A box whose first bundle runs; each trial does what `script` says."""

    root: Path
    script: Script = passes
    load: Callable[[Bundle], list[Inspector]] = scripted_inspectors
    events: list[BundleEvent] = field(default_factory=list)
    info: list[object] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)
    stop: threading.Event = field(default_factory=threading.Event)

    pipelines: tuple[StationPipeline, ...] = ()

    def __post_init__(self) -> None:
        self.slots = Slots(self.root / "bundles")
        self.keys = write_keys(self.root / "keys")
        if not self.slots.exist:
            self.install(1)
            self.slots.ask()

    def install(self, version: int) -> SlotName:
        """Install a version."""
        folder = bundle_folder(self.root / f"from-{version}", version)
        return self.slots.install(folder, trusted=TRUSTED)[0]

    def _take(self, event: BoxEvent) -> None:
        assert isinstance(event, BundleEvent)
        self.events.append(event)

    def watch(self) -> tuple[BundleWatch, StationPipeline]:
        """The watch, not started, and the station for which it changes bundles."""
        bundle = self.running_bundle()
        pipeline = StationPipeline(station(), MemoryCamera([]), self.load(bundle)[0], live=False)
        route = SinkRoute("memory", ("cell-01",), MemorySink(), tell=self._take, set_info=self.info.append)
        self.pipelines = (pipeline,)
        takeover = Takeover(
            bundle,
            pipelines=lambda: self.pipelines,
            routes=lambda: [route],
            load=lambda bundle: ScriptedModels(bundle, self.load),
            parts=NoParts(),
            metrics=self.metrics,
            accepted=self.slots.accepted,
            info=lambda bundle: {"digest": bundle.digest},
        )
        trials = Trials(lambda _tried, _running, _bytes, is_over: _Scripted(self.script, is_over), self.keys)
        return BundleWatch(self.slots, takeover, trials, metrics=self.metrics, stop=self.stop, look_s=LOOK_S), pipeline

    def change_stations(self) -> None:
        """Let a reload put another pipeline in the place of the one."""
        self.pipelines = (StationPipeline(station(), MemoryCamera([]), scripted_inspectors(self.running_bundle())[0], live=False),)

    def running_bundle(self) -> Bundle:
        """The bundle that the state says."""
        return open_bundle(self.slots.running_bundle(), trusted=TRUSTED)

    @contextmanager
    def watched(self) -> Iterator[tuple[BundleWatch, StationPipeline]]:
        """The watch at work."""
        self.stop.clear()
        watch, pipeline = self.watch()
        watch.start()
        try:
            yield watch, pipeline
        finally:
            watch.close(PATIENCE_S)

    def wait_for(self, is_so: Callable[[State], bool]) -> State:
        """Wait until something is so of the state."""
        pause = threading.Event()
        for _ in range(int(PATIENCE_S / LOOK_S)):
            state = self.slots.read()
            if is_so(state):
                return state
            pause.wait(LOOK_S)
        msg = f"it stays {self.slots.read().model_dump_json(indent=1)}"
        raise AssertionError(msg)

    def slot(self, name: SlotName) -> Slot:
        """What is in a slot."""
        slot = self.slots.read().slot(name)
        assert slot is not None
        return slot
