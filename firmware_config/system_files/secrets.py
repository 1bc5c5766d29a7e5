"""The secrets that a box needs: where a person puts each, and which service gets it. Their content is never known here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from firmware_config.box import Box
from firmware_config.box.broker import LocalBroker

DAEMON, BROKER = "kotoba-edge.service", "mosquitto.service"
FOLDER = "/etc/kotoba/credentials"


@dataclass(frozen=True, slots=True)
class Secret:
    """One file below FOLDER, root's own, mode 0400; systemd hands a copy to its service alone."""

    name: str
    service: str
    what: str
    how: str

    @property
    def stored(self) -> str:
        """Where a person puts it."""
        return f"{FOLDER}/{self.name}"

    @property
    def handed(self) -> str:
        """Where its service reads it."""
        return f"/run/credentials/{self.service}/{self.name}"


def secrets_of(box: Box) -> tuple[Secret, ...]:
    """All secrets of a box."""
    return (*_of_broker(box), *_of_cameras(box))


def _of_broker(box: Box) -> Iterator[Secret]:
    broker = box.broker
    if isinstance(broker, LocalBroker):
        yield Secret("mqtt", DAEMON, f"the password of {box.box.name} at the broker", "one line")
        names = ", ".join([box.box.name, *(user.name for user in broker.users)])
        make = f"mosquitto_passwd -c {FOLDER}/broker-users NAME for the first, then without -c for each: {names}"
        yield Secret("broker-users", BROKER, "names and hashed passwords of all users", make)
        if broker.plant is not None and broker.plant.tls:
            yield Secret("broker.crt", BROKER, "the certificate of the broker, and those that it leads to", "PEM, from your authority")
            yield Secret("broker.key", BROKER, "the private key of broker.crt", "PEM, without a passphrase")
    elif broker is not None:
        if broker.username is not None:
            yield Secret("mqtt", DAEMON, f"the password of {broker.username} at the broker", "one line")
        if broker.client_certificate:
            yield Secret("tls.key", DAEMON, "the private key of the certificate of the box", "PEM, without a passphrase")


def _of_cameras(box: Box) -> Iterator[Secret]:
    for camera in box.cameras:
        if camera.kind == "rtsp" and camera.login:
            yield Secret(f"camera-{camera.name}", DAEMON, f"the login of camera {camera.name}", "one line, user:password")
