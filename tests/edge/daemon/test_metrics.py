from __future__ import annotations

import subprocess
import sys
import urllib.request
from urllib.error import URLError

import pytest

from edge.daemon.endpoint import serve
from edge.daemon.health import Health
from edge.daemon.metrics import Metrics, peak_bytes, resident_bytes
from edge.describers.scripted import ScriptedDescriber
from edge.inspection.inspector import Inspector
from edge.inspection.policy import Limits
from edge.judges.scripted import ScriptedJudge
from edge.records import Capture, Inspection, Reason
from tests.support.sample_records import BUNDLE, MODELS, description, frame, lost, scores, station


def inspected(*captures: Capture) -> list[Inspection]:
    judge = ScriptedJudge(lambda _: scores())
    inspector = Inspector(
        station(),
        describer=ScriptedDescriber({"part.png": description()}),
        judge=judge,
        limits=Limits(),
        bundle_digest=BUNDLE,
        models_digest=MODELS,
    )
    return [inspector.inspect(capture) for capture in captures]


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_inspections_are_counted_by_decision_reason_and_stage() -> None:
    metrics = Metrics()

    for inspection in inspected(frame(), frame(), lost(Reason.CAMERA_STALLED)):
        metrics.count(inspection)

    assert value(metrics, "kotoba_inspections_total", station="cell-01", decision="OK") == 2
    assert value(metrics, "kotoba_inspections_total", station="cell-01", decision="FAULT") == 1
    assert value(metrics, "kotoba_reasons_total", station="cell-01", reason="camera_stalled") == 1
    assert value(metrics, "kotoba_stage_seconds_count", station="cell-01", stage="caption") == 2
    assert value(metrics, "kotoba_stage_seconds_sum", station="cell-01", stage="caption") == pytest.approx(0.161)


def test_two_boxes_in_one_process_do_not_share_figures() -> None:
    one, other = Metrics(), Metrics()

    one.count(*inspected(frame()))

    assert value(other, "kotoba_inspections_total", station="cell-01", decision="OK") is None


def test_the_figures_are_served_until_they_are_stopped() -> None:
    metrics = Metrics()
    metrics.backlog.labels("mqtt").set(17)
    port, stop = serve("127.0.0.1", 0, registry=metrics.registry, health=Health(limit_s=1))
    address = f"http://127.0.0.1:{port}/metrics"

    with urllib.request.urlopen(address, timeout=5) as answer:
        page = answer.read().decode()
    stop()

    assert 'kotoba_backlog{output="mqtt"} 17.0' in page
    with pytest.raises(URLError):
        urllib.request.urlopen(address, timeout=5)


def test_the_memory_is_that_of_this_process() -> None:
    assert 10_000_000 < resident_bytes() < 100_000_000_000


def test_the_peak_is_of_this_process_and_not_of_the_one_that_started_it() -> None:
    ballast = bytearray(300_000_000)

    child = subprocess.run(
        [sys.executable, "-c", "from edge.daemon.metrics import peak_bytes; print(peak_bytes())"], stdout=subprocess.PIPE, check=True
    )

    assert peak_bytes() > len(ballast)
    assert int(child.stdout) < len(ballast)
