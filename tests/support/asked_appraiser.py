"""A person at the form of `kotoba-export agreement ask`: a real terminal, one key for each picture."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from tests.support.repository import ROOT

DEADLINE_S = 60.0
PROMPT = re.compile(r"trial (\d) of \d, answer (\d+) of \d+ .*\? = help")
PATH = re.compile(r"(/\S+)   \d+ x \d+ pixels")


class AskedAppraiser:
    """Runs the form; what it has written since the last look is in `seen`."""

    def __init__(self, folder: Path, ratings: Path, *more: str, environment: Mapping[str, str] | None = None) -> None:
        self._ours, theirs = pty.openpty()
        given = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY", "COLORTERM"}}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "export.cli", "agreement", "ask", str(folder), "--appraiser", "Sato", "--out", str(ratings), *more],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=ROOT,
            env=given | {"TMPDIR": str(ratings.parent)} | dict(environment or {}),
            start_new_session=True,
        )
        os.close(theirs)
        self.seen = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()
        os.close(self._ours)

    def until(self, pattern: re.Pattern[str]) -> re.Match[str]:
        """Wait until the screen shows a pattern; `seen` is then what came up to its end."""
        text, ends = "", time.monotonic() + DEADLINE_S
        while (match := pattern.search(text)) is None:
            assert time.monotonic() < ends, f"{pattern.pattern!r} did not come, but: {text!r}"
            if select.select([self._ours], [], [], 1.0)[0]:
                try:
                    text += os.read(self._ours, 65536).decode("utf-8", "replace").replace("\r\n", "\n")
                except OSError:  # the form has ended
                    assert pattern.search(text), f"{pattern.pattern!r} did not come, but: {text!r}"
        self.seen = text
        return match

    def picture(self) -> Path:
        """Wait for the next question; the file that is shown."""
        self.until(PROMPT)
        (path,) = PATH.findall(self.seen)
        return Path(path)

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def end(self) -> int:
        """Wait for the end of the form; its exit code."""
        return self._process.wait(DEADLINE_S)

    def kill(self) -> None:
        """Kill -9, at once."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(DEADLINE_S)


def write_pictures(folder: Path, raws: Mapping[str, bytes]) -> None:
    for name, raw in raws.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)


def part_of(shown: Path, raws: Mapping[str, bytes]) -> str:
    """Which part a shown file is: by its content, because its name must not tell."""
    (part,) = (name for name, raw in raws.items() if raw == shown.read_bytes())
    return part
