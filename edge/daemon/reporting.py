"""What the box says of itself, from the main loop: figures, status, and the state of cameras and switches; only changes are said again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone

from edge.daemon.dispatcher import DispatchStatus
from edge.daemon.metrics import Metrics, resident_bytes
from edge.daemon.pipeline import StationPipeline
from edge.daemon.sd_notify import Notifier
from edge.daemon.trouble_log import TroubleLog
from edge.evidence.keeper import EvidenceKeeper
from edge.records import Reason, Trouble
from edge.sinks import BoxState, BoxStatus, SinkRoute
from edge.spool.store import SpoolStatus

log = logging.getLogger(__name__)

ALL_WELL = "all stations running"


class Reporting:
    """Says how the box is. `trouble` gives what else is wrong with it."""

    def __init__(self, *, metrics: Metrics, notifier: Notifier, trouble: Callable[[], str | None]) -> None:
        self._metrics = metrics
        self._notifier = notifier
        self._trouble = trouble
        self._since = datetime.now(timezone.utc)
        self._reported: tuple[BoxState, str | None, tuple[str, ...]] = ("online", None, ())
        self._troubles: dict[str, tuple[Trouble, ...]] = {}
        self._trouble_log = TroubleLog()

    def show(
        self,
        pipelines: Sequence[StationPipeline],
        outputs: Sequence[tuple[SinkRoute, DispatchStatus]],
        *,
        spool: SpoolStatus,
        cannot_commit: str | None,
        hung: set[str],
        evidence: EvidenceKeeper | None,
    ) -> tuple[str, ...]:
        """Show the figures, and the status if it is another one; gives why a station does not judge, a sentence each."""
        routes = [route for route, _ in outputs]
        for pipeline in pipelines:
            self._metrics.dropped.labels(pipeline.name).set(pipeline.slot.dropped)
            self._show_troubles(pipeline.name, pipeline.camera.troubles() if pipeline.switch.is_on else (), routes)
        self._metrics.show_outputs((route.name, status) for route, status in outputs)
        self._metrics.spool_bytes.set(spool.used_bytes)
        self._metrics.spool_full.set(cannot_commit is not None)
        self._metrics.resident_bytes.set(resident_bytes())
        everyone = tuple(pipeline.name for pipeline in pipelines)
        switched_off = [
            (f"station {one.name} is switched off: nothing is inspected there", (one.name,)) for one in pipelines if not one.switch.is_on
        ]
        troubles: list[tuple[str | None, tuple[str, ...]]] = [
            (cannot_commit, everyone),
            (f"the spool was damaged, its numbers begin anew: the old one is {spool.moved_aside}" if spool.moved_aside else None, everyone),
            *((one.error, (one.name,)) for one in pipelines),
            *((f"station {one.name}: {each.detail}", (one.name,)) for one in pipelines for each in self._troubles.get(one.name, ())),
            *((status.last_error, route.stations) for route, status in outputs),
            (self._trouble(), everyone),
            (self._show_evidence(evidence), everyone),
            *((route.complaint(), route.stations) for route in routes),
            *((f"{stage} is hung", everyone) for stage in sorted(hung)),
            *switched_off,
        ]
        concerned = {name for text, names in troubles if text for name in names}
        why = next((text for text, _ in troubles if text), None)
        self.report("degraded" if why else "online", why, tuple(name for name in everyone if name in concerned), routes=routes)
        return tuple(
            text
            for text in (
                cannot_commit,
                *(one.error for one in pipelines),
                *(f"station {one.name}: {each.detail}" for one in pipelines for each in self._troubles.get(one.name, ()) if stops(each)),
                *(text for text, _ in switched_off),
                _nowhere_to_go(spool, [status for _, status in outputs]),
            )
            if text
        )

    def report(self, state: BoxState, why: str | None = None, stations: tuple[str, ...] = (), *, routes: Iterable[SinkRoute]) -> None:
        """Say how the box is, if that is new."""
        if (state, why, stations) == self._reported:
            return
        if state != self._reported[0]:
            self._since = datetime.now(timezone.utc)
        self._metrics.degraded.set(state != "online")
        self._reported, text = (state, why, stations), why or (ALL_WELL if state == "online" else state)
        if stations:
            log.info("status %s: %s stations=%s", state, text, ",".join(stations))
        else:
            log.info("status %s: %s", state, text)
        self._notifier.status(text)
        for route in routes:
            self._tell_status(route)

    def introduce(self, route: SinkRoute, pipelines: Iterable[StationPipeline]) -> None:
        """Tell an output how box and stations are, before it begins."""
        if self._reported[0] != "online":
            self._tell_status(route)
        for pipeline in pipelines:
            if pipeline.name in route.stations:
                route.set_enabled(pipeline.name, pipeline.switch.is_on, pipeline.switch.since)
                if route.set_troubles is not None and self._troubles.get(pipeline.name):
                    route.set_troubles(pipeline.name, self._troubles[pipeline.name])

    def show_switch(self, pipeline: StationPipeline, routes: Iterable[SinkRoute]) -> None:
        """Say whether a station is switched on; the first time also that it is there."""
        self._metrics.expect(pipeline.name)
        self._metrics.enabled.labels(pipeline.name).set(pipeline.switch.is_on)
        for route in routes:
            if pipeline.name in route.stations:
                route.set_enabled(pipeline.name, pipeline.switch.is_on, pipeline.switch.since)

    def forget(self, station: str) -> None:
        """Say no more of a station that is gone."""
        self._troubles.pop(station, None)
        self._metrics.forget(station)

    def _tell_status(self, route: SinkRoute) -> None:
        state, why, stations = self._reported
        if route.set_status is not None:
            route.set_status(BoxStatus(state, self._since, why, stations))

    def _show_evidence(self, evidence: EvidenceKeeper | None) -> str | None:
        """Show the figures of kept pictures; why none are kept now, if so."""
        if evidence is None:
            return None
        trouble = evidence.trouble()
        self._metrics.evidence_bytes.set(evidence.used_bytes)
        self._metrics.evidence_kept.set(evidence.kept)
        self._metrics.evidence_dropped.set(evidence.dropped)
        self._metrics.evidence_trouble.set(trouble is not None)
        return trouble

    def _show_troubles(self, station: str, troubles: tuple[Trouble, ...], routes: Iterable[SinkRoute]) -> None:
        """Say what is wrong with a camera when that changes: in the log, in a metric and in the station's state."""
        before = self._troubles.get(station, ())
        if troubles == before:
            return
        self._troubles[station] = troubles
        self._trouble_log.show(station, before, troubles)
        self._metrics.camera_troubles.labels(station).set(len(troubles))
        for route in routes:
            if route.set_troubles is not None and station in route.stations:
                route.set_troubles(station, troubles)


def stops(trouble: Trouble) -> bool:
    """Whether a trouble of a camera keeps its station from judging; a file that cannot be moved does not."""
    return trouble.code in {reason.value for reason in Reason}


def _nowhere_to_go(spool: SpoolStatus, outputs: Sequence[DispatchStatus]) -> str | None:
    """Why verdicts can neither be delivered nor wait, None if they can do one of these."""
    if not spool.full or any(output.last_error is None for output in outputs):
        return None
    return "no output takes verdicts and the spool is full: bring an output back, or give the spool more room"
