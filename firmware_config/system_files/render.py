"""Every system file of a box from its template. No value can break out of its line: what would is refused, not escaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import BaseLoader, Environment, FileSystemLoader, StrictUndefined

from firmware_config.board import Board
from firmware_config.box import Box
from firmware_config.box.broker import LocalBroker
from firmware_config.box.values import is_ipv6
from firmware_config.errors import BoxError
from firmware_config.system_files.devices import Devices, devices_of, has_device_cameras
from firmware_config.system_files.flows import addresses_of, flows_of, named
from firmware_config.system_files.folders import folders_of, writable_folders
from firmware_config.system_files.secrets import BROKER, DAEMON, secrets_of
from firmware_config.system_files.topic_rights import topic_rights

TEMPLATES = Path(__file__).parents[1] / "templates"
"""Laid out as on the device; each name ends in .j2."""

IN_ONE_LINE = re.compile(r"[A-Za-z0-9 ,._:/@+#*-]*")
"""What a value may hold: nothing that ends a line, a word in quotes or a rule, and no specifier (%) or variable ($) of systemd."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What says whether a box has a file."""

    box: Box
    devices: Devices


FILES: Mapping[str, Callable[[_Told], bool]] = {
    "etc/chrony/kotoba.conf": lambda told: told.box.clock.has_chrony,
    "etc/kotoba/credentials.txt": lambda _: True,
    "etc/kotoba/environment": lambda _: True,
    "etc/kotoba/nftables.conf": lambda _: True,
    "etc/logrotate.d/kotoba": lambda told: bool(told.box.storage.verdict_files),
    "etc/modules-load.d/kotoba.conf": lambda told: bool(told.devices.modules),
    "etc/mosquitto/kotoba.acl": lambda told: isinstance(told.box.broker, LocalBroker),
    "etc/mosquitto/kotoba.conf": lambda told: isinstance(told.box.broker, LocalBroker),
    "etc/systemd/journald.conf.d/kotoba.conf": lambda _: True,
    "etc/systemd/system/chrony.service.d/kotoba.conf": lambda told: told.box.clock.has_chrony,
    "etc/systemd/system/kotoba-edge.service.d/box.conf": lambda _: True,
    "etc/systemd/system/kotoba-firewall.service": lambda _: True,
    "etc/systemd/system/mosquitto.service.d/kotoba.conf": lambda told: isinstance(told.box.broker, LocalBroker),
    "etc/systemd/timesyncd.conf.d/kotoba.conf": lambda _: True,
    "etc/tmpfiles.d/kotoba-box.conf": lambda told: bool(folders_of(told.box)),
    "etc/udev/rules.d/70-kotoba-cameras.rules": lambda told: has_device_cameras(told.box),
}
"""Every file, by its path below the root of the device, and which boxes have it."""


def render_files(box: Box, board: Board) -> dict[str, str]:
    """The system files of a box, by their paths below the root of the device.

    Raises:
        BoxError: a value would end its line or its word in a file.
    """
    devices = devices_of(box, board)
    told = _Told(box, devices)
    flows, secrets = flows_of(box), secrets_of(box)
    values = {
        "box": box,
        "board": board,
        "devices": devices,
        "folders": folders_of(box),
        "writable": writable_folders(box),
        "memory_max_mb": board.memory_mb + (box.trial.memory_mb or board.memory_mb),
        "flows": flows,
        "reached": addresses_of(flows, "daemon"),
        "clients": addresses_of(flows, "broker"),
        "named": {family: named(flows, family) for family in ("ip", "ip6")},
        "metrics_host": _metrics_host(box),
        "secrets": secrets,
        "daemon": DAEMON,
        "broker": BROKER,
        "users": topic_rights(box, box.broker) if isinstance(box.broker, LocalBroker) else (),
    }
    templates = templates_of(FileSystemLoader(TEMPLATES))
    return {path: templates.get_template(f"{path}.j2").render(values) for path, needed in FILES.items() if needed(told)}


def templates_of(loader: BaseLoader) -> Environment:
    """Templates in which an unknown name is an error, and a value is on one line."""
    return Environment(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 -- no HTML; `finalize` refuses what would need to be escaped
        finalize=in_one_line,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _metrics_host(box: Box) -> str:
    """Where the metrics listen: every address where other machines read them, which the firewall and the unit narrow."""
    readers = box.metrics.readers if box.metrics is not None else ()
    if not readers:
        return "127.0.0.1"
    return "::" if any(map(is_ipv6, readers)) else "0.0.0.0"  # noqa: S104 -- meant


def in_one_line(value: object) -> str:
    """The text of a value of a template.

    Raises:
        BoxError: it holds what could end its line or its word.
    """
    text = str(value)
    if IN_ONE_LINE.fullmatch(text) is None:
        msg = f"rendering system files: the value {text[:80]!r} could end its line in a file: use letters, digits and , . _ : / @ + # * -"
        raise BoxError(msg)
    return text
