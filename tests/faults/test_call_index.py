from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.call_index import preloaded
from tests.support.repository import ROOT

WRITES = """
import os, sys, sqlite3
from pathlib import Path
folder = Path(sys.argv[1])
for name, write in {
    "python": lambda: (folder / "file").write_bytes(b"12345678"),
    "sqlite": lambda: sqlite3.connect(folder / "database").execute("CREATE TABLE t (c)").connection.commit(),
}.items():
    try:
        write()
    except (OSError, sqlite3.Error) as err:
        print(name, err)
print((folder / "file").read_bytes() if (folder / "file").exists() else None)
"""

IN_BLOCKS = """
import errno, sys
from pathlib import Path
from tests.faults.call_index import armed
folder = Path(sys.argv[1])
for at in (None, 0, 1):
    with armed(folder, "ENOSPC", at=at) as counter:
        try:
            (folder / "file").write_bytes(b"12345678")
        except OSError as err:
            assert err.errno == errno.ENOSPC
            print("failed", end=" ")
    print(counter.count)
(folder / "file").write_bytes(b"after the block nothing fails")
"""


def struck(folder: Path, fault: str, *options: str) -> tuple[list[str], str]:
    command = [sys.executable, "-m", "tests.faults.call_index", "--folder", str(folder), "--fault", fault, *options]
    done = subprocess.run(
        [*command, sys.executable, "-c", WRITES, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.splitlines(), done.stderr


def test_calls_are_counted_and_none_fails_unless_one_is_named(tmp_path: Path) -> None:
    said, told = struck(tmp_path, "EIO")
    assert said == ["b'12345678'"]
    assert int(told.split()[0]) > 10


def test_the_call_that_is_named_fails_and_the_others_do_not(tmp_path: Path) -> None:
    said, _ = struck(tmp_path, "EIO", "--at", "0")
    assert said == [f"python [Errno 5] Input/output error: '{tmp_path / 'file'}'", "None"]


def test_from_the_call_that_is_named_all_may_fail_also_those_of_sqlite(tmp_path: Path) -> None:
    said, _ = struck(tmp_path, "ENOSPC", "--at", "1", "--stays")
    assert said[0] == "python [Errno 28] No space left on device"
    assert said[1].startswith("sqlite ")


def test_a_short_write_writes_half_and_says_so(tmp_path: Path) -> None:
    code = "import os, sys; print(os.write(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), b'12345678'))"
    command = [sys.executable, "-m", "tests.faults.call_index", "--folder", str(tmp_path), "--fault", "short", "--at", "0"]
    command += [sys.executable, "-c", code, str(tmp_path / "file")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "4\n"
    assert (tmp_path / "file").read_bytes() == b"1234"


def test_a_block_of_code_may_be_struck(tmp_path: Path) -> None:
    environment = {**os.environ, **preloaded(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", IN_BLOCKS, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "2\nfailed 1\nfailed 2\n"


def test_calls_elsewhere_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    command = [
        sys.executable,
        "-m",
        "tests.faults.call_index",
        "--folder",
        str(tmp_path / "other"),
        "--fault",
        "EIO",
        "--at",
        "0",
        "--stays",
    ]
    done = subprocess.run(
        [*command, sys.executable, "-c", WRITES, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr[:2]) == ("b'12345678'\n", "0 ")


@pytest.mark.parametrize("fault", ["EIO", "ENOSPC", "short"])
def test_the_exit_code_of_the_command_is_kept(tmp_path: Path, fault: str) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.faults.call_index",
        "--folder",
        str(tmp_path),
        "--fault",
        fault,
        sys.executable,
        "-c",
        "exit(3)",
    ]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False).returncode == 3
