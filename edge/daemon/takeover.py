"""Which bundle judges, and how another one takes its place: between two pictures of a station, so that none is lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Protocol

from edge.bundle.open import Bundle
from edge.daemon.metrics import Metrics
from edge.daemon.pipeline import StationPipeline
from edge.daemon.remembering import Remembering
from edge.inspection.inspector import Inspector
from edge.inspection.open import LoadedModels
from edge.sinks import BundleEvent, BundleNews, SinkRoute
from edge.slots.state import Slot
from firmware_config.accepted_bundles import AcceptedBundles
from firmware_config.errors import ManifestError

log = logging.getLogger(__name__)


class ModelsUser(Protocol):
    """Who makes parts of the models that judge; see `edge.daemon.parts.Parts`."""

    changing: threading.Lock

    def use(self, models: LoadedModels, info: Mapping[str, object]) -> None:
        """Make everything of these models from now on."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The models of a bundle, loaded beside those that judge, with an inspector for each of the stations of then."""

    bundle: Bundle
    models: LoadedModels
    pipelines: tuple[StationPipeline, ...]
    inspectors: tuple[Inspector, ...]


class Takeover:
    """The bundle that judges. One thread lets others take over; any may ask for `trouble`.

    `pipelines` and `routes` give those of now; `load` opens the models of a bundle; `info` makes what the box says of itself with a bundle.

    Raises:
        ManifestError: the list of accepted bundles is damaged.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        pipelines: Callable[[], tuple[StationPipeline, ...]],
        routes: Callable[[], Sequence[SinkRoute]],
        load: Callable[[Bundle], LoadedModels],
        parts: ModelsUser,
        metrics: Metrics,
        accepted: AcceptedBundles,
        info: Callable[[Bundle], dict[str, object]],
    ) -> None:
        self.bundle = bundle
        self.pipelines = pipelines
        self._routes = routes
        self._load = load
        self._parts = parts
        self._metrics = metrics
        self._accepted = accepted
        self._info = info
        self._remembering = Remembering(accepted, bundle.manifest)
        self._forgetful: str | None = None
        self._show()

    def trouble(self) -> str | None:
        """Why the bundle is not remembered, None once it is."""
        return self._forgetful or self._remembering.trouble()

    def load(self, bundle: Bundle) -> Loaded:
        """Load the models of another bundle for the stations of now, beside those that judge.

        Raises:
            BundleError, CalibrationError, FamiliarityError: as `LoadedModels` and its `inspectors`.
            JudgeError: the language model failed.
        """
        pipelines, models = self.pipelines(), self._load(bundle)
        inspectors = models.inspectors([each.station for each in pipelines])
        models.prepare(inspectors)
        return Loaded(bundle, models, pipelines, inspectors)

    def take_over(self, loaded: Loaded, *, decide: Callable[[], object] = lambda: None) -> bool:
        """Let a bundle judge; False: the stations are other ones by now, and nothing was done.

        `decide` is called when nothing can fail any more. A picture that is being judged is judged to its end by the bundle before.
        """
        with self._parts.changing:
            if self.pipelines() != loaded.pipelines:
                return False
            decide()
            info = self._info(loaded.bundle)
            for pipeline, inspector in zip(loaded.pipelines, loaded.inspectors, strict=True):
                inspector.take_over(pipeline.inspector)
                pipeline.inspector = inspector
            self._parts.use(loaded.models, info)
            self.bundle = loaded.bundle
            for route in self._routes():
                route.set_info(info)
        self._show()
        try:
            self._remembering = Remembering(self._accepted, loaded.bundle.manifest)
        except ManifestError as err:  # the list is damaged: the line goes on, and the next start is refused
            self._forgetful = str(err)
        return True

    def tell(self, news: BundleNews, slot: Slot, why: str) -> None:
        """Say what happened to the bundle of a slot, in the log and to consumers."""
        level = logging.WARNING if news == "returned" else logging.INFO
        log.log(level, "bundle %s name=%s version=%d why=%r", news, slot.name, slot.version, why)
        event = BundleEvent(datetime.now(timezone.utc), news, slot.name, slot.version, slot.digest, why)
        for route in self._routes():
            route.tell(event)

    def _show(self) -> None:
        self._metrics.bundle_version.clear()
        self._metrics.bundle_version.labels(self.bundle.manifest.name).set(self.bundle.manifest.bundle_version)
