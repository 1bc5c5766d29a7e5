"""The station file that `kotoba-config new` writes: answers of a person, the template of a bundle, and the descriptions of all keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, TypeAdapter, ValidationError

from firmware_config.cameras import Camera, FolderCamera, RtspCamera, V4l2Camera, VideoCamera
from firmware_config.commented_toml import commented_toml, explained
from firmware_config.errors import StationError, first_mistake
from firmware_config.outputs import MqttOutput
from firmware_config.redact import without_login
from firmware_config.station import Identity, Station
from firmware_config.strict import read_values

CAMERAS: dict[str, type[BaseModel]] = {"folder": FolderCamera, "video": VideoCamera, "v4l2": V4l2Camera, "rtsp": RtspCamera}
"""The kinds of cameras."""

ADDRESSES = {"folder": "path", "video": "path", "v4l2": "device", "rtsp": "url"}
"""The key of each kind that says where the camera is."""

VIDEO_SUFFIXES = frozenset({".avi", ".mkv", ".mov", ".mp4"})
NO_BROKER = "none"
TAKEN_FROM_TEMPLATE = ("picture", "trigger", "labels", "describe", "judge", "rules", "familiarity", "evidence")

CAMERA_HELP = f"rtsp://ADDRESS, a device under /dev, a video ({' '.join(sorted(VIDEO_SUFFIXES))}) or a folder of pictures"
PATH_HELP = "the site path of its topics, such as enterprise/site/area/line"
BROKER_HELP = f"the MQTT broker as HOST or HOST:PORT, or {NO_BROKER}"

BLANK_LABELS = (
    {"name": "good", "meaning": "no defect can be seen", "decision": "ok"},
    {"name": "defective", "meaning": "a defect can be seen", "decision": "ng"},
)
"""Labels of a station that is made without a bundle."""

HEAD = (
    "One inspection point. Check it: `kotoba-config check FILE --bundle DIR`. Try it: `kotoba-edge doctor`.",
    'Lines with "## " explain. Lines with "# " are keys that are not set, with their default or an example.',
    "For an editor that completes keys, beside this file: `kotoba-config schema station > station.schema.json`.",
)
SCHEMA_LINE = "#:schema ./station.schema.json"
"""The directive that editors with a TOML language server (Taplo, Even Better TOML) read: a file beside this one."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a new station is told: `camera`, `path` and `broker` as sections of the file have them, None where nobody said.

    `camera` without an address is a kind alone. An empty `broker` means that there is none.
    """

    camera: Mapping[str, Any] | None = None
    path: str | None = None
    broker: Mapping[str, Any] | None = None
    language: str | None = None

    @property
    def missing(self) -> dict[str, str]:
        """Each option that a station needs and that nobody gave, with what it takes."""
        has_address = self.camera is not None and ADDRESSES[self.camera["kind"]] in self.camera
        wanted = {
            "--camera": (has_address, CAMERA_HELP),
            "--path": (self.path, PATH_HELP),
            "--broker": (self.broker is not None, BROKER_HELP),
        }
        return {option: text for option, (given, text) in wanted.items() if not given}


def camera_of(text: str) -> dict[str, Any]:
    """The [camera] section of what a person calls the camera: an address, a path, or a kind alone.

    Raises:
        ValueError: it is no camera.
    """
    if text in CAMERAS:
        return {"kind": text}
    if "://" in text:
        if "@" in text:
            msg = "a password does not belong into an address: put user:password into a file and name it in camera.password_file"
            raise ValueError(msg)
        return _sound({"kind": "rtsp", "url": text}, text)
    if text.startswith("/dev/"):
        return {"kind": "v4l2", "device": text}
    path = Path(text)
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return {"kind": "video", "path": str(path.absolute())}
    if not text.strip() or not ("/" in text or path.is_dir()):
        shown = without_login(text)
        msg = f"{shown!r} is no camera: give {CAMERA_HELP} (a folder that is not there yet as ./{shown.strip() or 'pictures'})"
        raise ValueError(msg)
    return {"kind": "folder", "path": str(path.absolute())}


def site_path_of(text: str) -> str:
    """Check a site path.

    Raises:
        ValueError: it is none.
    """
    try:
        return Identity(name="cell", path=text).path
    except ValidationError as err:
        msg = f"{text!r} is no site path: give letters, digits, - and _, in parts between slashes, such as enterprise/site/area/line"
        raise ValueError(msg) from err


def broker_of(text: str) -> dict[str, Any]:
    """The [outputs.mqtt] section of HOST or HOST:PORT; empty for "none".

    Raises:
        ValueError: it is neither.
    """
    if text == NO_BROKER:
        return {}
    try:
        parts = urlsplit(f"//{text}")
        given = {"host": parts.hostname, **({} if parts.port is None else {"port": parts.port})}
        if parts.netloc == text and "@" not in text:
            return MqttOutput.model_validate(given).model_dump(mode="json", exclude_unset=True)
    except ValueError:
        pass
    msg = f"{without_login(text)!r} is no broker: give HOST or HOST:PORT (1 to 65535), or {NO_BROKER}"
    raise ValueError(msg)


def station_text(name: str, answers: Answers, template: Station | None = None) -> str:
    """Write a new station file: labels, words and judging of `template`, the placeholders of a blank one without it.

    What nobody answered stands in the file as an example.

    Raises:
        StationError: the template and the answers do not make a station.
    """
    camera = dict(answers.camera or {"kind": "folder"})
    camera.setdefault(ADDRESSES[camera["kind"]], _example(CAMERAS[camera["kind"]], ADDRESSES[camera["kind"]]))
    broker = {"host": _example(MqttOutput, "host")} if answers.broker is None else dict(answers.broker)
    taken = {} if template is None else template.model_dump(mode="json", exclude_unset=True, include=set(TAKEN_FROM_TEMPLATE))
    values = {
        "labels": BLANK_LABELS,
        **taken,
        "station": {
            "name": name,
            "path": answers.path or _example(Identity, "path"),
            **({} if answers.language is None else {"language": answers.language}),
        },
        "camera": camera,
        "outputs": {"mqtt": broker} if broker else {},
    }
    try:
        read_values(Station, values)
    except ValidationError as err:
        msg = f"making station {name}: {first_mistake(err, Station)}: correct the template or the options"
        raise StationError(msg) from err
    head = [SCHEMA_LINE, *(line for paragraph in HEAD for line in explained(paragraph))]
    return "\n".join([*head, "", commented_toml(Station, values)])


def _example(section: type[BaseModel], key: str) -> str:
    return str((section.model_fields[key].examples or [""])[0])


def _sound(camera: dict[str, Any], text: str) -> dict[str, Any]:
    try:
        TypeAdapter(Camera).validate_python(camera)
    except ValidationError as err:
        msg = f"{without_login(text)!r} is no camera: give {CAMERA_HELP}"
        raise ValueError(msg) from err
    return camera
