"""Run by test_killed_apply.py: `kotoba-config apply` is killed, or meets a failing disk, at each step of its way.

For each number a child goes on with a copy of a root and is killed at that step, or its disk call of that number fails. The next run,
without a fault, must find or make one of the two states, whole. Prints one JSON object.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.faults.call_index import armed
from tests.support.applied_trees import FIRST, SECOND, apply, files_of, make_tree

STEPS = frozenset({"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.symlink", "fcntl.flock"})
"""What Python tells its audit hooks: every change of the disk but writing and synchronising, which a kill cannot tell apart."""

KILLED, WRITTEN, REFUSED, OVER = "killed", "written", "refused", "over"
NEVER_MADE = 97
"""The exit code where the disk call that was to fail was never made."""


def in_child(do: Callable[[], int]) -> str:
    """How a child ends that runs the command and then exits."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                code = do()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return KILLED
    return {0: WRITTEN, 1: REFUSED, 2: REFUSED, NEVER_MADE: OVER}[os.WEXITSTATUS(status)]


def kill_at(number: int) -> None:
    """Let this process die at the step of this number."""
    left = [number]

    def watch(event: str, _arguments: tuple[object, ...]) -> None:
        if event in STEPS:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def main() -> int:
    """Try every step of one operation."""
    folder, operation, fault, every = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    first, second = make_tree(folder / "first", FIRST), make_tree(folder / "second", SECOND)
    (folder / "before/etc").mkdir(parents=True)
    in_child(lambda: apply(folder / "before", first, "--yes"))
    if operation == "back":
        in_child(lambda: apply(folder / "before", second, "--yes"))
    arguments = ("--back", "--yes") if operation == "back" else (second, "--yes")
    old, new = (SECOND, FIRST) if operation == "back" else (FIRST, SECOND)
    assert files_of(folder / "before") == old

    tried, wrong, seen, number, root = 0, [], {KILLED: 0, WRITTEN: 0, REFUSED: 0}, 0, folder / "root"
    ended = False
    while not ended:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(folder / "before", root, symlinks=True)

        def struck(at: int = number) -> int:
            if fault == "kill":
                kill_at(at)
                return apply(root, *arguments)
            with armed(root, fault.partition("-")[0], at=at, stays=fault.endswith("-stays")) as counter:
                code = apply(root, *arguments)
            return code if counter.count > at else NEVER_MADE

        how = in_child(struck)
        if how == OVER:
            break
        ended = fault == "kill" and how == WRITTEN
        seen[how] += 1
        in_child(lambda: apply(root, second))  # no terminal: it ends what was interrupted and writes nothing of its own
        found = files_of(root)
        is_right = found == new if how == WRITTEN else found in (old, new)
        if not is_right or in_child(lambda: apply(root, second, "--yes")) != WRITTEN or files_of(root) != SECOND:
            wrong.append([number, how, found, files_of(root)])
        if sorted(each.name for each in (root / "var/lib/kotoba/applied").iterdir() if each.name in {"new", "pending", "leaving"}):
            wrong.append([number, "left behind"])
        tried, number = tried + 1, number + every
    sys.stdout.write(json.dumps({"tried": tried, "wrong": wrong, **seen}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
