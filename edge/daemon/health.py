"""Whether the daemon lives and whether it is ready, as the main loop saw it last; any thread may ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

NOT_YET = "the box is starting: ask again"

END_S = 4.5
"""The daemon as a whole ends within this: systemd and people expect it within 5 s."""

LEAST_S = 0.05
"""Each part gets so long to end, however late it is."""


class Health:
    """Alive: the main loop moves and no stage hangs, the rule by which systemd's watchdog is fed. Ready: each station judges, too.

    `limit_s` are the seconds within which the main loop must say that it moves.
    """

    def __init__(self, *, limit_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limit_s = limit_s
        self._monotonic = monotonic
        self._seen: tuple[float, tuple[str, ...], tuple[str, ...]] | None = None
        self._ends_since: float | None = None

    def moved(self, hung: Collection[str], not_ready: Collection[str]) -> None:
        """Say that the main loop moves, which stages hang, and why the box is not ready, a sentence each."""
        self._seen = (self._monotonic(), tuple(f"{stage} is hung" for stage in sorted(hung)), tuple(not_ready))

    def end(self) -> float:
        """Say that the box is stopping; returns the monotonic second."""
        self._ends_since = self._monotonic()
        return self._ends_since

    def left_s(self, most_s: float) -> float:
        """How long a part may take to end that gets so long at most: less where other parts have taken long."""
        gone_s = 0.0 if self._ends_since is None else self._monotonic() - self._ends_since
        return max(LEAST_S, min(most_s, END_S - gone_s))

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
