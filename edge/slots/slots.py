"""The two slots of a box on disk. Every step is one rename of state.json: a kill or a power cut leaves the step done or not done."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from edge.bundle.open import Bundle, digest_of
from edge.errors import BundleError
from edge.slots import steps
from edge.slots.staging import hand_over, remove, staged
from edge.slots.state import SLOTS, STATE_NAME, Slot, SlotName, State
from edge.slots.state_file import INSTALL_LOCK_NAME, LOCK_NAME, StateFile
from firmware_config.accepted_bundles import FILE_NAME, AcceptedBundles
from firmware_config.bundle import MANIFEST_NAME, MAX_MANIFEST_BYTES, Manifest, parse_manifest
from firmware_config.errors import ManifestError
from firmware_config.signature import REVOKED
from firmware_config.signed_bundle import read_whole
from firmware_config.write import sync_folder

STAGING = "staging-"
"""How the names of folders begin that are being unpacked, or were moved away."""


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
        self._file = StateFile(root)
        self.accepted = accepted or AcceptedBundles(root.parent / FILE_NAME)
        self._clock = clock

    @property
    def exist(self) -> bool:
        """Whether a bundle was ever installed into them."""
        return self._file.exists()

    def read(self) -> State:
        """The state of now; that of empty slots where nothing was installed yet.

        Raises:
            BundleError: it cannot be read. It is not taken for that of empty slots.
        """
        return self._file.read()

    def now(self) -> datetime:
        """The time of the clock that the history is written with."""
        return self._clock()

    def path(self, name: SlotName) -> Path:
        """The folder of a slot."""
        return self.root.joinpath(name)

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
        with self._file.step() as step:
            after = steps.asked(step.state, name, now=self._clock())
            wanted = after.wanted or after.running
            assert wanted is not None  # noqa: S101 -- for the type checker: the step sets one of them
            slot = after.slot(wanted)
            manifest = self.manifest_in(after, wanted)
            if slot is not None and not slot.downgrade:
                try:
                    self._require_not_older(manifest)
                except ManifestError as err:
                    raise BundleError(str(err)) from err
            step.becomes(after)
        return wanted

    def begin_trial(self) -> SlotName:
        """The daemon begins the trial of the wanted bundle.

        Raises:
            BundleError: none is wanted.
        """
        with self._file.step() as step:
            after = steps.begun(step.state, now=self._clock())
            assert after.trial is not None  # noqa: S101 -- for the type checker: steps.begun sets it
            step.becomes(after)
        return after.trial.slot

    def note_attempt(self) -> None:
        """The daemon begins the trial that is under way once more.

        Raises:
            BundleError: none is under way.
        """
        with self._file.step() as step:
            step.becomes(steps.again(step.state))

    def note_shadow(self, until: datetime) -> None:
        """The bundle that is being tried sees live pictures until then.

        Raises:
            BundleError: no trial is under way.
        """
        with self._file.step() as step:
            step.becomes(steps.in_shadow(step.state, until=until, now=self._clock()))

    def make_good(self) -> SlotName:
        """The bundle that is being tried runs from now on.

        Raises:
            BundleError: no trial is under way, or it cannot be written.
        """
        with self._file.step() as step:
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
        with self._file.step() as step:
            name = step.state.trial.slot if step.state.trial is not None else step.state.wanted or step.state.other
            step.becomes(steps.gone_back(step.state, why, now=self._clock()))
        return name

    def rollback(self, reason: str) -> SlotName | None:
        """The other good bundle runs again, older or not; a trial that is under way or asked for ends instead. Returns what runs then.

        Raises:
            BundleError: there is nothing good to go back to.
        """
        with self._file.step() as step:
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
        self.read()
        with (
            contextlib.suppress(OSError, BundleError),
            self._file.locked(INSTALL_LOCK_NAME, deadline_s=0),
            self._file.locked(LOCK_NAME),
        ):
            self._sweep(self.read())

    def install(
        self,
        source: Path,
        *,
        trusted: Mapping[str, bytes],
        downgrade: Downgrade | None = None,
        require: Callable[[Manifest], None] = lambda _: None,
        prove: Callable[[Bundle], int | None] = lambda _: None,
    ) -> tuple[SlotName, Slot]:
        """Check a bundle, a folder or an archive, and put it into the slot that does not run. What runs is never touched.

        `require` is asked about its manifest once the signature is checked and before anything is written; `prove` then has the whole
        checked bundle, and gives the memory in MB that it took, if it knows. Returns the slot and what it holds.

        Raises:
            BundleError: the first check that fails; another install or a trial is under way; or the disk refuses it.
        """
        steps.emptied(self.read(), now=self._clock())
        try:
            self._make_root()
            with (
                self._file.locked(INSTALL_LOCK_NAME, deadline_s=0),
                tempfile.TemporaryDirectory(prefix=STAGING, dir=self.root, ignore_cleanup_errors=True) as staging,
            ):
                into = Path(staging) / "bundle"
                bundle = staged(source, into, trusted=self.trusted(trusted, pending=True), require=self._asked_of(require, downgrade))
                hand_over(Path(staging), owner=self.root.stat())
                slot = _slot_of(bundle, now=self._clock(), downgrade=downgrade, memory_mb=prove(bundle))
                return self.put(into, slot), slot
        except OSError as err:
            msg = f"installing {source} into the bundle slots {self.root}: {err.strerror}: make room on the disk, or correct its rights"
            raise BundleError(msg) from err

    def trusted(self, keys: Mapping[str, bytes], *, pending: bool = False) -> dict[str, bytes]:
        """The trusted keys without those that bundles revoked which this box has run; with `pending` also those that wait to be run.

        A revocation counts for what is installed at once, and for what runs as soon as the box runs the bundle that carries it: until then
        the bundle that runs may be signed with the revoked key.

        Raises:
            BundleError: the state cannot be read.
        """
        state = self.read()
        waiting = [key for name in SLOTS if (slot := state.slot(name)) is not None for key in slot.revokes] if pending else []
        return {**keys, **dict.fromkeys((*state.revoked, *waiting), REVOKED)}

    def note_key(self, key: str, name: SlotName) -> None:
        """Keep in the history that a key is trusted since the bundle in this slot was installed."""
        with self._file.step() as step:
            step.becomes(steps.noted(step.state, "key", name, now=self._clock(), why=f"key {key} is trusted from now on"))

    def put(self, folder: Path, slot: Slot) -> SlotName:
        """Move a checked folder, which lies in a staging folder below `root`, into the slot that does not run; returns it.

        The state says first that the slot is empty, so that no moment has a slot whose folder is not what the state says.

        Raises:
            BundleError: what is there is being tried, or the disk refuses it.
        """
        with self._file.step() as step:
            name = step.state.other
            step.becomes(steps.emptied(step.state, now=self._clock()))
            if self.path(name).exists():
                self.path(name).rename(folder.parent / "old")
            folder.rename(self.path(name))
            sync_folder(self.root)
            step.becomes(steps.installed(step.state, slot, now=self._clock()))
            self._sweep(step.state, but=folder.parent)
        return name

    def _sweep(self, state: State, *, but: Path | None = None) -> None:
        """Remove unpacked and moved-away folders, unfinished states, and slots that the state does not name. What stays does no harm.

        A state that was lost is no reason to remove what it named.
        """
        exist = self.exist
        with contextlib.suppress(OSError):
            for path in self.root.iterdir():
                unnamed = exist and path.name in SLOTS and state.slot("a" if path.name == "a" else "b") is None
                if path.name.startswith(f".{STATE_NAME}."):
                    path.unlink(missing_ok=True)
                elif (path.name.startswith(STAGING) and path != but) or unnamed:
                    remove(path)

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
        self.accepted.require_not_older(manifest, on_purpose=f"{steps.INSTALL} --downgrade --reason TEXT")

    def _asked_of(self, require: Callable[[Manifest], None], downgrade: Downgrade | None) -> Callable[[Manifest], None]:
        """Everything that is asked about the manifest of a bundle that is installed."""

        def ask(manifest: Manifest) -> None:
            if downgrade is None:
                self._require_not_older(manifest)
            require(manifest)

        return ask

    def _make_root(self) -> None:
        if not self.root.is_dir():
            self.root.mkdir(mode=0o755)
            hand_over(self.root, owner=self.root.parent.stat())


def _slot_of(bundle: Bundle, *, now: datetime, downgrade: Downgrade | None, memory_mb: int | None) -> Slot:
    manifest = bundle.manifest
    return Slot(
        name=manifest.name,
        version=manifest.bundle_version,
        digest=bundle.digest,
        key_id=manifest.key_id,
        state="staged",
        installed_at=now,
        downgrade="" if downgrade is None else downgrade.reason,
        memory_mb=memory_mb,
        revokes=manifest.revoked_keys,
    )
