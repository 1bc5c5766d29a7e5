"""state.json on disk: read whole or refused, replaced in one rename, and changed only under a lock that ends with its process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from edge.errors import BundleError
from edge.slots.state import MAX_STATE_BYTES, STATE_NAME, State, parse_state, state_bytes
from edge.slots.steps import INSTALL
from firmware_config.errors import first_mistake
from firmware_config.regular_file import read_limited
from firmware_config.write import write_atomic

LOCK_NAME, INSTALL_LOCK_NAME = ".lock", ".install-lock"
LOCK_MODE = 0o644
LOCK_DEADLINE_S = 10.0
"""A step takes milliseconds: whoever holds the lock for longer is stopped or hangs."""


class StateFile:
    """The state of the slots below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / STATE_NAME

    def exists(self) -> bool:
        """Whether there is one."""
        return self._path.exists()

    def read(self) -> State:
        """The state of now; that of empty slots where nothing was installed yet.

        Raises:
            BundleError: it cannot be read. It is not taken for that of empty slots.
        """
        try:
            return parse_state(read_limited(self._path, MAX_STATE_BYTES))
        except FileNotFoundError:
            return State()
        except OSError as err:
            why = err.strerror or str(err)
        except ValueError as err:
            why = first_mistake(err)
        advice = "put it back from a backup, or remove it and install a bundle again"
        msg = f"the state of the bundle slots {self._path} cannot be read ({why}): {advice}"
        raise BundleError(msg)

    @contextlib.contextmanager
    def step(self) -> Iterator[Step]:
        """One step from the state of now to the next.

        Raises:
            BundleError: there are no slots, another process holds the lock for too long, or the state cannot be read.
        """
        if not self._folder.is_dir():
            msg = f"there are no bundle slots at {self._folder}: install a bundle with `{INSTALL}`"
            raise BundleError(msg)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self.locked(LOCK_NAME))
            except OSError as err:
                msg = f"the bundle slots {self._folder} cannot be locked ({err.strerror}): look at the disk, or correct their rights"
                raise BundleError(msg) from err
            yield Step(self._path, self.read())

    @contextlib.contextmanager
    def locked(self, name: str, *, deadline_s: float = LOCK_DEADLINE_S) -> Iterator[None]:
        """Hold a lock.

        Raises:
            BundleError: another process holds it for longer than the deadline.
            OSError: its file cannot be opened.
        """
        descriptor = os.open(self._folder / name, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, LOCK_MODE)
        try:
            if os.fstat(descriptor).st_uid == os.geteuid():
                os.fchmod(descriptor, LOCK_MODE)  # whatever the umask of the person is: the daemon is another user
            deadline = time.monotonic() + deadline_s
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        msg = f"the bundle slots {self._folder} are in use by another process: wait for it, or end it"
                        raise BundleError(msg) from None
                    time.sleep(0.01)
            yield
        finally:
            os.close(descriptor)


class Step:
    """One step, under the lock: `state` is the one before, until `becomes` has written the next."""

    def __init__(self, path: Path, state: State) -> None:
        self._path = path
        self.state = state

    def becomes(self, state: State) -> None:
        """Write the state, checked as a reader checks it.

        Raises:
            BundleError: it cannot be written.
        """
        raw = state_bytes(state)
        parse_state(raw)
        try:
            write_atomic(self._path, raw)
        except OSError as err:
            what = f"the state of the bundle slots {self._path} cannot be written ({err.strerror})"
            msg = f"{what}: make room on the disk, or correct its rights"
            raise BundleError(msg) from err
        self.state = state
