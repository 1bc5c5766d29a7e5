"""A disk for SQLite whose power can be cut: what was not synchronised is lost sector by sector, by chance.

`python -m tests.faults.power_cut --cuts 500 --synchronous NORMAL` cuts the power of a spool so often while it commits, and says how many of
the verdicts that it acknowledged are gone. With FULL, which the spool uses, none may be.
"""

# ruff: noqa: N802 -- the names are SQLite's

from __future__ import annotations

import argparse
import contextlib
import logging
import random
import sqlite3
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import apsw

from edge.errors import SpoolError
from edge.spool.store import Spool
from tests.support.inspections import inspection

SECTOR_BYTES = 512
CUTS_PER_FILE = 25
MOST_CALLS = 400
"""A commit takes about a dozen writes and synchronisations, a start a few dozen."""


class Disk(apsw.VFS):
    """Keeps files in memory and lets `calls_left` writes, truncations and synchronisations happen, then the power is gone.

    `settle` writes what survived to the real files, where the next life of the spool finds it.
    """

    def __init__(self, name: str, *, dice: random.Random, calls_left: int | None) -> None:
        super().__init__(name, base="")
        self.name = name
        self.calls_left = calls_left
        self._dice = dice
        self._files: dict[Path, _File] = {}

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> _File:  # type: ignore[override]  # apsw: any object will do
        assert name is not None, "a temporary file was not expected"
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name)
        path.touch()
        flags[1] = flags[0]
        return self._files.setdefault(path, _File(self, path.read_bytes()))

    def xDelete(self, name: str, sync_folder: bool) -> None:  # noqa: FBT001
        self.use()
        self._files.pop(Path(name), None)
        super().xDelete(name, sync_folder)

    def use(self) -> None:
        if self.calls_left is not None:
            if self.calls_left == 0:
                msg = "the power is gone"
                raise apsw.IOError(msg)
            self.calls_left -= 1

    def settle(self) -> None:
        """Decide for each sector that was not synchronised whether it reached the disk (it did unless the power was cut)."""
        keep = 1.0 if self.calls_left != 0 else self._dice.choice([0.0, 0.1, 0.5, 0.9, 1.0])
        for path, file in self._files.items():
            path.write_bytes(file.survivor(self._dice, keep))
        self.unregister()


class _File:
    """One open file: what is on the disk for sure, and what came since."""

    def __init__(self, disk: Disk, content: bytes) -> None:
        self._disk = disk
        self._sure = bytearray(content)
        self._new: dict[int, bytes] = {}
        self._shortest = self._size = len(content)

    def survivor(self, dice: random.Random, keep: float) -> bytes:
        content = self._sure
        if dice.random() < keep:
            del content[self._shortest :]
        for sector, new in self._new.items():
            if dice.random() < keep:
                _put(content, sector * SECTOR_BYTES, new[: self._size - sector * SECTOR_BYTES])
        return bytes(content)

    def xRead(self, amount: int, offset: int) -> bytes:
        amount = max(0, min(amount, self._size - offset))
        first, last = offset // SECTOR_BYTES, (offset + amount - 1) // SECTOR_BYTES
        content = b"".join(map(self._sector, range(first, last + 1)))
        return content[offset - first * SECTOR_BYTES :][:amount]

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.use()
        first, last = offset // SECTOR_BYTES, (offset + len(data) - 1) // SECTOR_BYTES
        content = bytearray().join(map(self._sector, range(first, last + 1)))
        start = offset - first * SECTOR_BYTES
        content[start : start + len(data)] = data
        for sector in range(first, last + 1):
            self._new[sector] = bytes(content[(sector - first) * SECTOR_BYTES :][:SECTOR_BYTES])
        self._size = max(self._size, offset + len(data))

    def xTruncate(self, size: int) -> None:
        self._disk.use()
        self._size = size
        self._shortest = min(size, self._shortest)
        self._new = {sector: new for sector, new in self._new.items() if sector * SECTOR_BYTES < size}

    def xSync(self, _flags: int) -> None:
        self._disk.use()
        self._sure = bytearray(self.survivor(random.Random(0), 1.0))
        self._new = {}
        self._shortest = len(self._sure)

    def _sector(self, sector: int) -> bytes:
        sure = self._sure[sector * SECTOR_BYTES : min((sector + 1) * SECTOR_BYTES, self._shortest)]
        return self._new.get(sector) or bytes(sure).ljust(SECTOR_BYTES, b"\0")

    def xFileSize(self) -> int:
        return self._size

    def xSectorSize(self) -> int:
        return SECTOR_BYTES

    def xDeviceCharacteristics(self) -> int:
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE  # what SQLite assumes of a disk

    def xFileControl(self, _operation: int, _pointer: int) -> bool:
        return False

    def xLock(self, _level: int) -> None:
        """Let go: there is one connection only."""

    def xUnlock(self, _level: int) -> None:
        """Let go: there is one connection only."""

    def xCheckReservedLock(self) -> bool:
        return False

    def xClose(self) -> None:
        """Keep the content for `settle`."""


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


