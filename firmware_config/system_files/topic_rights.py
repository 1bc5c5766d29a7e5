"""What each user of the broker on the box may write and read: its role's topics and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from firmware_config.box import Box
from firmware_config.box.broker import BrokerUser, LocalBroker

STATION_TELLS = ("verdict", "state", "enabled/state")
STATION_HEARS = ("trigger", "enabled/set")
BOX_TELLS = ("status", "info", "events", "presence")
BOX_HEARS = ("replay",)


@dataclass(frozen=True, slots=True)
class UserRights:
    """A user, why it is there, and its rights as the broker's file has them: (read, write or readwrite, topic)."""

    name: str
    why: str
    rights: tuple[tuple[str, str], ...]


def topic_rights(box: Box, broker: LocalBroker) -> tuple[UserRights, ...]:
    """The rights of the box itself, then of each user."""
    itself = UserRights(box.box.name, "this box", tuple(_of_box(box.box.site, box.box.name, [station.name for station in box.stations])))
    return (itself, *(_of_user(user, box) for user in broker.users))


def _of_user(user: BrokerUser, box: Box) -> UserRights:
    site = user.site or box.box.site
    if user.role == "box":
        rights = _of_box(site, user.name, user.stations)
    elif user.role == "controller":
        rights = _of_controller(site, user.name)
    else:
        rights = _of_consumer(site)
    return UserRights(user.name, user.role, tuple(rights))


def _of_box(site: str, name: str, stations: Sequence[str]) -> Iterator[tuple[str, str]]:
    # It reads its own retained topics too: so it can see that another box has taken its name.
    yield from (("readwrite", f"{site}/{name}/{topic}") for topic in BOX_TELLS)
    yield from (("read", f"{site}/{name}/{topic}") for topic in BOX_HEARS)
    for station in stations:
        yield from (("write", f"{site}/{station}/{topic}") for topic in STATION_TELLS)
        yield from (("read", f"{site}/{station}/{topic}") for topic in STATION_HEARS)
    # Each box answers below its own name, so that none can answer for another.
    yield "write", f"{site}/{name}/answers/#"


def _of_consumer(site: str) -> Iterator[tuple[str, str]]:
    yield from (("read", f"{site}/+/{topic}") for topic in (*STATION_TELLS, *BOX_TELLS))
    yield from (("write", f"{site}/+/{topic}") for topic in BOX_HEARS)


def _of_controller(site: str, name: str) -> Iterator[tuple[str, str]]:
    yield from (("read", f"{site}/+/{topic}") for topic in (*STATION_TELLS, *BOX_TELLS))
    yield from (("write", f"{site}/+/{topic}") for topic in STATION_HEARS)
    yield "read", f"{site}/+/answers/{name}/#"
