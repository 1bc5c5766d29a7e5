"""What must be told to the system after files have changed: which commands, in which order."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Sequence

from firmware_config.errors import ApplyError

LIMIT_S = 120.0

Command = tuple[str, ...]

PLACES: tuple[tuple[str, tuple[Command, ...]], ...] = (
    (r"(etc|usr/lib)/sysusers\.d/.*", (("systemd-sysusers",),)),
    (r"(etc|usr/lib)/tmpfiles\.d/.*", (("systemd-tmpfiles", "--create"),)),
    (r"(etc|usr/lib)/udev/.*", (("udevadm", "control", "--reload"), ("udevadm", "trigger"))),
    (r"(etc|usr/lib)/systemd/system/.*", (("systemctl", "daemon-reload"),)),
    (r"etc/nftables.*", (("systemctl", "restart", "nftables.service"),)),
    (r"etc/(systemd/timesyncd.*)", (("systemctl", "restart", "systemd-timesyncd.service"),)),
    (r"etc/(chrony/.*)", (("systemctl", "restart", "chrony.service"),)),
    (r"etc/(mosquitto/.*)", (("systemctl", "restart", "mosquitto.service"),)),
    (r"etc/kotoba/consume", (("systemctl", "restart", "kotoba-consume.service"),)),
    (r"etc/kotoba/(?!consume$).*", (("systemctl", "restart", "kotoba-edge.service"),)),
)
"""In the order in which the commands must run: users before files, files before services, the firewall before who listens."""

UNIT = re.compile(r"(?:etc|usr/lib)/systemd/system/([A-Za-z0-9@_.-]+\.(?:service|timer|socket))(?:\.d/.*)?")


def commands_after(paths: Sequence[str]) -> list[Command]:
    """The commands that make changed files count, each once."""
    commands = [each for place, some in PLACES for each in some if any(re.fullmatch(place, path) for path in paths)]
    return list(dict.fromkeys([*commands, *_restarts(paths)]))


def run_all(commands: Sequence[Command], *, say: Callable[[str], None]) -> None:
    """Run them one after the other.

    Raises:
        ApplyError: one of them failed; the files stay as they are written.
    """
    for command in commands:
        text = " ".join(command)
        say(text)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False, stdin=subprocess.DEVNULL)
        except (OSError, subprocess.TimeoutExpired) as err:
            msg = f"the files are written, but `{text}` cannot be run ({err}): run it, and those after it, by hand"
            raise ApplyError(msg) from err
        if done.returncode:
            said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            msg = f"the files are written, but `{text}` failed ({said}): correct that and run it, and those after it, by hand"
            raise ApplyError(msg)


def _restarts(paths: Sequence[str]) -> Iterator[Command]:
    for path in paths:
        unit = UNIT.fullmatch(path)
        if unit is not None:
            yield ("systemctl", "restart", unit[1])
