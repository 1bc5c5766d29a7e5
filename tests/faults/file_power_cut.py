"""Cuts the power of a program that writes files: what it did is recorded by strace, and played back to any moment.

The disk is as a journalling file system promises, and no better: names (creating, renaming, removing) survive in the order in which they
were made, up to some moment that is not before the last one that a synchronised folder holds; the content of a file survives if the file
was synchronised, else none, some or zeros of it.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CALLS = "openat,open,creat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat,unlink,unlinkat,rmdir,ftruncate"

_CREATED = re.compile(r'open(?:at)?\(.*"(?:[^"\\]|\\.)*", (\S*O_CREAT\S*), \d+\) = \d+<(?P<path>.*)>$')
_WRITTEN = re.compile(r'write\(\d+<(?P<path>[^>]*)>, "(?P<content>(?:[^"\\]|\\.)*)", \d+\) = (?P<count>\d+)$')
_SYNCED = re.compile(r"fsync\(\d+<(?P<path>[^>]*)>\) *= 0$")
_RENAMED = re.compile(r'rename\("(?P<path>[^"]*)", "(?P<to>[^"]*)"\) = 0$')
_MADE = re.compile(r'mkdir\("(?P<path>[^"]*)", \d+\) = 0$')
_REMOVED = re.compile(r'(?:unlink|rmdir)\("(?P<path>[^"]*)"\) = 0$')
_REMOVED_IN = re.compile(r'unlinkat\(\d+<(?P<folder>[^>]*)>, "(?P<path>[^"]*)", \S+\) = 0$')
_UNKNOWN = re.compile(r"(pwrite64|renameat2?|mkdirat|ftruncate|creat)\(.*= \d")


@dataclass(frozen=True)
class Call:
    """One call that changes the disk: "create", "mkdir", "rename", "remove", "write" or "sync"."""

    what: str
    path: str
    to: str = ""
    content: bytes = b""


def recorded(command: Sequence[str], *, log: Path, timeout_s: float, **how: object) -> list[Call]:
    """Run a program of one process, and give its calls that change the disk, by absolute paths."""
    strace = shutil.which("strace")
    assert strace is not None, "strace is not there: apt-get install strace"
    line = [strace, "-f", "-y", "-s", "1000000", "-e", f"trace={CALLS}", "-o", str(log), *command]
    done = subprocess.run(line, capture_output=True, text=True, timeout=timeout_s, check=False, **how)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr[-2000:]
    return list(calls_of(log.read_text(encoding="ascii")))


def calls_of(log: str) -> Iterator[Call]:
    """The calls in what strace has written."""
    for whole in log.splitlines():
        line = re.sub(r"^\d+ +", "", whole)
        if found := _WRITTEN.match(line):
            content = found["content"].encode().decode("unicode_escape").encode("latin-1")
            yield Call("write", found["path"], content=content[: int(found["count"])])
        elif found := _CREATED.match(line):
            yield Call("create", found["path"])
        elif found := _SYNCED.search(line):
            yield Call("sync", found["path"])
        elif found := _RENAMED.match(line):
            yield Call("rename", found["path"], to=found["to"])
        elif found := _MADE.match(line):
            yield Call("mkdir", found["path"])
        elif found := _REMOVED.match(line):
            yield Call("remove", found["path"])
        elif found := _REMOVED_IN.match(line):
            yield Call("remove", f"{found['folder']}/{found['path']}")
        else:
            assert not _UNKNOWN.match(line), f"a call that this disk does not know: {line[:200]}"


@dataclass
class _File:
    """What a new file holds, and what of it is on the disk for sure."""

    content: bytes = b""
    sure: bytes | None = None


@dataclass
class Disk:
    """What lies below a folder as the program sees it, and what would be there after a cut. Only regular files and folders.

    `files` are the new ones by their present paths; those that were there before are whole, and are moved and removed with their names.
    """

    folder: Path
    files: dict[str, _File] = field(default_factory=dict)
    names: list[tuple[Call, _File | None]] = field(default_factory=list)
    pinned: int = 0

    def do(self, call: Call, *, believe_files: bool = True) -> None:
        """Let the program do a call; without `believe_files` synchronising a file does nothing."""
        if not call.path.startswith(f"{self.folder}"):
            return
        if call.what == "write":
            self.files[call.path].content += call.content
        elif call.what == "sync" and call.path in self.files:
            file = self.files[call.path]
            file.sure = file.content if believe_files else file.sure
        elif call.what == "sync":
            self.pinned = len(self.names)  # the journal is in order: what came before this folder's names is there too
        elif call.what == "create" and call.path in self.files:
            return
        else:
            self.names.append((call, self._named(call)))

    def _named(self, call: Call) -> _File | None:
        if call.what == "create":
            return self.files.setdefault(call.path, _File())
        if call.what in {"rename", "remove"}:
            for path in [path for path in self.files if path == call.path or path.startswith(f"{call.path}/")]:
                file = self.files.pop(path)
                if call.what == "rename":
                    self.files[call.to + path[len(call.path) :]] = file
        return None

    def cut(self, before: Path, into: Path, dice: random.Random) -> None:
        """Write what is there after the power is cut now; `before` is the folder as it was when the recording began."""
        shutil.copytree(before, into)
        for call, file in self.names[: dice.randint(self.pinned, len(self.names))]:
            path = self._placed(call.path, into)
            if call.what == "create" and file is not None:
                if not path.exists():
                    path.write_bytes(_survivor(file, dice))
            elif call.what == "mkdir":
                path.mkdir()
            elif call.what == "rename":
                path.rename(self._placed(call.to, into))
            elif path.is_dir():
                path.rmdir()
            else:
                path.unlink()

    def _placed(self, path: str, into: Path) -> Path:
        return into / Path(path).relative_to(self.folder)


def _survivor(file: _File, dice: random.Random) -> bytes:
    if file.sure == file.content:
        return file.content
    sure = file.sure or b""
    written = file.content[: dice.randint(len(sure), len(file.content))]
    return dice.choice([sure, written, sure.ljust(len(file.content), b"\0"), file.content])
