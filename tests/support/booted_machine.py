"""A Debian 12 with a real systemd and no network, as bare as its bootstrap leaves it: a container that has a loopback and nothing more."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from typing_extensions import Self

PROGRAMS = ("mmdebstrap", "systemd-nspawn", "nsenter", "unshare")
INCLUDED = "systemd,systemd-sysv,systemd-timesyncd,openssl"
"""Beside dpkg, apt and what is essential; Debian's installer leaves more. Not Python, not mosquitto, no library of the program."""

BOOT_S, COMMAND_S = 60.0, 600.0
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8", "TERM": "dumb"}
# systemd-nspawn wants a /run in memory, which a container's host may not have; no registration: there may be no systemd outside.
BOOT = """mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir /run/systemd &&
exec systemd-nspawn --quiet --directory "$0" --boot --private-network --register=no --keep-unit --console=pipe"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command printed, how it ended and how long it took."""

    command: str
    code: int
    output: str
    seconds: float


def missing_programs() -> list[str]:
    """What this machine lacks to boot another one."""
    found = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [name for name in PROGRAMS if shutil.which(name, path=found) is None] + ([] if os.geteuid() == 0 else ["root"])


def bootstrap(archive: Path) -> None:
    """Make the machine's disk as a tar, from Debian's registry."""
    command = [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        f"--include={INCLUDED}",
        "bookworm",
        str(archive),
        "http://deb.debian.org/debian",
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=1_800)


class BootedMachine:
    """One machine on the disk `root`, made from the tar of `bootstrap`. Use it as a context: it is booted inside, and off afterwards."""

    def __init__(self, archive: Path, root: Path) -> None:
        root.mkdir(parents=True)
        subprocess.run(["tar", "-xf", str(archive), "-C", str(root)], check=True, timeout=COMMAND_S)
        (root / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")  # Debian's installer writes it
        self.root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0

    def __enter__(self) -> Self:
        with (self.root.parent / "console").open("wb") as console:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", BOOT, str(self.root)], stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )
        self._leader = self._booted(self._process.pid)
        self.run("systemctl is-system-running --wait")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.run("systemctl poweroff")
            self._process.wait(BOOT_S)

    def run(self, command: str) -> Ran:
        """Run a line as root's shell there would."""
        began = time.monotonic()
        done = subprocess.run(
            ["nsenter", "--target", str(self._leader), "--all", "--root", "--wd", "sh", "-c", f"cd /root; {command}"],
            env=ENVIRONMENT, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=COMMAND_S, check=False,
        )  # fmt: skip
        return Ran(command, done.returncode, done.stdout.decode(errors="replace"), time.monotonic() - began)

    def wait_for(self, command: str, *, at_most_s: float) -> Ran:
        """Run a line until it succeeds."""
        until, pause = time.monotonic() + at_most_s, threading.Event()
        while (ran := self.run(command)).code != 0 and time.monotonic() < until:
            pause.wait(0.2)
        return ran

    def used_mb(self) -> int:
        """What its disk holds."""
        listed = subprocess.run(["du", "-sxk", str(self.root)], capture_output=True, text=True, check=True, timeout=COMMAND_S)
        return int(listed.stdout.split()[0]) // 1000

    def _booted(self, outside: int) -> int:
        """The process that is number 1 inside, once there is one."""
        until, pause = time.monotonic() + BOOT_S, threading.Event()
        while time.monotonic() < until:
            for process in psutil.Process(outside).children(recursive=True):
                status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
                inside = next((line.split()[-1] for line in status.splitlines() if line.startswith("NSpid:")), "")
                if inside == "1" and process.name() == "systemd":
                    return int(process.pid)
            pause.wait(0.1)
        console = (self.root.parent / "console").read_text(errors="replace")
        msg = f"the machine did not boot in {BOOT_S:.0f} s: {console[-500:]}"
        raise AssertionError(msg)
