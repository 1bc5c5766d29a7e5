"""Who holds the lock of a file is read from the kernel's list, without taking a lock."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from edge.machine.users import lock_holders
from tests.support.machine_files import write_files

HOLD = "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_SH); print('held', flush=True); sys.stdin.read()"


def test_another_process_that_holds_the_lock_is_named(tmp_path: Path) -> None:
    file = tmp_path / "spool.sqlite.lock"
    file.touch()
    with subprocess.Popen([sys.executable, "-c", HOLD, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        if not Path("/proc/locks").read_text(encoding="utf-8"):
            pytest.skip("this kernel lists no locks")
        assert lock_holders(file) == (other.pid,)
        other.communicate()
    assert lock_holders(file) == ()


def test_ones_own_lock_is_no_other_process(tmp_path: Path) -> None:
    file = tmp_path / "spool.sqlite.lock"
    with file.open("w") as ours:
        fcntl.flock(ours, fcntl.LOCK_SH)
        assert lock_holders(file) == ()


def test_only_locks_of_this_kind_and_file_count(tmp_path: Path) -> None:
    file = tmp_path / "spool.sqlite.lock"
    file.touch()
    inode = file.stat().st_ino
    lines = (
        f"1: FLOCK  ADVISORY  READ 812 fe:00:{inode} 0 EOF", f"1: -> FLOCK  ADVISORY  WRITE 900 fe:00:{inode} 0 EOF",
        f"2: POSIX  ADVISORY  READ 813 fe:00:{inode} 128 128", f"3: FLOCK  ADVISORY  WRITE 814 fe:00:{inode}1 0 EOF",
        f"4: FLOCK  ADVISORY  READ 77 fe:00:{inode} 0 EOF",
    )  # fmt: skip
    root = write_files(tmp_path / "root", {"proc/locks": "\n".join(lines)})
    assert lock_holders(file, root=root, own=77) == (812,)


def test_where_the_kernel_does_not_say_nobody_is_named(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    assert lock_holders(tmp_path / "lock", root=tmp_path / "none") == ()
    assert lock_holders(tmp_path / "missing") == ()
