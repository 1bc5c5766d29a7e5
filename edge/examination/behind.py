"""How an examination lives beside a daemon of the same box: it says so, and stands back for the daemon on the processor."""

from __future__ import annotations

from collections.abc import Sequence


def behind(users: Sequence[int]) -> str:
    """What is added to figures that were measured while other processes, by their ids, had the spool open; "" where there are none."""
    if not users:
        return ""
    names = ", ".join(map(str, users))
    told = f"process {names} has the spool open" if len(users) == 1 else f"processes {names} have the spool open"
    return f"; {told}, so this ran with low priority, and figures are higher than alone"
