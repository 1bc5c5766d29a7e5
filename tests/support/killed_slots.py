"""Run by tests/edge/slots/test_killed_slots.py: each step of the bundle slots is killed at its disk calls, or they fail.

Afterwards the box is started as the daemon starts: what runs must be a whole bundle that it takes. Prints one JSON object.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.bundle.open import open_bundle
from edge.errors import BundleError
from edge.slots.slots import Downgrade, Slots
from edge.slots.state import SLOTS
from firmware_config.errors import ManifestError
from firmware_config.signature import key_id, public_key
from tests.faults.call_index import FAULTS, KILL, Fault, armed
from tests.support.slots import OTHER_KEY, OTHER_TRUSTED, archive, bundle_folder
from tests.support.tiny_bundle import KEY, TRUSTED

BOTH = TRUSTED | OTHER_TRUSTED
NAMES = {*SLOTS, "state.json", ".lock", ".install-lock"}
Act = Callable[[Slots, Path], object]


def put(version: int, downgrade: Downgrade | None = None) -> Act:
    return lambda slots, stick: slots.install(stick / f"v{version}.kbundle", trusted=BOTH, downgrade=downgrade)


def run(version: int) -> Act:
    """Install a version and let it run."""

    def act(slots: Slots, stick: Path) -> None:
        put(version)(slots, stick)
        slots.ask()
        if slots.read().wanted is not None:
            slots.begin_trial()
            slots.make_good()
        state = slots.read()
        assert state.running is not None
        slots.accepted.accept(slots.manifest_in(state, state.running))

    return act


ask: Act = lambda slots, _: slots.ask()  # noqa: E731 -- a row of a table
begin: Act = lambda slots, _: slots.begin_trial()  # noqa: E731
good: Act = lambda slots, _: slots.make_good()  # noqa: E731
back: Act = lambda slots, _: slots.go_back("it differs")  # noqa: E731
rollback: Act = lambda slots, _: slots.rollback("it overlooks scratches")  # noqa: E731
attempt: Act = lambda slots, _: slots.note_attempt()  # noqa: E731
tidy: Act = lambda slots, _: slots.tidy()  # noqa: E731


def leave_rubbish(slots: Slots, stick: Path) -> None:
    shutil.copytree(stick / "v3", slots.root / "staging-x" / "bundle")
    (slots.root / ".state.json.abc").write_bytes(b"{")


@dataclass(frozen=True)
class Scenario:
    """What went before, the step that is killed, and the versions that may run afterwards; None: none runs yet."""

    name: str
    before: Sequence[Act]
    act: Act
    may_run: tuple[int | None, ...]


SCENARIOS = [
    Scenario("the first install", [], put(1), (None,)),
    Scenario("the first activate", [put(1)], ask, (None, 1)),
    Scenario("install of an archive", [run(1)], put(2), (1,)),
    Scenario("install of a folder", [run(1)], lambda slots, stick: slots.install(stick / "v2", trusted=BOTH), (1,)),
    Scenario("install over the one before", [run(1), run(2)], put(3), (2,)),
    Scenario("install over what is wanted", [run(1), put(2), ask], put(3), (1,)),
    Scenario("activate", [run(1), put(2)], ask, (1,)),
    Scenario("begin of a trial", [run(1), put(2), ask], begin, (1,)),
    Scenario("another attempt", [run(1), put(2), ask, begin], attempt, (1,)),
    Scenario("end of a trial", [run(1), put(2), ask, begin], good, (1, 2)),
    Scenario("end of the trial of an older one", [run(2), put(1, Downgrade("the old part again")), ask, begin], good, (2, 1)),
    Scenario("end of a trial that revokes a key", [run(1), put(4), ask, begin], good, (1, 4)),
    Scenario("return from a trial", [run(1), put(2), ask, begin], back, (1,)),
    Scenario("rollback", [run(1), run(2)], rollback, (2, 1)),
    Scenario("rollback in a trial", [run(1), put(2), ask, begin], rollback, (1,)),
    Scenario("tidying up", [run(1), run(2), leave_rubbish], tidy, (2,)),
]


def look(folder: Path, may_run: tuple[int | None, ...], keys: Mapping[str, bytes] = BOTH) -> str:
    """Start the box as the daemon does, and say what is wrong; empty if nothing is."""
    slots = Slots(folder / "bundles")
    try:
        if slots.root.is_dir() and slots.read().trial is not None:
            slots.go_back("its trial was cut off")
        slots.tidy()
        state = slots.read()
        version = None
        if state.running is not None:
            trusted = slots.trusted(keys)
            require = slots.require_not_older(state.running)
            version = open_bundle(slots.running_bundle(), trusted=trusted, require=require).manifest.bundle_version
        for name in SLOTS:
            slot = state.slot(name)
            if slot is None and slots.path(name).exists():
                return f"slot {name} holds what the state does not name"
            if slot is not None and open_bundle(slots.path(name), trusted=keys).digest != slot.digest:
                return f"slot {name} is mixed"
    except (BundleError, ManifestError) as err:
        return str(err)
    left = {path.name for path in slots.root.iterdir()} - NAMES if slots.root.is_dir() else set()
    if left:
        return f"{sorted(left)} are left"
    return "" if version in may_run else f"version {version} runs"


def killed(act: Callable[[], object], *, after_s: float | None = None) -> bool:
    """Whether a child that acts was killed: by its own fault, or after a while. An error that is no sentence ends this process."""
    child = os.fork()
    if child == 0:
        try:
            act()
        except BaseException:  # noqa: BLE001 -- the top of a process
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if after_s is not None:
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    assert os.waitstatus_to_exitcode(status) <= 0, "an error that is no sentence: see above"
    return os.WIFSIGNALED(status)


def goes_on(folder: Path, stick: Path, keys: Mapping[str, bytes] = BOTH) -> str:
    """After whatever was killed, the next bundle can be installed and run."""
    slots = Slots(folder / "bundles")
    try:
        slots.install(stick / "v9.kbundle", trusted=keys)
        slots.ask()
        if slots.read().wanted is not None:
            slots.begin_trial()
            slots.make_good()
    except BundleError as err:
        return f"it does not go on: {err}"
    return look(folder, (9,), keys)


def at_calls(root: Path, stick: Path, scenario: Scenario, step: int, fault: Fault) -> dict[str, object]:
    """Kill at every `step`th disk call of a step, or let the call fail: then a sentence is all that is said."""
    whole = root / "whole"
    whole.mkdir()
    for before in scenario.before:
        before(Slots(whole / "bundles"), stick)
    shutil.copytree(whole, root / "count")
    with armed(root / "count", fault, at=None) as counter:
        scenario.act(Slots(root / "count" / "bundles"), stick)
    calls, wrong, kills = counter.count, list[str](), 0
    for at in range(0, calls, step):
        folder = root / f"at{at}"
        shutil.copytree(whole, folder)

        def act(folder: Path = folder, at: int = at) -> None:
            with armed(folder, fault, at=at), contextlib.suppress(BundleError):
                scenario.act(Slots(folder / "bundles"), stick)

        kills += killed(act)
        said = look(folder, scenario.may_run) or goes_on(folder, stick)
        wrong += [f"{scenario.name}, killed at call {at}: {said}"] if said else []
        shutil.rmtree(folder)
    shutil.rmtree(root / "count")
    shutil.rmtree(whole)
    return {"calls": calls, "kills": kills, "wrong": wrong}


def at_moments(root: Path, stick: Path, kills: int) -> dict[str, object]:
    """Kill a life of installs, trials and rollbacks at moments of its own."""
    dice, wrong, folder = random.Random(1), list[str](), root / "life"
    folder.mkdir()
    run(1)(Slots(folder / "bundles"), stick)

    def live() -> None:
        slots = Slots(folder / "bundles")
        dice = random.Random(time.monotonic_ns())
        while True:
            version = dice.choice([1, 2, 3])
            steps: list[Act] = [put(version, Downgrade("any")), ask, begin, attempt, dice.choice([good, back]), rollback, tidy]
            for step in steps:
                try:
                    step(slots, stick)
                except BundleError:
                    continue

    for number in range(kills):
        killed(live, after_s=dice.uniform(0.001, 0.12))
        said = look(folder, (1, 2, 3))
        wrong += [f"kill {number}: {said}"] if said else []
    return {"calls": kills, "kills": kills, "wrong": wrong}


def make_stick(stick: Path) -> None:
    """Write the bundles of the scenarios."""
    stick.mkdir()
    for version in (1, 2, 3, 9):
        bundle_folder(stick / f"v{version}", version)
        archive(stick / f"v{version}.kbundle", version)
    archive(stick / "v4.kbundle", 4, key=OTHER_KEY, revoked_keys=[key_id(public_key(KEY))])
    archive(stick / "v9.kbundle", 9, key=OTHER_KEY)


def main(root: Path, fault: str, step: int, moments: int) -> None:
    """Strike every `step`th call of each scenario, then kill at so many moments."""
    stick = root / "stick"
    make_stick(stick)
    seen = {scenario.name: at_calls(root, stick, scenario, step, KILL if fault == "kill" else FAULTS[fault]) for scenario in SCENARIOS}
    seen["moments"] = at_moments(root, stick, moments)
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
