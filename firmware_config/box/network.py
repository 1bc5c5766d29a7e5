"""Whom a box may talk to besides its broker and cameras, and whose clock it follows. Everybody else is refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from firmware_config.box.values import Address, Name, Port, SingleAddress
from firmware_config.strict import STRICT


class Metrics(BaseModel):
    """The port on which Prometheus reads how the box is."""

    model_config = STRICT
    port: Annotated[int, Field(ge=1_024, le=65_535)] = Field(description="The port.", examples=[9_108])
    readers: tuple[Address, ...] = Field(
        default=(), max_length=16, description="The machines that read it. Empty: only this box.", examples=[["10.20.0.9"]]
    )


class Network(BaseModel):
    """How the box is in its network."""

    model_config = STRICT
    dhcp: bool = Field(default=False, description="True: the box asks for its address. Better is one that is set by hand.")
    name_servers: tuple[SingleAddress, ...] = Field(
        default=(),
        max_length=4,
        description="Name servers that the box may ask. Empty: none; hosts are given as addresses or stand in /etc/hosts.",
        examples=[["10.20.0.2"]],
    )


class NamedHost(BaseModel):
    """Another machine, or network, that may be talked to: a share with pictures, who administers the box. Nobody else may."""

    model_config = STRICT
    name: Name = Field(description="What it is, for the comment of its rule.", examples=["admin"])
    addresses: tuple[Address, ...] = Field(
        min_length=1, max_length=64, description="Its addresses or networks.", examples=[["10.20.9.0/28"]]
    )
    way: Literal["in", "out"] = Field(description='"in": it connects to the box; "out": the box connects to it.', examples=["in"])
    ports: tuple[Port, ...] = Field(min_length=1, max_length=64, description="The ports that are connected to.", examples=[[22]])
    protocol: Literal["tcp", "udp"] = Field(default="tcp", description="Of the ports.")
    by_daemon: bool = Field(
        default=False, description="True: the daemon itself talks to it, not another program of the box such as a file system."
    )


class Clock(BaseModel):
    """Whose clock the box follows. Without time servers nobody sets it: verdicts keep their order by number, and none is asked."""

    model_config = STRICT
    servers: tuple[SingleAddress, ...] = Field(
        default=(),
        max_length=8,
        description="Addresses of time servers of the plant (NTP). Empty: none.",
        examples=[["10.20.0.3"]],
    )
    program: Literal["timesyncd", "chrony"] = Field(
        default="timesyncd",
        description='Who asks them. "timesyncd" comes with systemd, and verdicts can say that the clock followed it; "chrony" is more '
        "exact, has to be installed, and leaves `clock_synchronised` of verdicts null.",
    )

    @property
    def has_chrony(self) -> bool:
        """Whether chrony sets the clock."""
        return bool(self.servers) and self.program == "chrony"
