"""box.toml against the station files of the box: what the one names and the other does not would be kept out by the firewall."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from typing_extensions import assert_never

from firmware_config import cameras
from firmware_config.box.box import Box
from firmware_config.box.broker import LocalBroker, RemoteBroker
from firmware_config.box.cameras import BoxCamera, CsiCamera, FolderCamera, GigeCamera, RtspCamera, UsbCamera
from firmware_config.errors import BoxError
from firmware_config.outputs import JsonlOutput, MqttOutput
from firmware_config.station import Station

LOOPBACK = ("localhost", "127.0.0.1")
RTSP_PORT = 554
STATE = "/var/lib/kotoba"


def require_agreement(box: Box, stations: Mapping[Path, Station]) -> None:
    """Check that the station files are those of the box, and that each one's camera and broker are named in its box.toml.

    Raises:
        BoxError: the first thing that they say otherwise.
    """
    cameras_of = {station.name: camera for station in box.stations for camera in box.cameras if camera.name == station.camera}
    seen: dict[str, Path] = {}
    for path, station in stations.items():
        name = station.station.name
        if name not in cameras_of:
            listed = ", ".join(cameras_of)
            msg = f"station file {path}: box.toml has no station {name}, only {listed}: add it to [[stations]], or take the file away"
            raise BoxError(msg)
        if (other := seen.setdefault(name, path)) != path:
            msg = f"station file {path}: {other} has the name {name} too: give each station its own"
            raise BoxError(msg)
        if station.station.path != box.box.site:
            msg = f"station file {path}: path is {station.station.path}, and the site of the box is {box.box.site}: make them the same"
            raise BoxError(msg)
        for difference in (
            _of_camera(station, cameras_of[name]),
            _of_broker(station.outputs.mqtt, box),
            _of_file(station.outputs.jsonl, box),
        ):
            if difference is not None:
                msg = f"station file {path}: {difference}"
                raise BoxError(msg)


def _of_camera(station: Station, camera: BoxCamera) -> str | None:
    """What differs about the camera, None where all is the same."""
    match camera:
        case UsbCamera() | CsiCamera():
            return _of_device(station, camera)
        case RtspCamera():
            return _of_stream(station, camera)
        case FolderCamera():
            return _of_folder(station, camera)
        case GigeCamera():
            return None  # no key of a station says which one it is
        case _:
            assert_never(camera)


def _of_device(station: Station, camera: UsbCamera | CsiCamera) -> str | None:
    said, device = station.camera, f"/dev/kotoba/{camera.name}"
    if said.kind == "v4l2" and str(said.device) == device:
        return None
    return f'camera {camera.name} of box.toml is {camera.kind}: set kind = "v4l2" and device = "{device}"'


def _of_stream(station: Station, camera: RtspCamera) -> str | None:
    said = station.camera
    where = urlsplit(said.url) if said.kind == "rtsp" else None
    agrees = where is not None and (where.hostname, where.port or RTSP_PORT) == (camera.host.lower(), camera.port)
    if not agrees or said.kind != "rtsp":
        return f"its camera is not {camera.name} of box.toml, rtsp://{camera.host}:{camera.port}: correct the one that is wrong"
    if said.transport != camera.transport:
        return f'transport is "{said.transport}", and that of camera {camera.name} in box.toml is "{camera.transport}": make them the same'
    if camera.login != (said.password_file is not None):
        return f"password_file and login of camera {camera.name} in box.toml belong together: give both or none"
    return None


def _of_folder(station: Station, camera: FolderCamera) -> str | None:
    said = station.camera
    if not isinstance(said, cameras.FolderCamera | cameras.VideoCamera) or Path(camera.path) not in (said.path, *said.path.parents):
        return f"its camera is not {camera.name} of box.toml, the folder {camera.path}: correct the one that is wrong"
    if said.kind == "folder" and said.after != "leave" and not camera.may_change:
        return f'after = "{said.after}" needs may_change = true of camera {camera.name} in box.toml: the box may not write there'
    return None


def _of_file(said: JsonlOutput | None, box: Box) -> str | None:
    """What is wrong with the station's file of verdicts, None where the box may write it and one alone puts it aside."""
    if said is None:
        return None
    is_rotated = str(said.path) in box.storage.verdict_files
    if is_rotated and said.max_bytes is not None:
        return f"{said.path} has max_bytes and is one of [storage] verdict_files of box.toml, so two would put it aside: leave out one"
    if is_rotated or said.path.is_relative_to(STATE):
        return None
    return f"the box may not write {said.path}: choose a file below {STATE}, or name it in [storage] verdict_files of box.toml"


def _of_broker(said: MqttOutput | None, box: Box) -> str | None:
    """What differs about the broker, None where all is the same."""
    broker = box.broker
    if said is None:
        return None
    if broker is None:
        return f"it sends to the broker {said.host}, and box.toml has no [broker]: add it, or leave out [outputs.mqtt]"
    user = box.box.name if isinstance(broker, LocalBroker) else broker.username
    elsewhere = _where_it_is(said, broker)
    if elsewhere is not None:
        return elsewhere
    if said.username != user or (said.password_file is None) != (user is None):
        wanted = f'username = "{user}" and password_file' if user else "no username and no password_file"
        return f"the broker of box.toml takes {wanted} in [outputs.mqtt], got username {said.username!r}"
    return None


def _where_it_is(said: MqttOutput, broker: LocalBroker | RemoteBroker) -> str | None:
    if isinstance(broker, LocalBroker):
        if said.host in LOOPBACK and said.port == broker.port and said.tls is None:
            return None
        return f'the broker of box.toml is on the box: set host = "localhost" and port = {broker.port} in [outputs.mqtt], without tls'
    if (said.host, said.port) != (broker.host, broker.port):
        return f"it sends to the broker {said.host}:{said.port}, and that of box.toml is {broker.host}:{broker.port}"
    has_key = said.tls is not None and said.tls.key_file is not None
    if has_key != broker.client_certificate:
        return "key_file of [outputs.mqtt.tls] and client_certificate of [broker] in box.toml belong together: give both or none"
    return None
