"""The disk call with a given number fails, whoever makes it: Python, SQLite or another native library.

`python -m tests.faults.call_index --folder /var/lib/kotoba --fault EIO COMMAND...` counts the calls below a folder; with `--at 7` the
eighth of them fails. A test that tries every number forks a child for each from a process that has the library loaded (`preloaded`), and
arms it there.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.preload import preloading

READS, WRITES, SPACE = 1, 2, 4


@dataclass(frozen=True)
class Fault:
    """`error` is the number that the call sets, -1 for a write that writes half; `kinds` are the calls that it can meet."""

    error: int
    kinds: int


FAULTS = {
    "EIO": Fault(errno.EIO, READS | WRITES),
    "ENOSPC": Fault(errno.ENOSPC, SPACE),
    "short": Fault(-1, SPACE),
}
"""EIO: any read, write, synchronisation, rename ... ENOSPC: what may need space. short: a write that writes half of its bytes."""

KILL = Fault(-2, WRITES)
"""The process is killed before a call that writes."""


class Counter:
    """`count` is how many calls the block made; it stands when the block has ended."""

    count = 0


@contextmanager
def armed(folder: Path, fault: str | Fault, *, at: int | None, stays: bool = False) -> Iterator[Counter]:
    """Within the block the call with this number, from 0, fails; with `stays` all later ones too. None: calls are only counted.

    Only in a process that runs with the environment `preloaded`.
    """
    shim, counter = ctypes.CDLL(None), Counter()
    what = fault if isinstance(fault, Fault) else FAULTS[fault]
    shim.kotoba_arm(str(folder).encode(), ctypes.c_long(-1 if at is None else at), what.error, what.kinds, int(stays))
    try:
        yield counter
    finally:
        shim.kotoba_disarm.restype = ctypes.c_long
        counter.count = shim.kotoba_disarm()


def preloaded() -> dict[str, str]:
    """The variables of the environment of a process that is to use `armed`."""
    return preloading("call_index", {})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and say how many calls it made; ends with its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.call_index", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="Calls on what lies below this folder count.")
    parser.add_argument("--fault", choices=FAULTS, required=True, help="EIO and ENOSPC as error, or a write that writes half of its bytes.")
    parser.add_argument("--at", type=int, metavar="N", help="The number of the call that fails, from 0. Default: none, they are counted.")
    parser.add_argument("--stays", action="store_true", help="All later calls fail too.")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    options = parser.parse_args(arguments)
    fault = FAULTS[options.fault]
    with tempfile.TemporaryDirectory() as folder:
        counted = Path(folder) / "count"
        settings: dict[str, object] = {
            "CALL_INDEX_FOLDER": options.folder.absolute(),
            "CALL_INDEX_AT": -1 if options.at is None else options.at,
            "CALL_INDEX_ERRNO": fault.error,
            "CALL_INDEX_KINDS": fault.kinds,
            "CALL_INDEX_COUNT": counted,
        }
        if options.stays:
            settings["CALL_INDEX_STAYS"] = 1
        code = subprocess.run(options.command, env={**os.environ, **preloading("call_index", settings)}, check=False).returncode
        sys.stderr.write(f"{counted.read_text().strip() if counted.exists() else 'no'} disk calls below {options.folder}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
