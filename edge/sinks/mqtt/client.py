"""paho's client as box and consumer use it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence

from paho.mqtt.client import Client

from edge.sinks.mqtt.resolver import Address
from edge.sinks.mqtt.sockets import connected_socket


class LookedUpClient(Client):
    """Connects to addresses that were looked up before, with one deadline for all of them."""

    addresses: Sequence[Address] = ()

    def allow_under_way(self, count: int) -> None:
        """Hold more messages back; paho's own setter does so before the broker has said how many it takes."""
        self._max_inflight_messages = count

    def shut_down(self) -> None:
        """End the connection without a word, from any thread; paho's thread notices."""
        sock = self.socket()
        if sock is not None:
            with contextlib.suppress(OSError):
                # Of the plain socket: SSLSocket.shutdown takes the TLS layer away under the feet of paho's thread.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # type: ignore[arg-type]

    def close_sockets(self) -> None:
        """Close also its own pair of sockets, which it keeps as long as somebody refers to it."""
        self._reset_sockets()

    def _create_socket_connection(self) -> socket.socket:
        return connected_socket(self.addresses)
