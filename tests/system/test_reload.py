"""SIGHUP under load: changed station files are taken over while the other stations go on, and bad ones are refused."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import pytest

from tests.support.mosquitto import Mosquitto
from tests.support.reloaded_box import ReloadedBox, build_tiny

STEADY = ("steady-1", "steady-2")
CHANGING = ("changing-1", "changing-2")
EVERYONE = (*STEADY, *CHANGING)
PERIOD_S = 0.03
"""A picture is given to one station after the other."""
MAX_OPEN = 12
"""So many pictures wait for their verdicts at most: what a busy machine cannot judge at once is no fault of a reload."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    started = Mosquitto(tmp_path / "broker", settings=["set_tcp_nodelay true"])
    started.start()
    yield started
    started.kill()


@pytest.fixture
def box(tmp_path: Path, sound: Path, broker: Mosquitto) -> ReloadedBox:
    made = ReloadedBox(tmp_path, sound, broker)
    for name in EVERYONE:
        made.write(name)
    return made


def other_labels(box: ReloadedBox, number: int) -> None:
    box.write("changing-1", meaning=f"no defect, said in the way number {number}")


def another_output(box: ReloadedBox, number: int) -> None:
    box.write("changing-1", sections=f'\n[outputs.jsonl]\npath = "{box.root / "verdicts.jsonl"}"\n', tags=1 + number % 2)


def another_root(box: ReloadedBox, number: int) -> None:
    box.write("changing-2", path=f"plant/line{1 + number % 3}")


def gone(box: ReloadedBox, _: int) -> None:
    (box.stations / "changing-2.toml").unlink(missing_ok=True)


GOOD: tuple[Callable[[ReloadedBox, int], None], ...] = (other_labels, another_output, gone, another_root)
BAD = (
    "[station",
    '[station]\nname = "steady-1"\npath = "plant/line1"\nnaem = "x"\n',
    '[station]\nname = "steady-2"\npath = "plant/line1"\n\n[camera]\nkind = "folder"\npath = "."\n\n[[labels]]\nname = "good"\n',
)


class Feeder:
    """Gives pictures to all stations in turn, in a thread, until it is stopped. `given` are those of each phase."""

    def __init__(self, box: ReloadedBox) -> None:
        self._box, self._stopping = box, threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeder")
        self.phase = "warm"
        self.given: dict[str, list[tuple[str, str]]] = defaultdict(list)

    def __enter__(self) -> Feeder:  # noqa: PYI034 -- Python 3.10 has no typing.Self
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def wait_for_more(self, pictures: int, process: subprocess.Popen[bytes]) -> None:
        """Wait until so many more of this phase have been given, and have verdicts as far as their stations are there."""
        count = len(self.given[self.phase]) + pictures
        self._box.wait_until(lambda: len(self.given[self.phase]) >= count and self._box.open < MAX_OPEN, process)

    def _run(self) -> None:
        for name in cycle(EVERYONE):
            if self._box.open < MAX_OPEN:
                phase = self.phase
                self.given[phase].append(self._box.feed(name))
            if self._stopping.wait(PERIOD_S):
                return


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


@pytest.mark.parametrize(
    "reloads", [pytest.param(20, marks=pytest.mark.long, id="20 reloads"), pytest.param(100, marks=pytest.mark.soak, id="100 reloads")]
)
def test_reloads_under_load_lose_no_verdict_and_stop_no_other_station(
    box: ReloadedBox, reloads: int, record_property: Callable[[str, object], None]
) -> None:
    good, bad = cycle(GOOD), cycle(BAD)
    sound_file = (box.stations / "steady-2.toml").read_text()
    with box.running() as process:
        with Feeder(box) as feeder:
            feeder.wait_for_more(2 * len(EVERYONE), process)  # the first pictures of a start are slow
            for number in range(1, reloads + 1):
                feeder.phase = "idle"  # phases take turns, so that what else the machine does meets both
                feeder.wait_for_more(3 * len(EVERYONE), process)
                if number % 3 == 0:
                    box.put("steady-2", next(bad))
                else:
                    box.put("steady-2", sound_file)
                    next(good)(box, number)
                feeder.phase = "reload"
                box.reload(process)
                feeder.wait_for_more(2 * len(EVERYONE), process)
        for name in EVERYONE:
            box.write(name)
        box.reload(process)
        box.wait_for_verdicts(process)
        box.wait_until(lambda: box.statuses[-1]["state"] == "online", process)
        ended = [line for line in box.log.splitlines() if "camera ended" in line]

    assert box.log.count(" reload refused: ") == reloads // 3
    assert "hung" not in box.log
    assert not [line for line in ended if any(name in line for name in STEADY)], "a station that was not changed was stopped"
    assert any("are not taken over" in (status.get("detail") or "") for status in box.statuses)
    copies = {key: {verdict["id"] for _, verdict in got} for key, got in box.arrived.items()}
    assert copies.keys() == box.sent.keys()
    assert {len(ids) for ids in copies.values()} == {1}, "a picture was judged twice"
    for name in EVERYONE:
        seqs = {verdict["seq"] for (station, _), got in box.arrived.items() if station == name for _, verdict in got}
        assert seqs == set(range(1, len(seqs) + 1))
    idle, during = (box.latencies_ms(STEADY, feeder.given[phase]) for phase in ("idle", "reload"))
    counted = f"{reloads} reloads, {reloads // 3} of them refused, {len(box.sent):,} verdicts: 0 lost, no other station stopped"
    told = ", ".join(
        f"p{share} {percentile(during, share / 100):.0f} ms, idle {percentile(idle, share / 100):.0f} ms" for share in (50, 99)
    )
    record_property("D5", f"{counted}; latency of the others in {len(during)} and {len(idle)} verdicts: {told}")


@pytest.mark.long
def test_doctor_beside_a_box_that_reloads_finds_it_healthy(box: ReloadedBox) -> None:
    command = [str(Path(sys.executable).with_name("kotoba-edge")), "doctor"]
    with box.running() as process:
        with Feeder(box):
            other_labels(box, 1)
            doctor = subprocess.Popen(command, env=box.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            box.reload(process)
            printed, _ = doctor.communicate(timeout=120)
        assert doctor.returncode == 0, printed.decode()
        box.wait_for_verdicts(process)


@pytest.mark.long
def test_systemd_is_told_and_a_changed_instruction_is_a_changed_station(box: ReloadedBox, tmp_path: Path) -> None:
    instruction = tmp_path / "instruction.txt"
    instruction.write_text("Judge: {labels}\n{description}\n")
    box.write("changing-1", sections=f'\n[judge]\ntemplate_file = "{instruction}"\n')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        box.more_environment["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        with box.running() as process:
            box.reload(process)
            instruction.write_text("Judge with care: {labels}\n{description}\n")
            box.reload(process)
        manager.settimeout(0)
        told = []
        with contextlib.suppress(BlockingIOError):
            while True:
                told.append(manager.recv(4096).decode())
    changed = re.findall(r"reloaded changed=(\S+)", box.log)
    assert changed == ["none", "changing-1"]
    steps = [said.partition("\n")[0] for said in told if said.startswith(("READY", "RELOADING", "STOPPING"))]
    assert steps == ["READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]
    assert all("MONOTONIC_USEC=" in said for said in told if said.startswith("RELOADING"))
