"""A kit on a bare machine without a network: carried in, installed, first verdict, upgraded, removed, purged; each with its checks."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from firmware_config.signature import KEY_SUFFIX
from tests.support.booted_machine import BootedMachine, Ran

PICTURES = "/srv/pictures"
"""Where the program of a camera saves its pictures: it is there before the box."""
STATION = "/etc/kotoba/stations/cell-01.toml"
BOX = """[box]
name = "cell-box"
site = "plant/line1"
board = "cpu"
[[stations]]
name = "cell-01"
camera = "cam-01"
[[cameras]]
kind = "folder"
name = "cam-01"
path = "/srv/pictures"
[broker]
kind = "local"
[[broker.users]]
name = "history"
role = "consumer"
"""
"""A whole box, as its maker wrote it beside the kit."""

LOGIN = 'username = "cell-box"\\npassword_file = "/run/credentials/kotoba-edge.service/mqtt"'
"""What the page of box.toml says of a station of such a box, as `sed` takes it."""

FIRST_VERDICT_S, INSTALL_S = 120.0, 600.0
KEPT = "sha256sum /etc/kotoba/stations/*.toml /etc/kotoba/keys/*.pub /etc/kotoba/kit-keys/*.pem | cut -d' ' -f1"

STOOD_STILL = "journalctl -u kotoba-edge -o short-iso --no-pager | grep -E 'Stopping|Started' | tail -n 2"
"""From when to when the box did not judge."""


@dataclass(slots=True)
class Chapter:
    """One part of the proof: what a person typed, what looked on, the verdicts that came, and what it cost."""

    title: str
    typed: list[Ran] = field(default_factory=list)
    looked: list[Ran] = field(default_factory=list)
    verdicts: list[dict[str, object]] = field(default_factory=list)
    waited_s: float = 0.0
    stood_still_s: int = 0
    disk_mb: int = 0

    @property
    def seconds(self) -> float:
        """Of the commands and of the wait for the verdict, without a person's typing."""
        return sum(ran.seconds for ran in self.typed) + self.waited_s


