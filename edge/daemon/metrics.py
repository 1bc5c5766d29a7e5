"""Figures of the box for Prometheus, in a registry of their own; `endpoint.py` serves them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from edge.daemon.dispatcher import DispatchStatus
from edge.records import Decision, Inspection

STAGE_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """Counts inspections and shows the state of queue and outputs."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._outputs: set[str] = set()
        self._inspections = Counter("kotoba_inspections", "Committed inspections", ["station", "decision"], registry=self.registry)
        self._reasons = Counter("kotoba_reasons", "Reason codes of committed inspections", ["station", "reason"], registry=self.registry)
        self._stages = Histogram(
            "kotoba_stage_seconds", "Time by stage", ["station", "stage"], buckets=STAGE_BUCKETS_S, registry=self.registry
        )
        self._judgements = Counter(
            "kotoba_judgements",
            "Judgements, by whether their scores came from the score cache",
            ["station", "cached"],
            registry=self.registry,
        )
        self.dropped = Gauge(
            "kotoba_frames_dropped", "Pictures of live cameras replaced by newer ones", ["station"], registry=self.registry
        )
        self.left_alone = Counter(
            "kotoba_files_left_alone", "Files of a watched folder whose names are no pictures", ["station"], registry=self.registry
        )
        self.camera_troubles = Gauge(
            "kotoba_camera_troubles", "Troubles of a camera that last now, such as unreachable", ["station"], registry=self.registry
        )
        self.trigger_requests = Counter(
            "kotoba_trigger_requests", "Trigger messages, by what became of them", ["station", "became"], registry=self.registry
        )
        self.enabled = Gauge("kotoba_enabled", "0 while a station is switched off", ["station"], registry=self.registry)
        self.backlog = Gauge("kotoba_backlog", "Committed inspections that an output has not got yet", ["output"], registry=self.registry)
        self.nobody_listens = Gauge(
            "kotoba_nobody_listens", "1 while the broker has no subscriber for the verdicts", ["output"], registry=self.registry
        )
        self.delivering = Gauge("kotoba_delivering", "0 while an output takes nothing", ["output"], registry=self.registry)
        self.degraded = Gauge("kotoba_degraded", "1 while the status of the box is not online", registry=self.registry)
        self.reloads = Counter("kotoba_reloads", "Reloads of the station files, by their result", ["result"], registry=self.registry)
        self.reload_refused = Gauge(
            "kotoba_reload_refused", "1 while station files lie there that are not taken over", registry=self.registry
        )
        self.spool_bytes = Gauge("kotoba_spool_bytes", "Bytes used in the spool", registry=self.registry)
        self.spool_full = Gauge("kotoba_spool_full", "1 while no verdict can be committed", registry=self.registry)
        self.evidence_bytes = Gauge("kotoba_evidence_bytes", "Bytes that kept pictures take of the disk", registry=self.registry)
        self.evidence_kept = Gauge("kotoba_evidence_kept", "Pictures kept since the start", registry=self.registry)
        self.evidence_dropped = Gauge("kotoba_evidence_dropped", "Pictures that could not be kept since the start", registry=self.registry)
        self.evidence_trouble = Gauge("kotoba_evidence_trouble", "1 while pictures cannot be kept", registry=self.registry)
        self.bundle_version = Gauge("kotoba_bundle_version", "Version of the bundle that judges", ["bundle"], registry=self.registry)
        self.trial_running = Gauge("kotoba_trial_running", "1 while a bundle is in trial", registry=self.registry)
        self.trial_pictures = Counter(
            "kotoba_trial_pictures",
            "Live pictures that a bundle in trial has judged too, by the decisions of the running one and its own",
            ["station", "running", "trial"],
            registry=self.registry,
        )
        self.trial_results = Counter("kotoba_trial_results", "Trials that ended, by their result", ["result"], registry=self.registry)
        for result in ("good", "returned"):
            self.trial_results.labels(result)  # 0 from the start on: an alert sees the first one
        self.resident_bytes = Gauge("kotoba_resident_bytes", "Memory of the daemon", registry=self.registry)
        self._show_words()

    def _show_words(self) -> None:
        """Show which words have changed."""
        self.drift_changed = Gauge(
            "kotoba_drift_changed", "Words that are said more or less often than in the reference", ["station"], registry=self.registry
        )
        self.drift_changes = Counter("kotoba_drift_changes", "Changes of words that were told", ["station"], registry=self.registry)
        self.drift_reference = Gauge(
            "kotoba_drift_reference_windows", "Windows of the reference that are there", ["station"], registry=self.registry
        )

    def show_outputs(self, outputs: Iterable[tuple[str, DispatchStatus]]) -> None:
        """Show how all outputs are, by their kinds; two of one kind count together, and the worse one counts."""
        by_kind: dict[str, list[DispatchStatus]] = {}
        for kind, status in outputs:
            by_kind.setdefault(kind, []).append(status)
        for kind in self._outputs - by_kind.keys():
            for gauge in (self.backlog, self.nobody_listens, self.delivering):
                gauge.remove(kind)
        self._outputs = set(by_kind)
        for kind, statuses in by_kind.items():
            self.backlog.labels(kind).set(sum(status.backlog for status in statuses))
            self.nobody_listens.labels(kind).set(any(status.nobody_listens for status in statuses))
            self.delivering.labels(kind).set(all(status.last_error is None for status in statuses))

    def expect(self, station: str) -> None:
        """Show 0 for a station from its start, so that the first FAULT is a rise and silence is seen."""
        for decision in Decision:
            self._inspections.labels(station, decision.value)
        for figure in (self.dropped, self.left_alone, self.camera_troubles):
            figure.labels(station)

    def forget(self, station: str) -> None:
        """Show no more how a station is that is gone. What was counted of it stays until the next start."""
        for gauge in (self.dropped, self.camera_troubles, self.enabled):
            with contextlib.suppress(KeyError):  # nothing was shown
                gauge.remove(station)

    def forget_drift(self, station: str) -> None:
        """Show no more how the words of a station are that is gone or not watched."""
        for gauge in (self.drift_changed, self.drift_reference):
            with contextlib.suppress(KeyError):  # nothing was shown
                gauge.remove(station)

    def count(self, inspection: Inspection) -> None:
        """Count a committed inspection."""
        self._inspections.labels(inspection.station, inspection.verdict.decision.value).inc()
        for reason in inspection.verdict.reasons:
            self._reasons.labels(inspection.station, reason.value).inc()
        for stage, took_ms in inspection.timings_ms:
            self._stages.labels(inspection.station, stage).observe(took_ms / 1e3)

    def judged(self, station: str, cached: bool) -> None:  # noqa: FBT001 -- handed on as a plain function
        """Count a judgement; `cached`: its scores came from the score cache."""
        self._judgements.labels(station, "yes" if cached else "no").inc()


def resident_bytes() -> int:
    """Memory of this process that is in RAM, as Linux counts it."""
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 -- one line of /proc, read once a second
        pages = int(file.read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def peak_bytes() -> int:
    """The most memory that this process has had in RAM; not `ru_maxrss`, which a child begins with its parent's."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    msg = "/proc/self/status has no VmHWM: this is not Linux"
    raise OSError(msg)
