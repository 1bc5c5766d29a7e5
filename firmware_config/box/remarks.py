"""What a person must know of a box that is told right and may still not be meant so."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from firmware_config.box.box import Box
from firmware_config.box.broker import LocalBroker
from firmware_config.box.values import is_address, is_of_the_internet

SSH = 22


def remarks(box: Box, *, addresses: Collection[str]) -> Iterator[str]:
    """The remarks, a sentence each. `addresses` are all that the box may talk to."""
    if not any(host.way == "in" and SSH in host.ports for host in box.hosts):
        cut = "nobody may log in over the network (SSH), and who is logged in now is cut off"
        yield f"{cut}: name who administers the box in [[hosts]], or keep a keyboard beside it"
    for address in dict.fromkeys(addresses):
        if is_of_the_internet(address):
            yield f"{address} is an address of the internet: the box will talk to it"
    if not box.network.name_servers:
        for name in dict.fromkeys(_host_names(box)):
            yield f"{name} is a name and the box may ask no name server: put it into /etc/hosts, or name a name server in [network]"
    idle = {camera.name for camera in box.cameras} - {station.camera for station in box.stations}
    for name in sorted(idle):
        yield f"no station looks through camera {name}"
    if isinstance(box.broker, LocalBroker) and box.broker.plant is not None and not box.broker.plant.tls:
        yield "passwords cross the network as they are: [broker.plant] has tls = false"


def _host_names(box: Box) -> Iterator[str]:
    hosts = [camera.host for camera in box.cameras if camera.kind == "rtsp"]
    if box.broker is not None and box.broker.kind == "remote":
        hosts.append(box.broker.host)
    yield from (host for host in hosts if not is_address(host))
