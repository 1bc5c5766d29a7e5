"""Takes over changed station files while the box runs: all of them, or none where one is wrong. The models stay loaded."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Literal, TypeAlias

from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.parts import Parts, StationFiles
from edge.daemon.pipeline import StationPipeline
from edge.daemon.sd_notify import Notifier
from edge.errors import EdgeError
from edge.evidence.keeper import EvidenceKeeper
from edge.sinks import SinkRoute
from firmware_config.errors import ConfigError

log = logging.getLogger(__name__)

Asked: TypeAlias = Literal["reload", "end"]


class Reloading:
    """Reloads in a thread of its own, one after the other, whenever "reload" is put into `asked`.

    `read` reads the files that lie there; `files` and `pipelines` are those that the daemon begins with. `begun` is told of a keeper of
    pictures that was not there before.
    """

    def __init__(
        self,
        daemon: Daemon,
        parts: Parts,
        *,
        asked: SimpleQueue[Asked],
        read: Callable[[], Sequence[StationFiles]],
        files: Sequence[StationFiles],
        pipelines: Sequence[StationPipeline],
        metrics: Metrics,
        notifier: Notifier,
        begun: Callable[[EvidenceKeeper], None],
    ) -> None:
        self._daemon = daemon
        self._parts = parts
        self._running = list(zip(files, pipelines, strict=True))
        self._metrics = metrics
        self._notifier = notifier
        self._begun = begun
        self._asked = asked
        """A queue of this kind may be put into by the handler of a signal, whatever that has interrupted."""
        self._read = read
        self._thread = threading.Thread(target=self._run, name="reload", daemon=True)
        self.trouble: str | None = None
        """Why the files that lie there now are not taken over; None: they are."""
        self._metrics.reload_refused.set(0)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self, deadline_s: float) -> None:
        """End; one that is under way gets this long."""
        self._asked.put("end")
        self._thread.join(deadline_s)

    def _run(self) -> None:
        while self._asked.get() == "reload":
            while not self._asked.empty():  # several at once are one
                if self._asked.get() == "end":
                    return
            self._notifier.reloading()
            try:
                with self._parts.changing:
                    self._reload()
            except (ConfigError, EdgeError, OSError) as err:
                self._refuse(str(err))
            except Exception as err:
                log.exception("reload failed")
                self._refuse(f"{type(err).__name__}: report this as a bug")
            else:
                self.trouble = None
                self._show("taken")
            self._notifier.ready()

    def _refuse(self, why: str) -> None:
        self.trouble = f"the station files are not taken over, the box goes on with those of before: {why}"
        self._show("refused")
        log.error("reload refused: %s", why)

    def _show(self, result: Literal["taken", "refused"]) -> None:
        self._metrics.reloads.labels(result).inc()
        self._metrics.reload_refused.set(result == "refused")

    def _reload(self) -> None:
        """Make everything that can fail before anything is changed.

        Raises:
            ConfigError, EdgeError: a file is wrong, a part cannot be made, or the spool takes no change; all is as before.
            OSError: a file cannot be read.
        """
        began_at = time.monotonic()
        files = self._read()
        before = {files.station.station.name: (files, pipeline) for files, pipeline in self._running}
        changed = [each for each in files if before.get(each.station.station.name, (None, None))[0] != each]
        gone = before.keys() - {each.station.station.name for each in files}
        made: tuple[StationPipeline, ...] = ()
        routes: tuple[SinkRoute, ...] = ()
        try:
            made = self._parts.pipelines([each.station for each in changed])
            by_name = {name: pipeline for name, (_, pipeline) in before.items()} | {each.name: each for each in made}
            pipelines = [by_name[each.station.station.name] for each in files]
            self._parts.prepare(made)
            routes = self._parts.routes([each.station for each in files])
            keeper = self._parts.keep_evidence([each.station for each in files], begun=self._begun)
            self._daemon.exchange(pipelines, routes, evidence=keeper)
        except BaseException:
            for each in made:
                each.camera.close()
            for route in routes:
                route.sink.close()
            self._parts.keep_only([pipeline for _, pipeline in self._running])
            self._parts.keep_evidence([each.station for each, _ in self._running], begun=self._begun)
            raise
        names = {pipeline.name for _, pipeline in self._running}
        self._running = list(zip(files, pipelines, strict=True))
        self._parts.keep_only(pipelines)
        log.info(
            "reloaded changed=%s added=%s removed=%s ms=%.0f",
            ",".join(each.name for each in made if each.name in names) or "none",
            ",".join(each.name for each in made if each.name not in names) or "none",
            ",".join(sorted(gone)) or "none",
            (time.monotonic() - began_at) * 1e3,
        )
