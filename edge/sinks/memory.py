"""A sink that keeps inspections in a list: for demos and tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable

from edge.errors import DeliveryError
from edge.records import Inspection


class MemorySink:
    """Keeps what it gets. `trouble`, asked before each delivery, gives the error to raise instead of taking it, or None."""

    def __init__(self, *, trouble: Callable[[Inspection], DeliveryError | None] = lambda _: None) -> None:
        self._trouble = trouble
        self._lock = threading.Lock()
        self._inspections: list[Inspection] = []
        self._closed = False

    @property
    def inspections(self) -> tuple[Inspection, ...]:
        """What was delivered so far, in order."""
        with self._lock:
            return tuple(self._inspections)

    def connect(self) -> None:
        """Do nothing: memory is always there."""

    def deliver(self, inspections: Iterable[Inspection]) -> Generator[Inspection, None, None]:
        """Keep them.

        Raises:
            DeliveryError: `trouble` said so, or the sink is closed.
        """
        for inspection in inspections:
            error = self._trouble(inspection)
            if error is not None:
                raise error
            with self._lock:
                if self._closed:
                    msg = f"delivering inspection {inspection.id} to memory: it is closed: open a new one"
                    raise DeliveryError(msg)
                self._inspections.append(inspection)
            yield inspection

    def close(self) -> None:
        """Take nothing more."""
        with self._lock:
            self._closed = True
