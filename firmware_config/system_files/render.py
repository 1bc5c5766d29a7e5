"""Every system file of a box from its template. No value can break out of its line: what would is refused, not escaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from jinja2 import BaseLoader, Environment, FileSystemLoader, StrictUndefined

from firmware_config.board import Board
from firmware_config.box import Box
from firmware_config.box.broker import LocalBroker
from firmware_config.box.values import is_ipv6
from firmware_config.errors import BoxError
from firmware_config.system_files.devices import Devices, devices_of
from firmware_config.system_files.flows import addresses_of, flows_of, named
from firmware_config.system_files.folders import folders_of, writable_folders
from firmware_config.system_files.secrets import BROKER, DAEMON, secrets_of
from firmware_config.system_files.topic_rights import topic_rights

TEMPLATES = Path(__file__).parents[1] / "templates"
"""Laid out as on the device; each name ends in .j2."""

IN_ONE_LINE = re.compile(r"[A-Za-z0-9 ,._:/@+#*-]*")
"""What a value may hold: nothing that ends a line, a word in quotes or a rule, and no specifier (%) or variable ($) of systemd."""

MAX_VALUE = 4_096

TRIAL_SHARE = 2
"""Times the board's memory: the bundle that judges, and one on trial beside it."""

Needed = Callable[[Box, Devices], bool]


def _always(box: Box, devices: Devices) -> bool:  # noqa: ARG001 -- one signature for all
    return True


def _with_broker(box: Box, devices: Devices) -> bool:  # noqa: ARG001
    return isinstance(box.broker, LocalBroker)


def _with_devices(box: Box, devices: Devices) -> bool:  # noqa: ARG001
    return any(camera.kind in {"usb", "csi"} for camera in box.cameras)


def _with_chrony(box: Box, devices: Devices) -> bool:  # noqa: ARG001
    return bool(box.clock.servers) and box.clock.program == "chrony"


def _with_modules(box: Box, devices: Devices) -> bool:  # noqa: ARG001
    return bool(devices.modules)


def _with_folders(box: Box, devices: Devices) -> bool:  # noqa: ARG001
    return bool(folders_of(box))


def _with_verdict_files(box: Box, devices: Devices) -> bool:  # noqa: ARG001
    return bool(box.storage.verdict_files)


FILES: Mapping[str, Needed] = {
    "etc/chrony/kotoba.conf": _with_chrony,
    "etc/kotoba/credentials.txt": _always,
    "etc/kotoba/environment": _always,
    "etc/kotoba/nftables.conf": _always,
    "etc/logrotate.d/kotoba": _with_verdict_files,
    "etc/modules-load.d/kotoba.conf": _with_modules,
    "etc/mosquitto/kotoba.acl": _with_broker,
    "etc/mosquitto/kotoba.conf": _with_broker,
    "etc/systemd/journald.conf.d/kotoba.conf": _always,
    "etc/systemd/system/chrony.service.d/kotoba.conf": _with_chrony,
    "etc/systemd/system/kotoba-edge.service.d/box.conf": _always,
    "etc/systemd/system/kotoba-firewall.service": _always,
    "etc/systemd/system/mosquitto.service.d/kotoba.conf": _with_broker,
    "etc/systemd/timesyncd.conf.d/kotoba.conf": _always,
    "etc/tmpfiles.d/kotoba-box.conf": _with_folders,
    "etc/udev/rules.d/70-kotoba-cameras.rules": _with_devices,
}
"""Every file, by its path below the root of the device, and which boxes have it."""


def render_files(box: Box, board: Board) -> dict[str, str]:
    """The system files of a box, by their paths below the root of the device.

    Raises:
        BoxError: a value would end its line or its word in a file.
    """
    devices = devices_of(box, board)
    flows, secrets = flows_of(box), secrets_of(box)
    values = {
        "box": box,
        "board": board,
        "devices": devices,
        "folders": folders_of(box),
        "writable": writable_folders(box),
        "memory_max_mb": TRIAL_SHARE * board.memory_mb,
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
    return {path: templates.get_template(f"{path}.j2").render(values) for path, needed in FILES.items() if needed(box, devices)}


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
    if len(text) > MAX_VALUE or IN_ONE_LINE.fullmatch(text) is None:
        msg = f"rendering system files: the value {text[:80]!r} could end its line in a file: use letters, digits and , . _ : / @ + # * -"
        raise BoxError(msg)
    return text
