"""Which bundle judges, and how another one takes its place: between two pictures of a station, so that none is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import TypeAlias

from edge.bundle.open import Bundle
from edge.daemon.metrics import Metrics
from edge.daemon.pipeline import StationPipeline
from edge.daemon.remembering import Remembering
from edge.inspection.inspector import Inspector
from edge.sinks import BundleEvent, BundleNews, SinkRoute
from edge.slots.state import Slot
from firmware_config.accepted_bundles import AcceptedBundles
from firmware_config.errors import ManifestError

log = logging.getLogger(__name__)

Load: TypeAlias = Callable[[Bundle], Sequence[Inspector]]


class Takeover:
    """The bundle that judges at the stations of `pipelines`. One thread lets others take over; any may ask for `trouble`.

    `load` opens the inspectors of a bundle for these stations, in their order; `info` makes what the box says of itself with a bundle.

    Raises:
        ManifestError: the list of accepted bundles is damaged.
    """

    def __init__(
        self,
        bundle: Bundle,
        pipelines: Sequence[StationPipeline],
        *,
        load: Load,
        metrics: Metrics,
        routes: Sequence[SinkRoute],
        accepted: AcceptedBundles,
        info: Callable[[Bundle], dict[str, object]],
    ) -> None:
        self.bundle = bundle
        self._pipelines = tuple(pipelines)
        self._load = load
        self._metrics = metrics
        self._routes = tuple(routes)
        self._accepted = accepted
        self._info = info
        self._remembering = Remembering(accepted, bundle.manifest)
        self._forgetful: str | None = None
        self._show()

    def trouble(self) -> str | None:
        """Why the bundle is not remembered, None once it is."""
        return self._forgetful or self._remembering.trouble()

    def load(self, bundle: Bundle) -> Sequence[Inspector]:
        """Load the models of another bundle for these stations, beside those that judge.

        Raises:
            BundleError, CalibrationError, FamiliarityError: as `open_inspectors`.
        """
        return self._load(bundle)

    def take_over(self, bundle: Bundle, inspectors: Sequence[Inspector]) -> None:
        """Let a bundle judge whose models are loaded. A picture that is being judged is judged to its end by the one before."""
        for pipeline, inspector in zip(self._pipelines, inspectors, strict=True):
            inspector.take_over(pipeline.inspector)
            pipeline.inspector = inspector
        self.bundle = bundle
        self._show()
        for route in self._routes:
            route.set_info(self._info(bundle))
        try:
            self._remembering = Remembering(self._accepted, bundle.manifest)
        except ManifestError as err:  # the list is damaged: the line goes on, and the next start is refused
            self._forgetful = str(err)

    def tell(self, news: BundleNews, slot: Slot, why: str) -> None:
        """Say what happened to the bundle of a slot, in the log and to consumers."""
        level = logging.WARNING if news == "returned" else logging.INFO
        log.log(level, "bundle %s name=%s version=%d why=%r", news, slot.name, slot.version, why)
        event = BundleEvent(datetime.now(timezone.utc), news, slot.name, slot.version, slot.digest, why)
        for route in self._routes:
            route.tell(event)

    def _show(self) -> None:
        self._metrics.bundle_version.clear()
        self._metrics.bundle_version.labels(self.bundle.manifest.name).set(self.bundle.manifest.bundle_version)