class Connection:
    """An apsw connection in the manner of sqlite3, as far as the spool uses it."""

    def __init__(self, path: Path, disk: Disk, *, synchronous: str) -> None:
        self._synchronous = synchronous
        self._connection = apsw.Connection(str(path), vfs=disk.name)
        self.execute("PRAGMA locking_mode = EXCLUSIVE")  # the index of the log stays in memory

    def execute(self, statement: str, values: Sequence[Any] = ()) -> _Rows:
        if statement == "PRAGMA synchronous = FULL":
            statement = f"PRAGMA synchronous = {self._synchronous}"
        try:
            return _Rows(self._connection.execute(statement, tuple(values)).fetchall())
        except apsw.Error as err:
            raise sqlite3.OperationalError(_in_words_of_sqlite3(err)) from err

    def close(self) -> None:
        try:
            self._connection.close(force=True)
        except apsw.Error as err:
            raise sqlite3.OperationalError(_in_words_of_sqlite3(err)) from err


def _in_words_of_sqlite3(err: apsw.Error) -> str:
    return "disk I/O error" if isinstance(err, (apsw.IOError, apsw.CantOpenError)) else str(err)


class _Rows:
    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows = iter(rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._rows

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(self._rows, None)

    def fetchall(self) -> list[tuple[Any, ...]]:
        return list(self._rows)


@dataclass
class Outcome:
    """`moved_aside` and `renumbered` count spools that were taken for damaged, and whose numbers have gaps."""

    acknowledged: int = 0
    lost: int = 0
    moved_aside: int = 0
    renumbered: int = 0


def one_life(path: Path, life: int, dice: random.Random, synchronous: str) -> list[tuple[str, int]]:
    """Commit until the power goes, and give what was acknowledged."""
    disk = Disk(f"disk-{path.name}-{life}", dice=dice, calls_left=dice.randint(1, MOST_CALLS))
    said: list[tuple[str, int]] = []
    with contextlib.suppress(SpoolError):
        spool = Spool(path, ballast_bytes=4096, connect=lambda path: Connection(path, disk, synchronous=synchronous))  # type: ignore[arg-type,return-value]
        try:
            spool.register_sinks({"mqtt": ("s1",)})
            while True:
                committed = spool.commit(replace(inspection(0), id=f"{life}-{len(said)}"))
                said.append((committed.id, committed.seq))
                if dice.random() < 0.1:
                    for row in spool.pending("mqtt", ("s1",), 5):
                        spool.mark_delivered("mqtt", [row])
        finally:
            with contextlib.suppress(sqlite3.Error):
                spool.close()
    disk.settle()
    return said


def power_cuts(folder: Path, cuts: int, synchronous: str) -> Outcome:
    """Cut the power so often, at random writes; `synchronous` is what the spool asks SQLite for instead of FULL."""
    dice, outcome = random.Random(1), Outcome()
    for file in range(cuts // CUTS_PER_FILE):
        path = folder / f"spool{file}.sqlite"
        said = [line for life in range(CUTS_PER_FILE) for line in one_life(path, life, dice, synchronous)]

        Spool(path, ballast_bytes=4096).close()
        connection = sqlite3.connect(path)
        rows = connection.execute("SELECT id, seq FROM inspections ORDER BY row").fetchall()
        connection.close()
        outcome.acknowledged += len(said)
        outcome.lost += len(set(said) - set(rows))
        outcome.moved_aside += len(list(folder.glob(f"{path.name}.damaged-*")))
        outcome.renumbered += [seq for _, seq in rows] != list(range(1, len(rows) + 1))
    return outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Cut, and print what was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.power_cut", description=__doc__)
    parser.add_argument("--cuts", type=int, default=500, metavar="N", help=f"A multiple of {CUTS_PER_FILE}. Default: %(default)s.")
    parser.add_argument(
        "--synchronous",
        choices=["FULL", "NORMAL", "OFF"],
        default="FULL",
        help="When SQLite synchronises. Default: %(default)s, as the spool.",
    )
    options = parser.parse_args(arguments)
    logging.disable()  # each damage that NORMAL leaves behind is noticed and said
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None  # what SQLite still tries when it closes a file on a disk without power
    with tempfile.TemporaryDirectory() as folder:
        outcome = power_cuts(Path(folder), options.cuts, options.synchronous)
    sys.stdout.write(f"{options.cuts} power cuts, {outcome.acknowledged} verdicts acknowledged, {outcome.lost} lost\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
