"""Whether the daemon lives and whether it is ready, as the main loop saw it last; any thread may ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

NOT_YET = "the box is starting: ask again"


class Health:
    """Alive: the main loop moves and no stage hangs, the rule by which systemd's watchdog is fed. Ready: each station judges, too.

    `limit_s` are the seconds within which the main loop must say that it moves.
    """

    def __init__(self, *, limit_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limit_s = limit_s
        self._monotonic = monotonic
        self._seen: tuple[float, tuple[str, ...], tuple[str, ...]] | None = None

    def moved(self, hung: Collection[str], not_ready: Collection[str]) -> None:
        """Say that the main loop moves, which stages hang, and why the box is not ready, a sentence each."""
        self._seen = (self._monotonic(), tuple(f"{stage} is hung" for stage in sorted(hung)), tuple(not_ready))

    def troubles_of_life(self) -> tuple[str, ...]:
        """Why the daemon does not live, a sentence each; none: it does."""
        if self._seen is None:
            return (NOT_YET,)
        at, hung, _ = self._seen
        silent_s = self._monotonic() - at
        if silent_s > self._limit_s:
            return (f"the main loop has not moved for {silent_s:.0f} s: see the log; systemd starts the box again", *hung)
        return hung

    def troubles(self) -> tuple[str, ...]:
        """Why the box is not ready, a sentence each; none: it is."""
        return (*self.troubles_of_life(), *(self._seen[2] if self._seen else ()))
