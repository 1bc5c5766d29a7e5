"""Takes every verdict of a root into a database exactly once: kept by the broker until it is committed, and asked for if it is missing.

A message is acknowledged when the transaction that holds its verdict and its position has been committed. So it comes again, whoever is
killed, and whenever; and what comes again is known by its number.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any, TypeAlias

from edge.consumer.asking import Request
from edge.consumer.link import Arrived, Gone, Link
from edge.consumer.messages import State, VerdictMessage, read_answer, read_info, read_number, read_state, read_verdict, request
from edge.consumer.positions import Draft, Positions, Stream
from edge.consumer.recovery import Recovery
from edge.consumer.store import Kept, Rejected, Store, Transaction
from edge.errors import DeliveryError, MessageError, StoreError, UnstorableError
from edge.sinks.mqtt.resolver import Resolver
from firmware_config.outputs import MqttOutput

log = logging.getLogger("kotoba.consume")

TICK_S = 0.2
REST = 5.0
"""After a look at thousands of gaps, so many times as long is left for verdicts."""
SLICE_S = 0.2
"""So often it is seen that the consumer shall stop."""
SUMMARY_S = 60.0
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
BATCH = 500
"""Messages in one transaction, at most."""

Hook: TypeAlias = Callable[[VerdictMessage, Any], object]
"""Called within the transaction, with the connection of the database's library. What it does there happens exactly once."""
Item: TypeAlias = VerdictMessage | State | Rejected


