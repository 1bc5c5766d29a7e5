"""What an integrator's consumer must do beside subscribing: count each verdict once, see the gaps, and ask the box for what is missing.

A broker that is killed may lose a verdict that it had acknowledged. The box has it on disk and takes it for delivered, so only the consumer
can tell: within an epoch a station's `seq` has no gaps.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from edge.records import Inspection
from tests.support.repository import ROOT

DEADLINE_S = 120.0
REORDERED = 100
"""More first copies than a broker sends out of order after a lost connection."""


@dataclass(frozen=True)
class Gap:
    """Verdicts `first` to `last` of a station that have not arrived."""

    epoch: str
    station: str
    first: int
    last: int


class Ledger:
    """`effects` are the verdicts that took effect, in the order in which their first copies arrived. Any thread may add."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._ids: set[str] = set()
        self._effects: list[Inspection] = []
        self._copies = self._replayed_copies = 0

    def add(self, inspection: Inspection) -> None:
        """Take a copy of a verdict; a second copy has no effect."""
        with self._changed:
            self._copies += 1
            self._replayed_copies += inspection.replayed
            if inspection.id not in self._ids:
                self._ids.add(inspection.id)
                self._effects.append(inspection)
            self._changed.notify_all()

    @property
    def effects(self) -> list[Inspection]:
        with self._changed:
            return list(self._effects)

    @property
    def replayed_copies(self) -> int:
        with self._changed:
            return self._replayed_copies

    @property
    def copies(self) -> int:
        """All copies, the replayed ones included."""
        with self._changed:
            return self._copies

    def gaps(self) -> list[Gap]:
        """What is missing up to the highest `seq` of each epoch and station."""
        arrived: dict[tuple[str, str], set[int]] = {}
        for inspection in self.effects:
            arrived.setdefault((inspection.epoch, inspection.station), {0}).add(inspection.seq)
        return [
            Gap(epoch, station, before + 1, after - 1)
            for (epoch, station), seqs in arrived.items()
            for before, after in pairwise(sorted(seqs))
            if after - before > 1
        ]

    def wait_for_count(self, count: int) -> None:
        """Wait until so many verdicts have taken effect."""
        self._wait_until(lambda: len(self._effects) >= count, f"{count} verdicts")

    def wait_for_seq(self, seq: int) -> None:
        """Wait for the verdict of a station that has this number."""
        self._wait_until(lambda: any(effect.seq == seq for effect in self._effects[-REORDERED:]), f"the verdict {seq}")

    def _wait_until(self, happened: Callable[[], bool], what: str) -> None:
        with self._changed:
            assert self._changed.wait_for(happened, DEADLINE_S), f"{len(self._effects)} verdicts took effect, expected {what}"


def ask_again(gaps: list[Gap], spool: Path) -> None:
    """Ask for each gap with `kotoba-edge spool replay`; the daemon sends it."""
    for gap in gaps:
        command = [sys.executable, "-m", "edge.cli", "spool", "replay", gap.station, str(gap.first), str(gap.last)]
        subprocess.run([*command, "--epoch", gap.epoch, "--spool", str(spool)], cwd=ROOT, check=True, timeout=60)
