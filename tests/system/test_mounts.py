"""A watched folder on a file system that is unmounted, and a target that is full or read-only, in a mount namespace of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT

UNMOUNTED = """
import os, subprocess, sys
from pathlib import Path
from tests.support.watched_folder import Watch, picture, put

def mount(path):
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(path)], check=True)

root = Path(sys.argv[1])
folder = root / "share"
folder.mkdir()
mount(folder)
path = put(folder, "a.png", picture(1))
with Watch(folder, root / "spool.sqlite") as watch:
    watch.settle()
    times = path.stat().st_mtime_ns
    subprocess.run(["umount", str(folder)], check=True)
    watch.wait_for(2)
    put(folder, "lost.png", picture(3))  # into the empty mount point: not taken
    mount(folder)
    os.utime(put(folder, "a.png", picture(1)), ns=(times, times))  # the share as it was
    watch.settle()
    put(folder, "b.png", picture(2))
    watch.settle()
print(watch.given)
"""

NO_ROOM = """
import os, subprocess, sys
from pathlib import Path
from tests.support.watched_folder import Watch, picture, put

root, kind = Path(sys.argv[1]), sys.argv[2]
folder, target = root / "pictures", root / "judged"
folder.mkdir()
target.mkdir()
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(target)], check=True)
if kind == "full":
    try:
        (target / "ballast").write_bytes(bytes(1 << 20))
    except OSError:
        pass
else:
    subprocess.run(["mount", "-o", "remount,ro", str(target)], check=True)
put(folder, "a.png", picture(1))
with Watch(folder, root / "spool.sqlite", after="move", move_to=target) as watch:
    watch.settle()
    watch.settle(60)
    print([trouble.code for trouble in watch.camera.troubles()], sorted(os.listdir(folder)), watch.given)
    if kind == "full":
        (target / "ballast").unlink()
    else:
        subprocess.run(["mount", "-o", "remount,rw", str(target)], check=True)
    watch.settle(60)
    watch.settle(60)
    print([trouble.code for trouble in watch.camera.troubles()], sorted(os.listdir(folder)), watch.given, sorted(os.listdir(target)))
"""


def in_namespace(program: str, *arguments: str) -> list[str]:
    command = ["unshare", "--mount", "--map-root-user", sys.executable, "-c", program, *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.long
def test_a_share_that_is_unmounted_is_one_fault_and_nothing_is_judged_again_when_it_is_back(tmp_path: Path) -> None:
    (given,) = in_namespace(UNMOUNTED, str(tmp_path))

    unreachable = f"('{tmp_path}/share', <Reason.CAMERA_UNREACHABLE: 'camera_unreachable'>)"
    assert given == f"[('a.png', None), {unreachable}, ('b.png', None)]"


@pytest.mark.long
@pytest.mark.parametrize("kind", ["full", "read-only"])
def test_while_the_target_takes_nothing_judged_files_stay_and_are_moved_later(tmp_path: Path, kind: str) -> None:
    before, after = in_namespace(NO_ROOM, str(tmp_path), kind)

    assert before == "['file_not_moved'] ['a.png'] [('a.png', None)]"
    assert after == "[] [] [('a.png', None)] ['a.png']"
