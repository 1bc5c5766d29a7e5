"""How a broker is reached: by addresses that were looked up before, without Nagle's delay, and by TLS that proves who it is."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Sequence

from edge.sinks.mqtt.resolver import Address
from firmware_config.outputs import MqttTls

CONNECT_S = 5.0
"""For the look-up, TCP to all addresses together, TLS, CONNACK and SUBACK each."""


def connected_socket(addresses: Sequence[Address]) -> socket.socket:
    """Connect to the first address that answers.

    Raises:
        OSError: none does within `CONNECT_S`.
    """
    until, failure = time.monotonic() + CONNECT_S, OSError("no address")
    for left, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as err:  # a kernel without IPv6
            failure = err
            continue
        try:
            sock.settimeout(max(0.1, (until - time.monotonic()) / left))
            # Else a message or an acknowledgement that follows others at once waits for the broker's delayed acknowledgement by TCP: 40 ms.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
        except OSError as err:
            sock.close()
            failure = err
        else:
            return sock
    raise failure


class _TlsSocket(ssl.SSLSocket):
    """Closes itself when the handshake fails: paho forgets the socket then, and a broker that is not trusted is tried for ever."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 -- as in ssl
        self.settimeout(CONNECT_S)  # paho's is the keepalive, up to an hour
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def tls_context(tls: MqttTls) -> ssl.SSLContext:
    """The context for a broker that must prove who it is.

    Raises:
        OSError: a file cannot be read, or does not hold what it should (ssl.SSLError).
    """
    context = ssl.create_default_context(cafile=tls.ca_file)
    context.sslsocket_class = _TlsSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.cert_file is not None:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context
