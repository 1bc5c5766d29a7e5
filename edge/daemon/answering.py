"""The thread that watches the deadlines of triggers: what the worker cannot answer in time is answered here."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from edge.daemon.pipeline import StationPipeline
from edge.records import Capture, Inspection
from edge.triggers import Requests

log = logging.getLogger(__name__)

IDLE_S = 1.0
"""Looks at least this often, which also shows that it is alive."""


class Answering:
    """Answers requests that have no picture, no room or no judgement by their deadline.

    `answer` commits an inspection and sends it; `pictures` is set when the worker has something to judge.
    """

    def __init__(self, *, answer: Callable[[Inspection, Capture], None], pictures: threading.Event) -> None:
        self._stations: tuple[tuple[Requests, StationPipeline], ...] = ()
        self._answer = answer
        self._pictures = pictures
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="answer", daemon=True)
        self._turns = 0

    @property
    def progress(self) -> dict[str, int]:
        """A number that grows while the thread moves; empty where no station was triggered yet."""
        return {} if self._thread.ident is None else {"answer": self._turns}

    def moved(self) -> None:
        """Show that an answer that waits for the spool is no standstill."""
        self._turns += 1

    def watch(self, pipelines: Sequence[StationPipeline]) -> None:
        """Answer for these stations from now on; begins where the first of them is triggered."""
        self._stations = tuple((pipeline.requests, pipeline) for pipeline in pipelines if pipeline.requests is not None)
        for requests, _ in self._stations:
            requests.changed = self._changed.set
        if self._stations and self._thread.ident is None and not self._stopping.is_set():
            self._thread.start()
        self._changed.set()

    def close(self) -> None:
        """Answer what is open, for the box is stopping, and end."""
        self._stopping.set()
        for requests, _ in self._stations:
            requests.close()
        self._changed.set()

    def join(self, deadline_s: float) -> None:
        """Wait for the end."""
        if self._thread.is_alive():
            self._thread.join(deadline_s)

    def _run(self) -> None:
        while True:
            self._turns += 1
            self._changed.clear()
            is_last = self._stopping.is_set()
            try:
                due_s = self._look()
            except Exception:
                log.exception("answering failed")  # a bug of ours: the next requests are answered
                due_s = IDLE_S
            if is_last:
                return
            self._changed.wait(due_s)

    def _look(self) -> float:
        """Answer what is due; returns the seconds until something is."""
        began_ns: dict[str, int] = {}
        while self._answer_one_of_each(began_ns):
            self._turns += 1
        due_s = [due_s for requests, _ in self._stations if (due_s := requests.next_due_s()) is not None]
        return min([IDLE_S, *due_s])

    def _answer_one_of_each(self, began_ns: dict[str, int]) -> bool:
        """Answer one request of each station, the most urgent one first, so that a flood on one keeps no other waiting; False: none is due.

        `began_ns` says since when a station has had something due.
        """
        now_ns = time.monotonic_ns()
        due = []
        for requests, pipeline in self._stations:
            by_ns = requests.due_by_ns()
            if requests.waiting:
                self._pictures.set()
            if by_ns is None:
                began_ns.pop(requests.station, None)
            else:
                began_ns.setdefault(requests.station, now_ns)
                due.append((by_ns, requests, pipeline))
        for _, requests, pipeline in sorted(due, key=lambda one: one[0]):
            capture = requests.take_due()
            if capture is None:
                continue
            try:
                self._answer(pipeline.inspector.unjudged(capture), capture)
            except Exception:  # a bug of ours: the others are answered
                log.exception("answering failed station=%s request_id=%r", requests.station, capture.request_id)
            requests.answered(time.monotonic_ns() - began_ns[requests.station])  # with those before it, which it had to wait for
        return bool(due)
