"""The broker that a box sends to: one on the box itself, with its users, or one of the plant."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, Field, model_validator

from firmware_config.box.values import Address, Host, Name, Port, is_address
from firmware_config.station import TopicSegment
from firmware_config.strict import STRICT

FIRST_FREE_PORT = 1_024
"""The broker runs without the right to take ports below."""

SITE = r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$"
"""As the path of a station file."""

UnprivilegedPort = Annotated[int, Field(ge=FIRST_FREE_PORT, le=65_535)]


class BrokerUser(BaseModel):
    """Who may log in to the broker on the box, and what for. Its password is made with mosquitto_passwd, never written here."""

    model_config = STRICT
    name: Name = Field(description="Name by which it logs in.", examples=["history"])
    role: Literal["consumer", "controller", "box"] = Field(
        description='"consumer" reads verdicts and asks for lost ones again; "controller" reads them, triggers stations and switches them; '
        '"box" is another box, with `stations` of its own.',
        examples=["consumer"],
    )
    hosts: tuple[Address, ...] = Field(
        default=(),
        max_length=64,
        description="The machines that it connects from. Empty: a program on this box.",
        examples=[["10.20.3.40"]],
    )
    site: str | None = Field(
        default=None,
        pattern=SITE,
        max_length=256,
        description="Site path of its topics. Unset: that of this box.",
        examples=["plant/line1"],
    )
    stations: tuple[TopicSegment, ...] = Field(
        default=(), max_length=64, description='With role = "box": the names of its stations.', examples=[["cell-07"]]
    )

    @model_validator(mode="after")
    def _a_box_has_stations(self) -> BrokerUser:
        if (self.role == "box") != bool(self.stations):
            msg = f'user {self.name}: another box has stations, and nobody else: give role = "box" and stations, or neither'
            raise ValueError(msg)
        return self


class PlantListener(BaseModel):
    """The port on which users from other machines reach the broker on the box. Unset: no other machine reaches it."""

    model_config = STRICT
    port: UnprivilegedPort = Field(default=8_883, description="The port.")
    tls: bool = Field(
        default=True, description="True: with TLS. False: passwords cross the network as they are; only for devices that know no TLS."
    )


class LocalBroker(BaseModel):
    """A broker on the box (mosquitto). Nobody connects without a password, and each user reads and writes what its role needs."""

    model_config = STRICT
    kind: Literal["local"] = Field(description='"local": on the box, with users; "remote": one of the plant.')
    port: UnprivilegedPort = Field(default=1_883, description="Port for the box itself; no other machine can reach it.")
    plant: PlantListener | None = Field(default=None, description="The port for other machines; unset: none.")
    users: tuple[BrokerUser, ...] = Field(default=(), max_length=256, description="Who may log in besides the box itself.")

    @model_validator(mode="after")
    def _users_can_connect(self) -> LocalBroker:
        names, away = [user.name for user in self.users], [user.name for user in self.users if user.hosts]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            msg = f"the user {twice} is there twice: give each its own name"
        elif away and self.plant is None:
            msg = f"user {away[0]} cannot connect from another machine: add [broker.plant], the port for them, or leave out its hosts"
        elif self.plant is not None and not away:
            msg = "[broker.plant] opens a port for nobody: give [[broker.users]] hosts, or leave it out"
        else:
            return self
        raise ValueError(msg)


class RemoteBroker(BaseModel):
    """A broker of the plant."""

    model_config = STRICT
    kind: Literal["remote"] = Field(description='"local": on the box, with users; "remote": one of the plant.')
    host: Host = Field(description="Name or address, as [outputs.mqtt] of the stations has it.", examples=["10.20.0.5"])
    addresses: tuple[Address, ...] = Field(
        default=(), max_length=16, description="Where `host` is a name: its addresses, for the firewall.", examples=[["10.20.0.5"]]
    )
    port: Port = Field(default=8_883, description="Port of the broker.")
    username: Name | None = Field(default=None, description="Name by which the box logs in; unset: none.", examples=["line1-box"])
    client_certificate: bool = Field(
        default=False, description="True: the box proves itself with a certificate; its private key is given to it as a credential."
    )

    @property
    def reached(self) -> tuple[str, ...]:
        """Its addresses."""
        return self.addresses or ((self.host,) if is_address(self.host) else ())


Broker: TypeAlias = Annotated[LocalBroker | RemoteBroker, Field(discriminator="kind")]
