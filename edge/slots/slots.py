"""The two slots of a box on disk. Every step is one rename of state.json: a kill or a power cut leaves the step done or not done."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from edge.bundle.open import digest_of
from edge.errors import BundleError
from edge.slots import steps
from edge.slots.state import MAX_STATE_BYTES, SLOTS, STATE_NAME, Slot, SlotName, State, parse_state, state_bytes
from firmware_config.accepted_bundles import FILE_NAME, AcceptedBundles
from firmware_config.bundle import MANIFEST_NAME, MAX_MANIFEST_BYTES, Manifest, parse_manifest
from firmware_config.errors import ManifestError, first_mistake
from firmware_config.regular_file import read_limited
from firmware_config.signed_bundle import read_whole
from firmware_config.write import sync_folder, write_atomic

LOCK_NAME, INSTALL_LOCK_NAME = ".lock", ".install-lock"
STAGING = "staging-"
LOCK_DEADLINE_S = 10.0
"""A step takes milliseconds: whoever holds the lock for longer is stopped or hangs."""


@dataclass(frozen=True, slots=True)
class Downgrade:
    """A person lets the box take an older bundle than it has run, and says why."""

    reason: str


class Slots:
    """The slots below the folder `root`. Safe to use from several processes: each step holds a lock that a killed process leaves.

    `accepted` are the newest versions that the box has run; by default those beside `root`.
    """

    def __init__(
        self,
        root: Path,
        *,
        accepted: AcceptedBundles | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self.root = root
        self.accepted = accepted or AcceptedBundles(root.parent / FILE_NAME)
        self._clock = clock

    @property
    def exist(self) -> bool:
        """Whether this box uses slots."""
        return (self.root / STATE_NAME).exists()

    def read(self) -> State:
        """The state of now; that of empty slots where nothing was installed yet.

        Raises:
            BundleError: it cannot be read. It is not taken for that of empty slots.
        """
        path = self.root / STATE_NAME
        try:
            return parse_state(read_limited(path, MAX_STATE_BYTES))
        except FileNotFoundError:
            return State()
        except OSError as err:
            why = err.strerror or str(err)
        except ValueError as err:
            why = first_mistake(err)
        msg = f"the state of the bundle slots {path} cannot be read ({why}): put it back from a backup"
        raise BundleError(msg)

    def path(self, name: SlotName) -> Path:
        """The folder of a slot."""
        return self.root / name

    def running_bundle(self) -> Path:
        """The folder of the bundle that runs.

        Raises:
            BundleError: none runs, the state cannot be read, or another bundle lies there than the state says.
        """
        state = self.read()
        if state.running is None:
            msg = f"no bundle runs in the slots {self.root}: install one with `{steps.INSTALL}` and start it with `{steps.ACTIVATE}`"
            raise BundleError(msg)
        self.manifest_in(state, state.running)
        return self.path(state.running)

    def manifest_in(self, state: State, name: SlotName) -> Manifest:
        """The manifest of the bundle in a slot. Its signature is not checked: its digest is what the state says.

        Raises:
            BundleError: there is none, or it is another one.
        """
        slot, root = state.slot(name), self.path(name)
        if slot is None:
            msg = f"bundle slot {root} is empty: install a bundle with `{steps.INSTALL}`"
            raise BundleError(msg)
        try:
            raw = read_whole(root / MANIFEST_NAME, limit=MAX_MANIFEST_BYTES)
        except OSError as err:
            msg = f"bundle slot {root}: {MANIFEST_NAME} cannot be read ({err.strerror}): install {slot} again"
            raise BundleError(msg) from err
        if digest_of(raw) != slot.digest:
            msg = f"bundle slot {root} holds another bundle than {slot}, which was installed there: install it again"
            raise BundleError(msg)
        return parse_manifest(raw)

    def require_not_older(self, name: SlotName) -> Callable[[Manifest], None]:
        """What `edge.bundle.open.open_bundle` asks about the bundle in a slot: an older one only where a person allowed it at its install.

        Raises:
            BundleError: the state cannot be read.
        """
        slot = self.read().slot(name)
        if slot is not None and slot.downgrade:
            return lambda _: None
        return self.accepted.require_not_older

    def ask(self, name: SlotName | None = None) -> SlotName:
        """Ask for a trial of the bundle in a slot, by default of the one that does not run. Where none runs it runs at once.

        Raises:
            BundleError: it is empty, runs, is being tried, or is older than what this box has run.
        """
        with self._step() as step:
            after = steps.asked(step.state, name, now=self._clock())
            wanted = after.wanted or after.running
            assert wanted is not None  # noqa: S101 -- for the type checker: the step sets one of them
            slot = after.slot(wanted)
            manifest = self.manifest_in(after, wanted)
            if slot is not None and not slot.downgrade:
                self._require_not_older(manifest)
            step.becomes(after)
        return wanted

    def begin_trial(self) -> SlotName:
        """The daemon begins the trial of the wanted bundle.

        Raises:
            BundleError: none is wanted.
        """
        with self._step() as step:
            after = steps.begun(step.state, now=self._clock())
            assert after.trial is not None  # noqa: S101 -- for the type checker: steps.begun sets it
            step.becomes(after)
        return after.trial.slot

    def note_attempt(self) -> None:
        """The daemon begins the trial that is under way once more.

        Raises:
            BundleError: none is under way.
        """
        with self._step() as step:
            step.becomes(steps.again(step.state))

    def note_shadow(self, until: datetime) -> None:
        """The bundle that is being tried sees live pictures until then.

        Raises:
            BundleError: no trial is under way.
        """
        with self._step() as step:
            step.becomes(steps.in_shadow(step.state, until=until, now=self._clock()))

    def make_good(self) -> SlotName:
        """The bundle that is being tried runs from now on.

        Raises:
            BundleError: no trial is under way, or it cannot be written.
        """
        with self._step() as step:
            after = steps.made_good(step.state, now=self._clock())
            assert after.running is not None  # noqa: S101 -- for the type checker: steps.made_good sets it
            self._let_run(after, after.running)
            step.becomes(after)
        return after.running

    def go_back(self, why: str) -> SlotName:
        """Give up the bundle that is being tried or wanted; `why` is one sentence. Returns its slot.

        Raises:
            BundleError: there is none.
        """
        with self._step() as step:
            name = step.state.trial.slot if step.state.trial is not None else step.state.wanted or step.state.other
            step.becomes(steps.gone_back(step.state, why, now=self._clock()))
        return name

    def rollback(self, reason: str) -> SlotName | None:
        """The other good bundle runs again, older or not; a trial that is under way or asked for ends instead. Returns what runs then.

        Raises:
            BundleError: there is nothing good to go back to.
        """
        with self._step() as step:
            after = steps.rolled_back(step.state, reason, now=self._clock())
            if after.running is not None and after.running != step.state.running:
                self._let_run(after, after.running)
            step.becomes(after)
        return after.running

    def tidy(self) -> None:
        """Remove what an install that was killed has left, unless one is under way. What cannot be removed stays.

        Raises:
            BundleError: the state cannot be read.
        """
        with contextlib.suppress(OSError, BlockingIOError), self._locked(INSTALL_LOCK_NAME, deadline_s=0), self._locked(LOCK_NAME):
            self._sweep(self.read())

    def install(self, source: Path, *, trusted: dict[str, bytes], downgrade: Downgrade | None = None) -> Slot:
        """Put a bundle, a folder or an archive, into the slot that does not run. What runs is never touched."""
        from edge.bundle.archive import unpack
        from edge.bundle.open import open_bundle

        self.root.mkdir(parents=True, exist_ok=True)
        with self._locked(INSTALL_LOCK_NAME, deadline_s=0), tempfile.TemporaryDirectory(prefix=STAGING, dir=self.root) as staging:
            into = Path(staging) / "bundle"
            if source.is_dir():
                shutil.copytree(source, into)
                bundle = open_bundle(into, trusted=trusted)
            else:
                bundle = unpack(source, into, trusted=trusted)
            if downgrade is None:
                self._require_not_older(bundle.manifest)
            manifest = bundle.manifest
            slot = Slot(
                name=manifest.name,
                version=manifest.bundle_version,
                digest=bundle.digest,
                key_id=manifest.key_id,
                state="staged",
                installed_at=self._clock(),
                downgrade="" if downgrade is None else downgrade.reason,
            )
            self.put(into, slot)
        return slot

    def put(self, folder: Path, slot: Slot) -> SlotName:
        """Move a checked folder below `root` into the slot that does not run; returns it.

        The state says first that the slot is empty, so that no moment has a slot whose folder is not what the state says.

        Raises:
            BundleError: what is there is being tried, or the disk refuses it.
        """
        with self._step() as step:
            name = step.state.other
            step.becomes(steps.emptied(step.state))
            if self.path(name).exists():
                self.path(name).rename(Path(tempfile.mkdtemp(prefix=STAGING, dir=self.root)) / "old")
            folder.rename(self.path(name))
            sync_folder(self.root)
            step.becomes(steps.installed(step.state, slot, now=self._clock()))
            self._sweep(step.state, but=folder.parent)
        return name

    def _sweep(self, state: State, *, but: Path | None = None) -> None:
        """Remove unpacked and moved-away folders, and slots that the state does not name."""
        for path in self.root.iterdir():
            unnamed = path.name in SLOTS and state.slot("a" if path.name == "a" else "b") is None
            if (path.name.startswith(STAGING) and path != but) or unnamed:
                shutil.rmtree(path, ignore_errors=True)

    def _let_run(self, state: State, name: SlotName) -> None:
        """The box may run the bundle in a slot though it has run a newer one.

        This is written before the state: killed in between, the box goes on with the newer one, which raises the version again.
        """
        try:
            self.accepted.allow(self.manifest_in(state, name))
        except ManifestError as err:
            msg = f"bundle slot {self.path(name)}: {err}"
            raise BundleError(msg) from err

    def _require_not_older(self, manifest: Manifest) -> None:
        try:
            self.accepted.require_not_older(manifest)
        except ManifestError as err:
            raise BundleError(str(err)) from err

    @contextlib.contextmanager
    def _step(self) -> Iterator[_Step]:
        with self._locked(LOCK_NAME):
            yield _Step(self.root, self.read())

    @contextlib.contextmanager
    def _locked(self, name: str, *, deadline_s: float = LOCK_DEADLINE_S) -> Iterator[None]:
        """Hold a lock that ends with its process."""
        descriptor = os.open(self.root / name, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            deadline = time.monotonic() + deadline_s
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        msg = f"the bundle slots {self.root} are in use by another process: wait for it, or end it"
                        raise BundleError(msg) from None
                    time.sleep(0.01)
            yield
        finally:
            os.close(descriptor)


class _Step:
    """One step, under the lock: `state` is the one before, until `becomes` has written the next."""

    def __init__(self, root: Path, state: State) -> None:
        self._root = root
        self.state = state

    def becomes(self, state: State) -> None:
        """Write the state, checked as a reader checks it."""
        path = self._root / STATE_NAME
        raw = state_bytes(state)
        parse_state(raw)
        try:
            write_atomic(path, raw)
        except OSError as err:
            msg = f"the state of the bundle slots {path} cannot be written ({err.strerror}): make room on the disk, or correct its rights"
            raise BundleError(msg) from err
        self.state = state
