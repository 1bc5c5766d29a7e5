"""The seam between a consumer and its database. Adapters satisfy it by their shape: SQLite, PostgreSQL, line protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from edge.consumer.gaps import Gap, GapState
from edge.consumer.messages import VerdictMessage
from edge.consumer.positions import Position, Stream


@dataclass(frozen=True, slots=True)
class Kept:
    """What a database holds besides verdicts. `consumer` is its name at the broker; `gaps` are those that are not filled."""

    consumer: str
    positions: Sequence[Position]
    gaps: Sequence[Gap]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message that was no verdict, or one that cannot be stored, and why.

    `number` is its stream and its number, where it has them: it has arrived, and would be asked for in vain.
    """

    topic: str
    payload: bytes
    why: str
    number: tuple[Stream, int] | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What one can read of a database while its consumer runs. `verdicts` counts the verdicts of its gaps by station and state."""

    positions: Sequence[Position]
    verdicts: Mapping[tuple[str, GapState], int]
    rejected: int


class Transaction(Protocol):
    """All or nothing. `connection` is that of the database's own library, for an integrator's statements within the same transaction."""

    connection: Any

    def add(self, verdict: VerdictMessage, at: datetime) -> bool:
        """Store a verdict; False if one with its id, or with its station, epoch and number, is there.

        Raises:
            UnstorableError: the database refuses it as data; the transaction is of no more use.
        """

    def id_of(self, stream: Stream, seq: int) -> str | None:
        """The id of the verdict that has this number; None: it is not there any more, or ids are not kept."""

    def reject(self, rejected: Rejected, at: datetime) -> None:
        """Keep a message that takes no effect; the same one counts once more."""

    def write_position(self, before: Position | None, after: Position) -> None:
        """Write what has changed of a stream."""

    def write_gaps(self, before: Sequence[Gap], after: Sequence[Gap]) -> None:
        """Write what has changed of the gaps of a stream."""


class Store(Protocol):
    """A database of one consumer. Every method may raise StoreError. `name` is for people and holds no secret."""

    name: str

    def open(self, root: str) -> Kept:
        """Open it for the verdicts under a root, and make it if it is not there. Nobody else may have it open so."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Begin; commits at the end, and takes everything back on an exception."""

    def recover(self) -> Kept:
        """After an error: make it usable again, and read anew what is kept: the last commit may have succeeded or not."""

    def look(self) -> Seen:
        """Read it, opened or not, also while another process has it open."""

    def close(self) -> None:
        """Close it; it may be opened again."""
