"""Who talks to whom: everything that the firewall lets through, and which service of the box is the end of it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, TypeAlias

from firmware_config.box import Box
from firmware_config.box.broker import LocalBroker
from firmware_config.box.cameras import BoxCamera
from firmware_config.box.values import is_ipv6

DNS, NTP, GVCP = 53, 123, 3_956
"""Well-known ports: name servers, time servers, the control of GigE Vision cameras."""

FREE_PORTS = "1024-65535"
"""Where a camera sends its pictures to: the box chooses a free port for each stream."""


Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

Service = Literal["daemon", "broker", "other"]
"""kotoba-edge, mosquitto, or another program of the box."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Connections of one kind. `ports` are those that are connected to, `service` is their end on the box."""

    way: Literal["in", "out"]
    addresses: tuple[str, ...]
    protocol: Literal["tcp", "udp"]
    ports: str
    why: str
    service: Service = "daemon"

    def of_family(self, family: str) -> tuple[str, ...]:
        """The addresses of a family, "ip" or "ip6" as nftables calls them."""
        return _merged(self.addresses, family)


def flows_of(box: Box) -> tuple[Flow, ...]:
    """All flows of a box, loopback apart."""
    return tuple(chain(_of_broker(box), *map(_of_camera, box.cameras), _of_services(box), _of_hosts(box)))


def addresses_of(flows: Sequence[Flow], service: Service) -> tuple[str, ...]:
    """The addresses that a service may talk to, each once."""
    return tuple(dict.fromkeys(address for flow in flows if flow.service == service for address in flow.addresses))


def named(flows: Sequence[Flow], family: str) -> tuple[str, ...]:
    """All addresses of a family."""
    return _merged((address for flow in flows for address in flow.addresses), family)


def _merged(addresses: Iterable[str], family: str) -> tuple[str, ...]:
    """Those of a family, each once and without those that lie in another: nftables takes no set with overlaps."""
    networks = {ipaddress.ip_network(address): address for address in addresses if is_ipv6(address) == (family == "ip6")}
    return tuple(address for one, address in networks.items() if not any(_lies_in(one, other) for other in networks if other != one))


def _lies_in(one: Network, other: Network) -> bool:
    return other.prefixlen <= one.prefixlen and one.network_address in other


def _of_broker(box: Box) -> Iterator[Flow]:
    broker = box.broker
    if broker is None:
        return
    if isinstance(broker, LocalBroker):
        if broker.plant is not None:
            for user in [user for user in broker.users if user.hosts]:
                yield Flow("in", user.hosts, "tcp", str(broker.plant.port), f"broker for {user.role} {user.name}", service="broker")
    else:
        yield Flow("out", broker.reached, "tcp", str(broker.port), "broker")


def _of_camera(camera: BoxCamera) -> Iterator[Flow]:
    if camera.kind == "rtsp":
        yield Flow("out", camera.reached, "tcp", str(camera.port), f"camera {camera.name}")
        if camera.transport == "udp":
            yield Flow("in", camera.reached, "udp", FREE_PORTS, f"pictures of camera {camera.name}")
            yield Flow("out", camera.reached, "udp", FREE_PORTS, f"reports to camera {camera.name}")
    elif camera.kind == "gige":
        yield Flow("out", (camera.address,), "udp", str(GVCP), f"camera {camera.name}")
        yield Flow("in", (camera.address,), "udp", FREE_PORTS, f"pictures of camera {camera.name}")


def _of_services(box: Box) -> Iterator[Flow]:
    if box.metrics is not None and box.metrics.readers:
        yield Flow("in", box.metrics.readers, "tcp", str(box.metrics.port), "metrics")
    if box.network.name_servers:
        yield Flow("out", box.network.name_servers, "udp", str(DNS), "name server")
        yield Flow("out", box.network.name_servers, "tcp", str(DNS), "name server")
    if box.clock.servers:
        yield Flow("out", box.clock.servers, "udp", str(NTP), "time server", service="other")


def _of_hosts(box: Box) -> Iterator[Flow]:
    for host in box.hosts:
        ports = ", ".join(str(port) for port in sorted(set(host.ports)))
        yield Flow(host.way, host.addresses, host.protocol, ports, f"host {host.name}", service="daemon" if host.by_daemon else "other")
