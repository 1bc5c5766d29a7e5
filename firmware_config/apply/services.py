"""What must be told to the system after files have changed: which commands, in which order."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from firmware_config.errors import ApplyError

LIMIT_S = 120.0

EDGE = "kotoba-edge.service"

Command = tuple[str, ...]

PLACES: tuple[tuple[str, tuple[Command, ...]], ...] = (
    (r"(etc|usr/lib)/sysusers\.d/.*", (("systemd-sysusers",),)),
    (r"(etc|usr/lib)/tmpfiles\.d/.*", (("systemd-tmpfiles", "--create"),)),
    (r"(etc|usr/lib)/modules-load\.d/.*", (("systemctl", "restart", "systemd-modules-load.service"),)),
    (r"(etc|usr/lib)/udev/.*", (("udevadm", "control", "--reload"), ("udevadm", "trigger"))),
    (r"(etc|usr/lib)/systemd/system/.*", (("systemctl", "daemon-reload"),)),
)
"""Users come before files, and files before services."""

SERVICES: tuple[tuple[str, str], ...] = (
    (r"etc/kotoba/nftables\.conf", "kotoba-firewall.service"),
    (r"etc/nftables.*", "nftables.service"),
    (r"etc/systemd/journald\.conf.*", "systemd-journald.service"),
    (r"etc/systemd/timesyncd\.conf.*", "systemd-timesyncd.service"),
    (r"etc/chrony/.*", "chrony.service"),
    (r"etc/mosquitto/.*", "mosquitto.service"),
    (r"etc/kotoba/consume", "kotoba-consume.service"),
    (r"etc/kotoba/(environment|boards/.*|stations/.*|keys/.*)", EDGE),
)
"""Which service reads what lies there; in the order in which they are restarted: the firewall before who listens."""

RELOADED = re.compile(r"etc/kotoba/stations/.*")
"""What kotoba-edge takes over without a restart; it starts where it does not run."""

OF_THE_SYSTEM = ("systemd-timesyncd.service", "nftables.service")
"""What a box may lack: nothing is to be told to a service that is not there."""

UNIT_FOLDERS = ("etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")

FIREWALL_RULES = "etc/kotoba/nftables.conf"
OPEN = ("nft", "add table inet kotoba; delete table inet kotoba")
"""Stopping the firewall opens nothing, so rules that are taken away are unloaded too; `add` lets it succeed where none are loaded."""

NOT_LOADED = 5
"""Exit code of `systemctl stop` for a unit that never ran."""

UNIT = re.compile(r"(?:etc|usr/lib)/systemd/system/([A-Za-z0-9@_.-]+\.(?:service|timer|socket))(\.d/.*)?")


def has_unit(root: Path, name: str) -> bool:
    """Whether the system below a root has a unit."""
    return any((root / folder / name).exists() for folder in UNIT_FOLDERS)


def commands_after(changed: Mapping[str, bool], *, is_there: Callable[[str], bool]) -> list[Command]:
    """The commands that make changed files count, each once.

    `changed` says of each path whether a file lies there now, `is_there` whether the system has a unit.
    """
    before = [each for place, some in PLACES for each in some if any(re.fullmatch(place, path) for path in changed)]
    units = {path: unit for path in changed if (unit := UNIT.fullmatch(path)) is not None}
    own = {unit[1]: changed[path] for path, unit in units.items() if unit[2] is None}
    starts: list[Command] = [("systemctl", "enable" if stays else "stop", name) for name, stays in own.items()]
    if changed.get(FIREWALL_RULES) is False:
        starts.append(OPEN)
    read = [service for place, service in SERVICES if any(re.fullmatch(place, path) for path in changed)]
    known = [service for _, service in SERVICES]
    restarted = {*read, *(unit[1] for unit in units.values())} - {name for name, stays in own.items() if not stays}
    restarted -= {name for name in OF_THE_SYSTEM if not is_there(name)}
    in_order = sorted(restarted, key=lambda name: (known.index(name) if name in known else len(known), name))
    return [*dict.fromkeys(before), *starts, *(("systemctl", _how(name, changed), name) for name in in_order)]


def _how(name: str, changed: Mapping[str, bool]) -> str:
    place = next((place for place, service in SERVICES if service == name), "")
    read = [path for path in changed if re.fullmatch(place, path) or ((unit := UNIT.fullmatch(path)) is not None and unit[1] == name)]
    return "reload-or-restart" if name == EDGE and all(RELOADED.fullmatch(path) for path in read) else "restart"


def run_all(commands: Sequence[Command], *, say: Callable[[str], None]) -> None:
    """Run them one after the other.

    Raises:
        ApplyError: one of them failed; the files stay as they are written.
    """
    for number, command in enumerate(commands):
        text, rest = shlex.join(command), "; ".join(map(shlex.join, commands[number:]))
        say(text)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False, stdin=subprocess.DEVNULL)
        except (OSError, subprocess.TimeoutExpired) as err:
            msg = f"the files are written, but `{text}` cannot be run ({err}): correct that, then run: {rest}"
            raise ApplyError(msg) from err
        never_ran = command[:2] == ("systemctl", "stop") and done.returncode == NOT_LOADED
        if done.returncode and not never_ran:
            said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            msg = f"the files are written, but `{text}` failed ({said}): correct that, then run: {rest}"
            raise ApplyError(msg)