class ProvedKit:
    """Goes through the chapters on one machine. Every step that fails ends the proof with what it printed."""

    def __init__(self, machine: BootedMachine, *, pictures: list[Path], key: Path) -> None:
        self._machine = machine
        self._pictures = pictures
        self._key = key.with_suffix(KEY_SUFFIX).read_text().strip()
        self._shown = 0
        self._run(f"mkdir {PICTURES}")
        self.empty_mb = machine.used_mb()

    def first(self, kit: Path, *, title: str) -> Chapter:
        """From the bare machine to the first verdict on MQTT."""
        chapter = Chapter(title)
        self._run(f"rm -f {PICTURES}/*")
        carried = self._carry(kit)
        folder = carried.removesuffix(".kit")
        with_broker = "--with mosquitto --with mosquitto-clients"
        new = f"--bundle /var/lib/kotoba/bundles/a --camera {PICTURES} --path plant/line1 --broker localhost --out {STATION}"
        self._type(chapter, f"tar -xf {carried}")
        self._type(chapter, f"{folder}/install.sh --key {self._key} {with_broker}")
        self._type(chapter, f"kotoba-config new cell-01 {new}")
        self._type(chapter, "systemctl enable --now kotoba-edge")
        self._look(chapter, "tail -n +3 /proc/net/dev | cut -d: -f1")
        self._verdict(chapter)
        self._look(chapter, "systemctl is-active mosquitto kotoba-edge")
        self._look(chapter, "kotoba-edge bundle list")
        return self._ended(chapter)

    def upgrade(self, kit: Path, *, before: str, after: str) -> Chapter:
        """The next version by one command, with the installed installer and the key that it knows."""
        chapter = Chapter(f"From version {before} to {after}")
        kept, spool = self._run(KEPT), self._spool()
        carried = self._carry(kit)
        self._type(chapter, f"kotoba-install {carried}")
        self._look(chapter, "dpkg-query -W kotoba-edge")
        self._stood_still(chapter)
        assert self._run(KEPT).output == kept.output, "stations or keys are not what they were"
        self._verdict(chapter)
        now = self._spool()
        assert now["epoch"] == spool["epoch"], (spool, now)
        assert now["rows"] == spool["rows"] + 1, (spool, now)
        self._look(chapter, "systemctl is-active kotoba-edge")
        return self._ended(chapter)

    def refused(self, kit: Path) -> Chapter:
        """An older kit, a damaged one, and one whose key the box does not know: refused, and nothing changes."""
        chapter = Chapter("What it refuses")
        carried = self._carry(kit)
        before = self._run("dpkg-query -W kotoba-edge").output
        self._refuse(chapter, f"kotoba-install {carried}", "is older than the installed")
        self._run(f"cp {carried} damaged.kit; printf x | dd of=damaged.kit bs=1 seek=300000000 conv=notrunc status=none")
        self._refuse(chapter, "kotoba-install damaged.kit", "is not what was signed")
        self._run("mv /etc/kotoba/kit-keys /root/; mkdir /etc/kotoba/kit-keys; openssl genpkey -algorithm ed25519 -out other.pem")
        self._run("openssl pkey -in other.pem -pubout -out /etc/kotoba/kit-keys/other.pem")
        self._refuse(chapter, f"kotoba-install {carried}", "which this box does not know")
        self._run("rm -r /etc/kotoba/kit-keys; mv /root/kit-keys /etc/kotoba/")
        assert self._run("dpkg-query -W kotoba-edge").output == before
        assert self._run("find /var/tmp -maxdepth 1 -name 'kotoba-kit.*'").output == "", "a copy of a refused kit stayed"
        self._look(chapter, "systemctl is-active kotoba-edge")
        return self._ended(chapter)

    def back(self, kit: Path, *, version: str) -> Chapter:
        """The older version by hand."""
        chapter = Chapter(f"Back to version {version}")
        kept = self._run(KEPT)
        carried = self._carry(kit)
        self._type(chapter, f"kotoba-install --downgrade {carried}")
        self._look(chapter, "dpkg-query -W kotoba-edge")
        self._stood_still(chapter)
        assert self._run(KEPT).output == kept.output, "stations or keys are not what they were"
        self._verdict(chapter)
        return self._ended(chapter)

    def from_one_file(self, kit: Path) -> Chapter:
        """The whole box from box.toml: firewall, broker with users, limits of the unit. A person types more: secrets, and two lines."""
        chapter = Chapter("All of a box from one file")
        self._run(f"dpkg -P kotoba-edge mosquitto; rm -rf /etc/mosquitto {PICTURES}/*")
        carried = self._carry(kit)
        (self._machine.root / "root/box.toml").write_text(BOX)
        new = f"--bundle /var/lib/kotoba/bundles/a --camera {PICTURES} --path plant/line1 --broker localhost --out {STATION}"
        for command in (
            f"tar -xf {carried}",
            f"{carried.removesuffix('.kit')}/install.sh --key {self._key} --with mosquitto --with mosquitto-clients --with nftables",
            f"kotoba-config new cell-01 {new}",
            f"sed -i 's|^\\[outputs.mqtt\\]|&\\n{LOGIN}|' {STATION}",
            "cp box.toml /etc/kotoba/",
            "kotoba-config render /etc/kotoba/box.toml --root tree",
            "(umask 077; echo sesame >/etc/kotoba/credentials/mqtt)",
            "mosquitto_passwd -b -c /etc/kotoba/credentials/broker-users cell-box sesame",
            "mosquitto_passwd -b /etc/kotoba/credentials/broker-users history open",
            "kotoba-config apply tree --yes --restart | tail -n 9",
            "systemctl enable --now kotoba-edge",
        ):
            self._type(chapter, command)
        self._verdict(chapter, login="-u history -P open")
        self._refuse(chapter, "mosquitto_sub -t '#' -C 1 -W 5", "not authorised", code=5)
        self._look(chapter, "systemctl is-active mosquitto kotoba-firewall kotoba-edge")
        self._look(chapter, "nft list table inet kotoba | grep hook")
        return self._ended(chapter)

    def away(self) -> Chapter:
        """Removing leaves the data, purging takes them."""
        chapter = Chapter("Removing and purging")
        self._type(chapter, "dpkg -r kotoba-edge")
        self._run("ls /opt/kotoba", code=2)
        self._look(chapter, f"ls -d {STATION} /etc/kotoba/keys/*.pub /var/lib/kotoba/spool.sqlite /var/lib/kotoba/bundles/a")
        self._type(chapter, "dpkg -P kotoba-edge")
        places = "/etc/kotoba /var/lib/kotoba /opt/kotoba /usr/bin/kotoba-edge /usr/lib/systemd/system/kotoba-edge.service"
        gone = self._run(f"ls -d {places}", code=2)
        assert gone.output.count("No such file or directory") == len(places.split()), gone.output
        chapter.looked.append(gone)
        return self._ended(chapter)

    def _verdict(self, chapter: Chapter, *, login: str = "") -> None:
        """Save one picture into the camera's folder, as its program would, and wait for its verdict at the broker."""
        unit = "reader" if login else "listener"
        received = f"/root/{unit}.jsonl"
        if self._machine.run(f"systemctl is-active --quiet {unit}").code != 0:
            self._run(f"systemd-run --unit={unit} sh -c \"exec mosquitto_sub {login} -t 'plant/#' -F %j >>{received}\"")
        picture = self._pictures[self._shown]
        self._shown += 1
        shutil.copyfile(picture, self._machine.root / "root" / picture.name)
        waiting = self._machine.wait_for("systemctl is-active --quiet kotoba-edge", at_most_s=FIRST_VERDICT_S)
        saved = self._run(f"cp {picture.name} {PICTURES}/.part && mv {PICTURES}/.part {PICTURES}/{picture.name}")
        came = self._machine.wait_for(f"grep -q {picture.name} {received}", at_most_s=FIRST_VERDICT_S)
        chapter.looked.append(saved)
        if came.code != 0:
            raise AssertionError(self._machine.run("journalctl -u kotoba-edge -n 60 --no-pager; cat /root/*.jsonl").output)
        lines = [json.loads(line) for line in self._run(f"cat {received}").output.splitlines()]
        payloads = [json.loads(line["payload"]) for line in lines if line["topic"].endswith("/verdict")]
        chapter.verdicts.extend(payload for payload in payloads if payload["source"] == picture.name)
        assert len(chapter.verdicts) == 1, chapter.verdicts
        chapter.waited_s = waiting.seconds + saved.seconds + came.seconds

    def _stood_still(self, chapter: Chapter) -> None:
        self._look(chapter, STOOD_STILL)
        stopped, started = (datetime.fromisoformat(line.split()[0][:19]) for line in chapter.looked[-1].output.splitlines())
        chapter.stood_still_s = int((started - stopped).total_seconds())

    def _spool(self) -> dict[str, int]:
        """What the spool says of itself."""
        status: dict[str, int] = json.loads(self._run("kotoba-edge spool status").output)
        return status

    def _carry(self, kit: Path) -> str:
        """Put the kit where a stick would have been copied; returns its name there."""
        shutil.copyfile(kit, self._machine.root / "root" / kit.name)
        return kit.name

    def _type(self, chapter: Chapter, command: str) -> None:
        chapter.typed.append(self._run(command))

    def _look(self, chapter: Chapter, command: str) -> None:
        chapter.looked.append(self._run(command))

    def _refuse(self, chapter: Chapter, command: str, why: str, *, code: int = 1) -> None:
        ran = self._run(command, code=code)
        assert why in ran.output, ran
        chapter.looked.append(ran)

    def _run(self, command: str, *, code: int = 0) -> Ran:
        ran = self._machine.run(command)
        assert ran.code == code, f"{command} ended with {ran.code}: {ran.output}"
        return ran

    def _ended(self, chapter: Chapter) -> Chapter:
        chapter.disk_mb = self._machine.used_mb()
        return chapter
