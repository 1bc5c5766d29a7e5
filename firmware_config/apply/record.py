"""What `apply` remembers below var/lib/kotoba/applied: which files it answers for, and what was there before each of the last changes.

A change is prepared whole in a folder `new`. Renamed to `pending` it is decided, and is carried out however often it is interrupted. Done,
it becomes a folder with a number.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field

from firmware_config.apply.target import FileState
from firmware_config.errors import ApplyError, first_mistake
from firmware_config.regular_file import read_limited
from firmware_config.strict import STRICT
from firmware_config.strict_json import read_json
from firmware_config.write import sync_folder, write_atomic

PLACE = "var/lib/kotoba/applied"
KEPT = 5
"""States before, which `--back` can restore one after the other."""

NEW, PENDING, LEAVING, MANAGED = "new", "pending", "leaving", "managed.json"
RECORD, CONTENTS, UNDO = "record.json", "contents", "undo"
MAX_RECORD_BYTES = 4_000_000


class Change(BaseModel):
    """A file that is written (`after`), or taken away (`after` is null)."""

    model_config = STRICT
    path: str
    before: FileState | None
    after: FileState | None


class Record(BaseModel):
    """One change of the root as a whole. `undoes`: it takes back the change of this number."""

    model_config = STRICT
    schema_id: Literal["kotoba.applied/1"] = Field(default="kotoba.applied/1", alias="schema")
    at: AwareDatetime
    undoes: int | None = None
    changes: tuple[Change, ...]
    made_folders: dict[str, int] = Field(description="Folders that it makes, with their mode, the outer ones first.")
    removed_folders: dict[str, int] = Field(description="Folders that it takes away if they are empty, the inner ones first.")
    managed: dict[str, str] = Field(description="sha256 of each file that `apply` answers for afterwards.")
    managed_before: dict[str, str]


class Managed(BaseModel):
    """The files that `apply` has written and that are still there, each with its sha256."""

    model_config = STRICT
    schema_id: Literal["kotoba.managed/1"] = Field(default="kotoba.managed/1", alias="schema")
    files: dict[str, str]


class Records:
    """The folder of records, locked: one `apply` at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def pending(self) -> Path | None:
        """The folder of a change that is decided and not done."""
        path = self.folder / PENDING
        return path if path.is_dir() else None

    def numbers(self) -> list[int]:
        """The numbers of what is kept, oldest first."""
        return sorted(int(each.name) for each in self.folder.iterdir() if each.name.isdecimal())

    def managed(self) -> dict[str, str]:
        """What `apply` answers for.

        Raises:
            ApplyError: the list is damaged.
        """
        path = self.folder / MANAGED
        try:
            return read_json(Managed, read_limited(path, MAX_RECORD_BYTES)).files
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as err:
            raise _damaged(path, err) from err

    def read(self, folder: Path) -> Record:
        """Read the record in one of the folders.

        Raises:
            ApplyError: it is damaged.
        """
        path = folder / RECORD
        try:
            return read_json(Record, read_limited(path, MAX_RECORD_BYTES))
        except (OSError, ValueError) as err:
            raise _damaged(path, err) from err

    def content(self, folder: Path, state: FileState) -> bytes:
        """The bytes of a file before or after, from one of the folders.

        Raises:
            ApplyError: they are not there.
        """
        path = folder / CONTENTS / state.digest
        try:
            return path.read_bytes()
        except OSError as err:
            raise _damaged(path, err) from err

    def decide(self, record: Record, contents: Mapping[str, bytes]) -> Path:
        """Put a change and all of its contents (by sha256) on disk; when this returns it is decided. Returns its folder.

        Raises:
            OSError: it cannot be written; then nothing is decided.
        """
        new = self.folder / NEW
        (new / CONTENTS).mkdir(parents=True)
        for digest, content in contents.items():
            write_atomic(new / CONTENTS / digest, content, mode=0o600)
        write_atomic(new / RECORD, record.model_dump_json(by_alias=True, indent=1).encode(), mode=0o600)
        sync_folder(new)
        pending = self.folder / PENDING
        new.rename(pending)
        sync_folder(self.folder)
        return pending

    def turn_back(self) -> None:
        """Decide that what is pending is taken back instead.

        Raises:
            OSError: it cannot be written.
        """
        write_atomic(self.folder / PENDING / UNDO, b"", mode=0o600)

    def turns_back(self) -> bool:
        """Whether what is pending is to be taken back."""
        return (self.folder / PENDING / UNDO).exists()

    def write_managed(self, files: Mapping[str, str]) -> None:
        """Write down what `apply` answers for.

        Raises:
            OSError: it cannot be written.
        """
        write_atomic(self.folder / MANAGED, Managed(files=dict(files)).model_dump_json(by_alias=True, indent=1).encode(), mode=0o600)

    def finish(self, record: Record) -> int | None:
        """Say that what was pending is done; returns its number, None where it took another back, which is forgotten with it.

        Raises:
            OSError: it cannot be written.
        """
        if record.undoes is not None:
            self._drop(str(record.undoes))
            self.drop_pending()
            return None
        number = (self.numbers() or [0])[-1] + 1
        (self.folder / PENDING).rename(self.folder / str(number))
        sync_folder(self.folder)
        for old in self.numbers()[:-KEPT]:
            self._drop(str(old))
        return number

    def drop_pending(self) -> None:
        """Forget what was pending.

        Raises:
            OSError: it cannot be removed.
        """
        self._drop(PENDING)

    def sweep(self) -> None:
        """Take away what was never decided, and what was being forgotten.

        Raises:
            OSError: it cannot be removed.
        """
        for name in (NEW, LEAVING):
            if (self.folder / name).exists():
                shutil.rmtree(self.folder / name)

    def _drop(self, name: str) -> None:
        """Take a folder away so that a kill leaves it whole under its name, or not under its name."""
        if (self.folder / name).exists():
            (self.folder / name).rename(self.folder / LEAVING)
            sync_folder(self.folder)
            shutil.rmtree(self.folder / LEAVING)


@contextlib.contextmanager
def opened_records(root: Path) -> Iterator[Records]:
    """Open the records of a root for one command, and make their folder where there is none.

    Raises:
        ApplyError: another command has them, or somebody else could have written them: then a forged change would be carried out as root.
    """
    folder = root / PLACE
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not folder.parent.resolve().is_relative_to(root):
            msg = f"{folder.parent} leads out of {root}: take the link away"
            raise ApplyError(msg)
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as err:
        msg = f"{folder} cannot be opened ({err.strerror}): run this as root, and let no link lie there"
        raise ApplyError(msg) from err
    try:
        of = os.fstat(descriptor)
        if of.st_uid != os.geteuid() or of.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            msg = f"{folder} can be written by another user than this one: see what is in it, then `chown -R root:root {folder}`"
            raise ApplyError(msg)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            msg = f"another `kotoba-config apply` is at work on {root}: wait for its end"
            raise ApplyError(msg) from err
        yield Records(folder)
    finally:
        os.close(descriptor)


def _damaged(path: Path, err: OSError | ValueError) -> ApplyError:
    why = (err.strerror if isinstance(err, OSError) else first_mistake(err)) or str(err)
    return ApplyError(f"{path} cannot be read ({why}): put {path.parent} back from a backup, or move it away and apply the tree again")
