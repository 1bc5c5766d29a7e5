"""Any mixture of losses, refusals and silence between a box and a consumer: in the end everything is there or known to be lost."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.consumer import SqliteStore
from edge.consumer.asking import Request
from edge.consumer.gaps import GapState
from edge.consumer.messages import Answer
from edge.consumer.positions import Draft, Positions, Stream
from edge.consumer.recovery import Recovery
from edge.consumer.status import status

STREAM = Stream("cell-01", "e1")
BEGAN = datetime(2026, 5, 4, 8, tzinfo=timezone.utc)
COUNT = 30
PATIENCE_S = 10.0
STEP_S = 5.0
LONG_ENOUGH = 10_000


class World:
    """A consumer, its database, and a box that has all of COUNT verdicts but `pruned`; a lossy broker lies between."""

    def __init__(self, folder: Path, *, pruned: set[int], chance: random.Random, loses: float, refuses: float) -> None:
        self._now_s = 0.0
        self._pruned, self._chance, self._loses, self._refuses = pruned, chance, loses, refuses
        self._store = SqliteStore(folder / "verdicts.sqlite")
        self._store.open("plant/line1")
        self._positions = Positions(from_start=True)
        self._recovery = Recovery((), patience_s=PATIENCE_S, clock=lambda: self._now_s, now=self._now)
        self._recovery.heard("box-1", ["cell-01"])
        self._published: list[Request] = []
        self.requests = 0

    def receive(self, *seqs: int, announced: int = 0) -> None:
        draft = Draft(self._positions)
        with self._store.transaction() as transaction:
            for seq in seqs:
                draft.receive(STREAM, seq, self._now())
            draft.announce(STREAM, announced, self._now())
            for position in draft.changed:
                transaction.write_position(self._positions.get(position.stream), position)
        self._positions.take(draft)

    def restart_consumer(self) -> None:
        """As after kill -9."""
        kept = self._store.recover()
        self._positions = Positions(kept.positions, from_start=True)
        self._recovery = Recovery(kept.gaps, patience_s=PATIENCE_S, clock=lambda: self._now_s, now=self._now)
        self._recovery.heard("box-1", ["cell-01"])

    def go_on(self) -> None:
        """Some seconds more: what was asked for is answered, or not."""
        self._now_s += STEP_S
        published, self._published = self._published, []
        for request in published:
            self._answer(request)
        self._recovery.tick(self._positions, self._store, publish=self._published.append)
        self.requests += len(self._published)

    def missing(self) -> set[int]:
        position = self._positions.get(STREAM)
        assert position is not None
        return {number for span in position.missing() for number in range(span.first, span.last + 1)}

    def lost(self) -> int:
        return self._store.look().verdicts.get(("cell-01", GapState.LOST), 0)

    def waiting(self) -> int:
        counted = self._store.look().verdicts
        return counted.get(("cell-01", GapState.OPEN), 0) + counted.get(("cell-01", GapState.ASKED), 0)

    def told_missing(self) -> int:
        return int(status(self._store.look())["stations"]["cell-01"]["missing"])

    def close(self) -> None:
        self._store.close()

    def _answer(self, request: Request) -> None:
        if self._chance.random() < self._loses:
            return
        asked = range(request.span.first, request.span.last + 1)
        found = [seq for seq in asked if seq not in self._pruned]
        refused = "too many requests" if self._chance.random() < self._refuses else None
        answer = Answer(
            event="replay",
            station="cell-01",
            epoch="e1",
            first=request.span.first,
            last=request.span.last,
            found=0 if refused else len(found),
            refused=refused,
        )
        self._recovery.answered("box-1", answer)
        if not refused:
            arrived = [seq for seq in found if self._chance.random() >= self._loses]
            self._chance.shuffle(arrived)
            self.receive(*arrived)

    def _now(self) -> datetime:
        return BEGAN + timedelta(seconds=self._now_s)


@contextmanager
def world(folder: Path, *, pruned: set[int], seed: int = 1, loses: float = 0.0, refuses: float = 0.0) -> Iterator[World]:
    chance = random.Random(seed)
    with (
        tempfile.TemporaryDirectory(dir=folder) as own,
        closing(World(Path(own), pruned=pruned, chance=chance, loses=loses, refuses=refuses)) as made,
    ):
        yield made


NUMBERS = st.sets(st.integers(1, COUNT))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(delivered=NUMBERS, pruned=NUMBERS, seed=st.integers(0, 2**16), loses=st.sampled_from([0.0, 0.2, 0.4]), kills=NUMBERS)
def test_in_the_end_everything_has_arrived_or_is_lost(
    tmp_path: Path, delivered: set[int], pruned: set[int], seed: int, loses: float, kills: set[int]
) -> None:
    with world(tmp_path, pruned=pruned, seed=seed, loses=loses, refuses=loses) as made:
        made.receive(*sorted(delivered) or [COUNT], announced=COUNT)
        gone = pruned - delivered - (set() if delivered else {COUNT})
        for step in range(LONG_ENOUGH):
            if step in kills:
                made.restart_consumer()
            made.go_on()
            if made.missing() == gone and step % 10 == 9 and made.waiting() == 0:
                break
        assert made.missing() == gone
        assert (made.lost(), made.waiting(), made.told_missing()) == (len(gone), 0, len(gone))


def test_without_losses_a_request_or_two_are_enough(tmp_path: Path) -> None:
    with world(tmp_path, pruned=set()) as made:
        made.receive(1, 2, 5, 9, 20, announced=COUNT)
        for _ in range(60):
            made.go_on()
        assert made.missing() == set()
        assert made.requests == 1


def test_what_is_lost_is_not_asked_for_again(tmp_path: Path) -> None:
    with world(tmp_path, pruned={10, 11, 12, 25}) as made:
        made.receive(*(seq for seq in range(1, COUNT + 1) if seq not in {10, 11, 12, 15, 25}))
        for _ in range(700):
            made.go_on()
        assert made.missing() == {10, 11, 12, 25}
        assert made.lost() == 4
        assert made.requests == 3