class Consumer:
    """Runs in the thread that calls `run`.

    `broker` is where the boxes publish, `root` their `station.path`. `on_verdict` is called once for each verdict, within the transaction
    that stores it; an exception of it takes the transaction back and ends `run`. `from_start` asks for all verdicts that the boxes still
    have of a station that is new, not only for those from now on. A gap is asked for when it has not shrunk for `gap_patience_s` seconds.
    With `until_idle_s`, `run` ends when for so many seconds no verdict came and none was asked for.
    """

    def __init__(
        self,
        broker: MqttOutput,
        *,
        root: str,
        store: Store,
        on_verdict: Hook | None = None,
        from_start: bool = False,
        gap_patience_s: float = 10.0,
        until_idle_s: float | None = None,
    ) -> None:
        self._broker = broker
        self._root = root
        self._store = store
        self._hook = on_verdict
        self._from_start = from_start
        self._until_idle_s = until_idle_s
        self._resolver = Resolver(broker.host, broker.port)
        self._inbox: queue.SimpleQueue[Arrived | Gone] = queue.SimpleQueue()
        self._link: Link | None = None
        self._recovery = Recovery((), patience_s=gap_patience_s, clock=time.monotonic, now=_now)
        self._positions = Positions()
        self._client_id, self._reached = "", False
        self._counts: Counter[str] = Counter()
        self._said: dict[str, set[str]] = defaultdict(set)
        self._rejected_topics: set[str] = set()

    def run(self, stop: threading.Event) -> None:
        """Take verdicts until `stop` is set; broker and database may come and go.

        Raises:
            StoreError: the database cannot be opened at the start.
        """
        try:
            self._load(self._store.open(self._root))
            self._run(stop)
        finally:
            if self._link is not None:
                self._link.close()
            self._store.close()

    @property
    def missing(self) -> int:
        """How many verdicts are missing now, those that are lost for good among them."""
        return sum(len(span) for position in self._positions for span in position.missing())

    @property
    def complete(self) -> bool:
        """Whether at the end of `run` nothing was missing, and the broker was there to say so."""
        return self._reached and not self.missing

    def _run(self, stop: threading.Event) -> None:
        busy_at = summary_at = time.monotonic()
        tick_at, connect_at, pause_s = 0.0, 0.0, SHORTEST_PAUSE_S
        while not stop.is_set():
            now = time.monotonic()
            if self._link is None and now >= connect_at:
                connected = self._connect()
                pause_s = SHORTEST_PAUSE_S if connected else min(LONGEST_PAUSE_S, 2 * pause_s)
                connect_at = time.monotonic() + pause_s
            if self._take(self._batch(), stop):
                busy_at = time.monotonic()
            if now >= tick_at:
                begun = time.monotonic()
                if self._tick():
                    busy_at = time.monotonic()
                ended = time.monotonic()
                tick_at = ended + max(TICK_S, REST * (ended - begun))
            if now - summary_at >= SUMMARY_S:
                summary_at = now
                self._summarise()
            if self._until_idle_s is not None and time.monotonic() - busy_at >= self._until_idle_s:
                break
        self._reached = self._link is not None
        if "database" not in self._said:  # what the last verdicts filled
            self._tick(asking=False)
        self._summarise()

    def _connect(self) -> bool:
        topics = [f"{self._root}/+/{kind}" for kind in ("verdict", "state", "info", "events")]
        try:
            self._link = Link(self._broker, client_id=self._client_id, topics=topics, resolver=self._resolver, put=self._inbox.put)
        except DeliveryError as err:
            self._say_once("broker", str(err))
            return False
        self._said.pop("broker", None)
        self._recovery.restart()
        log.info("connected broker=%s:%d root=%s as=%s", self._broker.host, self._broker.port, self._root, self._client_id)
        return True

    def _batch(self) -> list[Arrived]:
        """What has arrived, after a short wait for the first; a connection that is gone is let go."""
        batch = list[Arrived]()
        wait_s = SLICE_S
        while len(batch) < BATCH:
            try:
                event = self._inbox.get(timeout=wait_s) if wait_s else self._inbox.get_nowait()
            except queue.Empty:
                break
            wait_s = 0.0
            if isinstance(event, Arrived):
                batch.append(event)
            elif event.link is self._link:
                self._say_once("broker", f"connection lost ({event.reason}): it is opened again")
                self._link.abandon()
                self._link = None
        return batch

    def _take(self, batch: Sequence[Arrived], stop: threading.Event) -> bool:
        """Commit a batch, then acknowledge it; False if it held no verdict. What could not be committed before `stop` comes again."""
        items = [item for arrived in batch if (item := self._item(arrived)) is not None]
        if items and not self._commit(items, stop):
            return True
        for arrived in batch:
            arrived.link.acknowledge(arrived.message_id, arrived.qos)
        return any(isinstance(item, VerdictMessage) for item in items)

    def _item(self, arrived: Arrived) -> Item | None:
        """What a message asks to be written; None: nothing, it is for the recovery of gaps."""
        name, _, kind = arrived.topic.removeprefix(f"{self._root}/").partition("/")
        if kind == "verdict":
            try:
                return read_verdict(arrived.payload, station=name)
            except MessageError as err:
                number = read_number(arrived.payload, station=name)
                numbered = None if number is None else (Stream(number.station, number.epoch), number.seq)
                return Rejected(arrived.topic, arrived.payload, str(err), numbered)
        if kind == "state":
            state = read_state(arrived.payload)
            return state if state is not None and state.last is not None and state.station == name else None
        if kind == "info" and (info := read_info(arrived.payload)):
            self._recovery.heard(name, info.stations)
        elif kind == "events" and (answer := read_answer(arrived.payload)):
            self._recovery.answered(name, answer)
        return None

    def _commit(self, items: Sequence[Item], stop: threading.Event) -> bool:
        """Write, again and again if it must be; False: `stop` came first."""
        pause_s = SHORTEST_PAUSE_S
        while not stop.is_set():
            try:
                self._write_each_that_can_be(items)
            except StoreError as err:
                self._say_once("database", f"{err}: nothing is acknowledged until it can be written")
            else:
                if self._said.pop("database", None) is not None:
                    log.info("database well again name=%s", self._store.name)
                return True
            while not stop.wait(pause_s) and not self._recovered():
                pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)
            pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)
        return False

    def _write_each_that_can_be(self, items: Sequence[Item]) -> None:
        try:
            self._write(items)
        except UnstorableError as err:
            if len(items) > 1:
                for item in items:
                    self._write_each_that_can_be([item])
            elif isinstance(items[0], VerdictMessage):
                self._write([_unstorable(items[0], self._root, str(err))])

    def _write(self, items: Sequence[Item]) -> None:
        """One transaction."""
        draft, counts, at = Draft(self._positions), Counter[str](), _now()
        rejected = list[Rejected]()
        with self._store.transaction() as transaction:
            for item in items:
                if isinstance(item, State):
                    if item.last is not None:
                        draft.announce(Stream(item.station, item.last.epoch), item.last.seq, at)
                    continue
                refusal = item if isinstance(item, Rejected) else self._add(transaction, draft, item, counts)
                if refusal is not None:
                    transaction.reject(refusal, at)
                    rejected.append(refusal)
                    if refusal.number is not None:
                        draft.receive(*refusal.number, at)
            for position in draft.changed:
                transaction.write_position(self._positions.get(position.stream), position)
        self._positions.take(draft)
        self._counts += counts
        for each in rejected:
            self._counts["rejected"] += 1
            if each.topic not in self._rejected_topics:
                self._rejected_topics.add(each.topic)
                log.warning("rejected a message on %s: %s: such are kept in the table `rejected`", each.topic, each.why)

    def _add(self, transaction: Transaction, draft: Draft, verdict: VerdictMessage, counts: Counter[str]) -> Rejected | None:
        """Let a verdict take effect, unless it has; what contradicts an earlier one is given back as rejected."""
        stream, at, topic = Stream(verdict.station, verdict.epoch), _now(), f"{self._root}/{verdict.station}/verdict"
        if draft.has(stream, verdict.seq):
            there = transaction.id_of(stream, verdict.seq)
            counts["duplicates"] += 1
            if there is None or there == verdict.id:
                return None
            return Rejected(topic, verdict.text.encode(), f"its number {verdict.seq} is that of verdict {there}: look at the box's spool")
        draft.receive(stream, verdict.seq, at)
        if not transaction.add(verdict, at):
            return Rejected(topic, verdict.text.encode(), f"its id {verdict.id} is that of another verdict: look at the box's spool")
        counts["received"] += 1
        if self._hook is not None:
            self._hook(verdict, transaction.connection)
        return None

    def _tick(self, *, asking: bool = True) -> bool:
        link = self._link if asking else None
        publish = None if link is None else lambda wanted: self._ask(link, wanted)
        try:
            return self._recovery.tick(self._positions, self._store, publish=publish)
        except StoreError as err:
            self._say_once("database", f"{err}: it is tried again")
            self._recovered()
            return False

    def _ask(self, link: Link, wanted: Request) -> None:
        stream, span = wanted.stream, wanted.span
        log.info("asking station=%s epoch=%s first=%d last=%d of=%s", *stream, span.first, span.last, ",".join(wanted.boxes))
        for box in wanted.boxes:
            link.publish(f"{self._root}/{box}/replay", request(*stream, span.first, span.last))

    def _recovered(self) -> bool:
        try:
            self._load(self._store.recover())
        except StoreError as err:
            self._say_once("database", f"{err}: it is tried again")
            return False
        return True

    def _load(self, kept: Kept) -> None:
        self._client_id = kept.consumer
        self._positions = Positions(kept.positions, from_start=self._from_start)
        self._recovery.load(kept.gaps)

    def _summarise(self) -> None:
        counts, missing = self._counts, self.missing
        log.info("received=%d duplicates=%d rejected=%d missing=%d", counts["received"], counts["duplicates"], counts["rejected"], missing)

    def _say_once(self, what: str, sentence: str) -> None:
        """Until it is over."""
        if sentence not in self._said[what]:
            self._said[what].add(sentence)
            log.warning("%s", sentence)


def _unstorable(verdict: VerdictMessage, root: str, why: str) -> Rejected:
    return Rejected(f"{root}/{verdict.station}/verdict", verdict.text.encode(), why, (Stream(verdict.station, verdict.epoch), verdict.seq))


def _now() -> datetime:
    return datetime.now(timezone.utc)
