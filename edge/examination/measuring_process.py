"""The process that measures: loads the models of a box as its daemon does, runs pictures through them, and prints what that cost.

A process of its own, because memory is counted by process, and because a model that a device cannot run may end its process.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np

from edge.bundle.open import Bundle, open_bundle
from edge.cameras.capture_factory import CaptureFactory
from edge.daemon.parts import read_stations
from edge.describers import open_vision_models
from edge.errors import EdgeError
from edge.examination.measured import Failed, GraphPlacement, Measured, Request, Scored, StationTimes
from edge.familiarity.open import open_memory
from edge.inspection.golden import golden_capture, read_golden_station
from edge.inspection.inspector import describe_picture
from edge.inspection.policy import likeliest
from edge.interfaces import Describer, Judge
from edge.judges import open_needed_model, open_station_judge
from edge.machine.energy import EnergyCount, meters_of
from edge.machine.memory import peak_resident_mb, resident_mb
from edge.records import Frame, LostFrame, Scores
from edge.runtime.placement import devices_of
from firmware_config.errors import ConfigError
from firmware_config.station import Station

LEAST_PICTURES = 3
"""Of each station, however long they take."""

GRADIENT_SIDE_PX = 300

OOM_SCORE, FIRST_TO_END = Path("/proc/self/oom_score_adj"), "1000"
"""The models are in memory twice beside a daemon: if memory is used up, the kernel ends this process and not the daemon."""

BEHIND = 10
"""Niceness beside a daemon, which keeps nine tenths of the processor where it needs all of it. With 19 a busy box would hardly answer."""


class _StationModels:
    """What one station describes and judges with, and the times of its pictures in ms."""

    def __init__(self, station: Station, *, seen_as: Station, describer: Describer, judge: Judge) -> None:
        self.station = station
        self._seen_as = seen_as
        self._describer = describer
        self._judge = judge
        self.whole_ms: list[float] = []
        self.stages_ms: dict[str, list[float]] = {}

    def run(self, bundle: Bundle, picture: str | None) -> Scores:
        """Read, describe and judge a picture, and keep the times.

        Raises:
            EdgeError: the picture cannot be read, or a model fails.
        """
        started_ns = time.monotonic_ns()
        frame = _frame(bundle, picture, station=self._seen_as)
        description = describe_picture(frame, settings=self._seen_as.picture, describer=self._describer)
        judging_ns = time.monotonic_ns()
        scores = self._judge.score(description.words)
        ended_ns = time.monotonic_ns()
        self.whole_ms.append((ended_ns - started_ns) / 1e6)
        for stage, spent_ms in (("capture", frame.capture_ms), *description.timings_ms, ("judge", (ended_ns - judging_ns) / 1e6)):
            self.stages_ms.setdefault(stage, []).append(spent_ms)
        return scores

    def forget(self) -> None:
        """Forget the times so far: those of the first picture, for which every library still prepares something."""
        self.whole_ms.clear()
        self.stages_ms.clear()

    def times(self) -> StationTimes:
        """What the pictures took."""
        return StationTimes(
            station=self.station.station.name,
            pictures=len(self.whole_ms),
            p50_ms=_percentile(self.whole_ms, 50),
            p95_ms=_percentile(self.whole_ms, 95),
            stages_ms={stage: _percentile(spent, 50) for stage, spent in self.stages_ms.items()},
        )


def measure_here(request: Request) -> Measured:
    """Load the models, and run pictures through them for the time that is asked for.

    Raises:
        EdgeError, ConfigError: the models cannot be loaded on this board, or fail.
    """
    started = time.monotonic()
    trusted = {identity: bytes.fromhex(public) for identity, public in request.trusted.items()}
    bundle = open_bundle(request.bundle, trusted=trusted)
    stations = [_without_caches(station) for station in read_stations(request.stations)]
    if request.judge == "llama.cpp":
        bundle = _without_graph(bundle)
    vision = open_vision_models(bundle, board=request.board)
    model = open_needed_model(bundle, stations, board=request.board)
    golden = read_golden_station(bundle)
    if request.judge == "as built":
        for station in stations:
            open_station_judge(model, bundle=bundle, station=station)  # with its calibration: refused here as at the daemon's start
    models = [
        _StationModels(
            station,
            seen_as=golden,
            describer=vision.describer(station.describe, open_memory(bundle, station)),
            judge=open_station_judge(model, bundle=bundle, station=_without_calibration(station)),
        )
        for station in stations
    ]
    pictures: list[str | None] = [one.picture for one in bundle.manifest.golden]
    pictures = pictures or [None]
    for one in models:
        one.run(bundle, pictures[0])
        one.forget()
    load_s = time.monotonic() - started
    with EnergyCount(meters_of(request.root)) as count:
        scored = tuple(_run_all(models, bundle, pictures, seconds=request.seconds))
    total = sum(len(one.whole_ms) for one in models)
    joules = count.energy.joules
    return Measured(
        load_s=load_s,
        stations=tuple(one.times() for one in models),
        scored=scored,
        placements=tuple(GraphPlacement(stage=one.stage, devices=devices_of(one), nodes=dict(one.nodes)) for one in vision.placements),
        judge=None if model is None else model.runs_on,
        resident_mb=resident_mb(),
        peak_mb=peak_resident_mb(),
        joules_per_picture=None if joules is None else joules / total,
        energy=count.energy.source,
    )


def _run_all(models: Sequence[_StationModels], bundle: Bundle, pictures: Sequence[str | None], *, seconds: float) -> Iterator[Scored]:
    """Run the pictures by turns through all stations; yields what was said of each picture the first time."""
    ends = time.monotonic() + seconds
    for number, picture in enumerate(cycle(pictures)):
        if time.monotonic() >= ends and number >= LEAST_PICTURES:
            return
        for one in models:
            scores = one.run(bundle, picture)
            if number < len(pictures):
                label, probability, _ = likeliest(scores, one.station.labels)
                yield Scored(
                    station=one.station.station.name, picture=picture or "rendered", label=label.name, probability=round(probability, 6)
                )


def _frame(bundle: Bundle, picture: str | None, *, station: Station) -> Frame:
    """A golden picture, or a rendered one where the bundle has none: brighter from left to right, uint8 (300, 300, 3).

    Raises:
        EdgeError: it cannot be read.
    """
    if picture is None:
        ramp = np.linspace(0, 255, GRADIENT_SIDE_PX).astype(np.uint8)
        pixels = np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (GRADIENT_SIDE_PX, GRADIENT_SIDE_PX, 3)))
        return CaptureFactory(station.station.name).frame(pixels, source="rendered", started_ns=time.monotonic_ns())
    capture = golden_capture(bundle.file(picture), station=station)
    if isinstance(capture, LostFrame):
        raise EdgeError(capture.detail)
    return capture


def _without_caches(station: Station) -> Station:
    """The station without its score cache, which would answer for a picture that comes again."""
    return station.model_copy(update={"judge": station.judge.model_copy(update={"cached_scores": 0})})


def _without_calibration(station: Station) -> Station:
    """The station without its calibration, which fits one judge: the scores of two judges are compared as they are."""
    return station.model_copy(update={"judge": station.judge.model_copy(update={"calibration": None})})


def _without_graph(bundle: Bundle) -> Bundle:
    """The bundle without the graph of its language model, so that llama.cpp judges."""
    llm = bundle.manifest.llm.model_copy(update={"graph": None})
    return replace(bundle, manifest=bundle.manifest.model_copy(update={"llm": llm}))


def _percentile(values: Sequence[float], percent: int) -> float:
    return round(float(np.percentile(values, percent)), 3)


def main() -> int:
    """Read a request from stdin, print the answer as the last line of stdout."""
    request = Request.model_validate_json(sys.stdin.read())
    if request.behind:
        os.nice(BEHIND)
    with contextlib.suppress(OSError):  # forbidden in some containers, which end by a limit of their own
        OOM_SCORE.write_text(FIRST_TO_END, encoding="ascii")
    answer: Measured | Failed
    try:
        answer = measure_here(request)
    except (EdgeError, ConfigError) as err:
        answer = Failed(failed=str(err))
    print(answer.model_dump_json())  # noqa: T201 -- the answer to the process that asked
    return 0


if __name__ == "__main__":
    sys.exit(main())
