"""How a test's MQTT client ends."""

from __future__ import annotations

from paho.mqtt.client import Client


def end(client: Client) -> None:
    """Say goodbye and close all sockets; a client keeps a pair of its own as long as somebody refers to it."""
    client.disconnect()
    client.loop_stop()
    client._reset_sockets()  # noqa: SLF001 -- there is no other way
