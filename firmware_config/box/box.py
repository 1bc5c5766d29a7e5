"""box.toml: what one box is told to be. Everything else that its system must know is made from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from firmware_config.box.broker import SITE, Broker, LocalBroker, RemoteBroker
from firmware_config.box.cameras import BoxCamera, RtspCamera
from firmware_config.box.network import Clock, Metrics, NamedHost, Network
from firmware_config.box.trial import Trial
from firmware_config.box.values import Name, SafePath
from firmware_config.errors import BoxError, first_mistake
from firmware_config.settings import BoxSettings
from firmware_config.station import TopicSegment
from firmware_config.strict import STRICT, read_values
from firmware_config.toml import parse_toml, read_toml

_DEFAULTS = BoxSettings.model_construct()


class BoxIdentity(BaseModel):
    """Name and place of the box, and where its configuration lies."""

    model_config = STRICT
    name: Name = Field(description="Letters, digits, - and _: a part of the MQTT topics, and its name at a broker. No two boxes have one.")
    site: str = Field(
        pattern=SITE,
        max_length=256,
        description="Site path of the MQTT topics, as `path` of its stations.",
        examples=["enterprise/site/line"],
    )
    board: str = Field(
        default="cpu",
        max_length=256,
        pattern=r"^([A-Za-z0-9_-]+|(/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)+\.toml)$",
        description="The board profile: a name, or the path of a file that ends in .toml.",
    )
    stations_folder: SafePath = Field(default=str(_DEFAULTS.stations), description="The folder of station files.")
    keys_folder: SafePath = Field(default=str(_DEFAULTS.keys), description="The folder of the public keys that bundles are trusted by.")
    log_format: Literal["text", "json"] = Field(
        default=_DEFAULTS.log_format, description=BoxSettings.model_fields["log_format"].description
    )


class StationOfBox(BaseModel):
    """One station of the box, which has a file of its own, and the camera that it looks through."""

    model_config = STRICT
    name: TopicSegment = Field(description="Name of the station, as in its file.", examples=["cell-01"])
    camera: Name = Field(description="Name of its camera, one of [[cameras]].", examples=["cam-01"])


class Storage(BaseModel):
    """What the box may fill of its disk."""

    model_config = STRICT
    spool_max_bytes: int = Field(default=_DEFAULTS.spool_max_bytes, ge=1_000_000, description="Bytes of the spool of verdicts, at most.")
    spool_keep_days: float = Field(default=_DEFAULTS.spool_keep_days, gt=0, description="Days for which delivered verdicts are kept.")
    evidence_folder: SafePath | None = Field(
        default=None, description="Folder of the kept pictures. Unset: beside the spool.", examples=["/data/evidence"]
    )
    evidence_max_bytes: int = Field(default=_DEFAULTS.evidence_max_bytes, ge=1_000_000, description="Bytes of kept pictures, at most.")
    evidence_keep_days: float = Field(default=_DEFAULTS.evidence_keep_days, gt=0, description="Days for which pictures are kept.")
    verdict_files: tuple[SafePath, ...] = Field(
        default=(),
        max_length=64,
        description="Files of JSON lines that stations write ([outputs.jsonl]) and logrotate puts aside; not those that the station itself "
        "puts aside. The box may write into their folders.",
        examples=[["/data/verdicts/line1.jsonl"]],
    )
    verdict_file_max_bytes: int = Field(default=100_000_000, ge=1_000_000, description="Bytes from which such a file is put aside.")
    verdict_files_kept: int = Field(default=30, ge=1, le=10_000, description="How many of each that were put aside are kept, compressed.")
    journal_max_bytes: int = Field(default=200_000_000, ge=16_000_000, description="Bytes of the system's journal, at most.")


class Box(BaseModel):
    """What one box is told to be."""

    model_config = STRICT
    box: BoxIdentity
    stations: tuple[StationOfBox, ...] = Field(min_length=1, max_length=64, description="The stations of the box.")
    cameras: tuple[BoxCamera, ...] = Field(min_length=1, max_length=64, description="The cameras of the box.")
    broker: Broker | None = Field(default=None, description="Where verdicts go over MQTT; unset: nowhere.")
    metrics: Metrics | None = Field(default=None, description="Figures for Prometheus; unset: none.")
    storage: Storage = Storage()
    network: Network = Network()
    clock: Clock = Clock()
    trial: Trial = Trial()
    hosts: tuple[NamedHost, ...] = Field(default=(), max_length=64, description="Other machines that may be talked to.")

    @model_validator(mode="after")
    def _cameras_differ(self) -> Box:
        if (name := _twice([camera.name for camera in self.cameras])) is not None:
            msg = f"cameras: the name {name} is there twice: give each camera its own"
            raise ValueError(msg)
        if (identity := _twice([camera.identity for camera in self.cameras if camera.identity is not None])) is not None:
            names = " and ".join(camera.name for camera in self.cameras if camera.identity == identity)
            msg = f"cameras: {names} both have the {identity}: correct the one that is wrong"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _each_station_has_a_camera_to_itself(self) -> Box:
        if (name := _twice([station.name for station in self.stations])) is not None:
            msg = f"stations: the name {name} is there twice: give each station its own"
            raise ValueError(msg)
        known = [camera.name for camera in self.cameras]
        for station in self.stations:
            if station.camera not in known:
                msg = f"stations: {station.name} names the camera {station.camera}, which is none of [[cameras]]: {', '.join(known)}"
                raise ValueError(msg)
        if (camera := _twice([station.camera for station in self.stations])) is not None:
            names = " and ".join(station.name for station in self.stations if station.camera == camera)
            msg = f"stations: {names} both name the camera {camera}, which gives its pictures to one of them: name another camera"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _ports_differ(self) -> Box:
        taken: dict[tuple[str, int], str] = {}
        for who, protocol, port in self.listening():
            other = taken.setdefault((protocol, port), who)
            if other != who:
                msg = f"port {port} is taken twice, by {other} and by {who}: give one of them another port"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _names_have_addresses(self) -> Box:
        hosts: list[tuple[str, RtspCamera | RemoteBroker]] = [
            (f"camera {camera.name}", camera) for camera in self.cameras if isinstance(camera, RtspCamera)
        ]
        if isinstance(self.broker, RemoteBroker):
            hosts.insert(0, ("broker", self.broker))
        for who, host in hosts:
            if not host.reached:
                msg = f"{who}: the host {host.host} is a name, and a firewall looks no name up: give its addresses as well"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _users_are_not_the_box(self) -> Box:
        if isinstance(self.broker, LocalBroker) and self.box.name in [user.name for user in self.broker.users]:
            msg = f"broker.users: {self.box.name} is the name of the box itself: give the user another one"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _no_box_speaks_for_another(self) -> Box:
        speaks = {(self.box.site, station.name): self.box.name for station in self.stations}
        for user in self.broker.users if isinstance(self.broker, LocalBroker) else ():
            for station in user.stations:
                other = speaks.setdefault((user.site or self.box.site, station), user.name)
                if other != user.name:
                    msg = f"broker.users: {user.name} and {other} both have the station {station}: only one box may send its verdicts"
                    raise ValueError(msg)
        return self

    def listening(self) -> Iterator[tuple[str, str, int]]:
        """The ports on which the box is connected to: who listens, the protocol, the port. Some may be named more than once."""
        if isinstance(self.broker, LocalBroker):
            yield "the broker", "tcp", self.broker.port
            if self.broker.plant is not None:
                yield "the broker's port for other machines", "tcp", self.broker.plant.port
        if self.metrics is not None:
            yield "the metrics", "tcp", self.metrics.port
        for host in self.hosts:
            if host.way == "in":
                # Several hosts may connect to one and the same service.
                yield from (("a service for [[hosts]]", host.protocol, port) for port in host.ports)


def read_box(path: Path) -> Box:
    """Read a box.toml.

    Raises:
        BoxError: the file is missing, too large, not TOML, or has an unknown key or a wrong value.
    """
    try:
        return _box(read_toml(path), source=str(path))
    except OSError as err:
        msg = f"box file {path} cannot be read ({err.strerror}): give the path of an existing file or make one with `kotoba-config box`"
        raise BoxError(msg) from err
    except ValueError as err:
        raise _no_box(path, err) from err


def parse_box(raw: bytes, *, source: str) -> Box:
    """Parse the content of a box.toml; `source` names it in messages.

    Raises:
        BoxError: it is too large, not TOML, or has an unknown key or a wrong value.
    """
    try:
        return _box(parse_toml(raw), source=source)
    except ValueError as err:
        raise _no_box(source, err) from err


def _box(values: dict[str, object], *, source: str) -> Box:
    try:
        return read_values(Box, values)
    except ValidationError as err:
        mistake = first_mistake(err, Box).removeprefix("the file: ")  # of a mistake that lies in no one key
        msg = f"box file {source}: {mistake}: see `kotoba-config schema box`"
        raise BoxError(msg) from err


def _no_box(source: object, err: ValueError) -> BoxError:
    return BoxError(f"box file {source} {err}: give the TOML of one box, as `kotoba-config box` writes it")


def _twice(names: list[str]) -> str | None:
    return next((name for name in names if names.count(name) > 1), None)
