"""A sink with the stations that it serves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias, TypeVar

from edge.drift.watch import Change
from edge.interfaces import Sink
from edge.records import Inspection, Taken, TriggerRequest, Trouble

BoxState: TypeAlias = Literal["online", "degraded", "stopping"]

_Settings = TypeVar("_Settings")


@dataclass(frozen=True, slots=True)
class BoxStatus:
    """How the box is since when (UTC): why in one sentence, and the stations concerned, of a box that is degraded."""

    state: BoxState
    since: datetime
    why: str | None = None
    stations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """A range of sequence numbers, both ends included, that a consumer wants again."""

    station: str
    epoch: str
    first: int
    last: int


BundleNews: TypeAlias = Literal["trial", "good", "returned", "running"]
"""Of a bundle: its trial has begun; it was good and judges from now on; it has gone back; somebody has gone back to it."""


@dataclass(frozen=True, slots=True)
class BundleEvent:
    """What happened to a bundle, at a time in UTC; `why` is one sentence for people."""

    at: datetime
    news: BundleNews
    name: str
    version: int
    digest: str
    why: str


@dataclass(frozen=True, slots=True)
class DriftEvent:
    """Words of a station that are said more or less often than before, or as before again, told at a time in UTC.

    `text` says it to people, in the language of the station. `changes` are the surest of `number` changes.
    """

    at: datetime
    station: str
    text: str
    changes: tuple[Change, ...]
    number: int


BoxEvent: TypeAlias = BundleEvent | DriftEvent


@dataclass(frozen=True, slots=True)
class Commands:
    """What others may ask of the box: that a station inspects now, and that it is switched on (True) or off. From any thread, at once."""

    ask: Callable[[TriggerRequest], Taken]
    switch: Callable[[str, bool], None]


@dataclass(frozen=True, slots=True)
class SinkRoute:
    """A sink and the stations that it serves.

    `name` is the kind of output. The spool keeps a cursor per name and station, so that a broker that moved goes on where it stopped.
    `set_status` tells consumers how the box is, `set_troubles` what is wrong with the camera of a station now, where the other side has a
    place for that. `waits` grows while the sink waits for the other side: waiting is no standstill. `reach` raises a DeliveryError
    where the other side is not there, and changes nothing that others see; None: `sink.connect` does so.

    `newest_first` says that a large backlog waits for what is committed next. `replay_requests` gives what the other side has asked for
    since the last call, `answer_replay` tells it how many of these verdicts are still here, or why it is refused.

    `obey` is told what takes commands. `answer` gets each committed inspection that was asked for, beside its delivery. `set_enabled`
    tells consumers whether a station is switched on, since when. `complaint` is one sentence while the other side lets no command through.

    `tell` tells consumers what happens to bundles, and which words have changed, `set_info` what the box is from now on.
    Two routes with the same name and `destination` deliver to the same place. `serve` says that the sink serves other stations from now
    on, and which of them are triggered; these are `stations` and `triggered` of the route that follows.
    """

    name: str
    stations: tuple[str, ...]
    sink: Sink
    set_status: Callable[[BoxStatus], None] | None = None
    set_troubles: Callable[[str, tuple[Trouble, ...]], None] | None = None
    waits: Callable[[], int] = lambda: 0
    reach: Callable[[], None] | None = None
    newest_first: bool = False
    replay_requests: Callable[[], Sequence[ReplayRequest]] = tuple
    answer_replay: Callable[[ReplayRequest, int, str | None], None] = lambda _asked, _found, _refused: None
    obey: Callable[[Commands], None] = lambda _commands: None
    answer: Callable[[Inspection], None] = lambda _inspection: None
    set_enabled: Callable[[str, bool, datetime], None] = lambda _station, _enabled, _since: None
    complaint: Callable[[], str | None] = lambda: None
    tell: Callable[[BoxEvent], None] = lambda _event: None
    set_info: Callable[[Mapping[str, object]], None] = lambda _info: None
    destination: object = None
    triggered: tuple[str, ...] = ()
    serve: Callable[[Sequence[str], Sequence[str]], None] = lambda _stations, _triggered: None


def stations_by_sink(routes: Sequence[SinkRoute]) -> dict[str, tuple[str, ...]]:
    """Map the name of a sink to all of its stations, as `Spool.register_sinks` takes it."""
    return {route.name: tuple(s for other in routes if other.name == route.name for s in other.stations) for route in routes}


def stations_by_destination(pairs: Iterable[tuple[_Settings, str]]) -> dict[_Settings, tuple[str, ...]]:
    """Map each destination to the stations that deliver there; `pairs` are (destination, station name)."""
    groups: dict[_Settings, tuple[str, ...]] = {}
    for destination, name in pairs:
        groups[destination] = (*groups.get(destination, ()), name)
    return groups
