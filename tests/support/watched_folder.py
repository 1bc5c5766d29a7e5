"""A watched folder with its camera in a thread, the spool behind it and a clock that only the test moves."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np
from typing_extensions import Self

from edge.cameras.folder import FolderCamera
from edge.cameras.folder.inotify import FileEvent, FolderEvents, Reports
from edge.interfaces import JudgedFiles
from edge.records import Capture, Frame, LostFrame, PictureFile, Reason
from edge.spool.store import Spool
from firmware_config.cameras import FolderCamera as Settings
from tests.support.inspections import inspection
from tests.support.picture_files import encoded, gradient

PATIENCE_S = 30.0
POLL_S = 0.01
STAND_STILL_S = 5.0
DAY_S = 86_400.0

_numbers = itertools.count()
"""Of inspections: what two runs of a box commit to one spool has different ids."""


def picture(number: int = 0, kind: str = "png") -> bytes:
    """A file that holds a picture; another number gives another one."""
    return encoded(np.roll(gradient(), number, axis=1), kind)


def no_reports() -> Reports:
    """A system that reports nothing of a folder."""
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


class LimitedReports:
    """Linux with so few watches that one folder may be watched, and no second one."""

    def __init__(self) -> None:
        self._events = FolderEvents()

    def watch(self, folders: Sequence[Path]) -> None:
        self._events.watch(folders[:1])
        if len(folders) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def wait(self, timeout_s: float) -> bool:
        return self._events.wait(timeout_s)

    def read(self) -> tuple[list[FileEvent], bool]:
        return self._events.read()

    def close(self) -> None:
        self._events.close()


class Looks:
    """Judged files that count how often the folder was read: each look asks once for the names."""

    def __init__(self, judged: JudgedFiles) -> None:
        self._judged = judged
        self._changed = threading.Condition()
        self.count = 0

    def find(self, name: str) -> PictureFile | None:
        return self._judged.find(name)

    def is_gone(self, name: str) -> bool:
        return self._judged.is_gone(name)

    def names(self) -> Collection[str]:
        with self._changed:
            self.count += 1
            self._changed.notify_all()
        return self._judged.names()

    def renew(self, file: PictureFile) -> None:
        self._judged.renew(file)

    def note_gone(self, names: Collection[str]) -> None:
        self._judged.note_gone(names)

    def forget(self, names: Collection[str]) -> None:
        self._judged.forget(names)

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.count >= count, PATIENCE_S), "the folder was not read"


class Watch:
    """One run of a box at a folder: each capture is committed to the spool as the daemon does it."""

    def __init__(
        self, folder: Path, spool: Path, *, reports: bool | Callable[[], Reports] = True, keep_s: float = 7 * DAY_S, **settings: object
    ) -> None:
        values = {"kind": "folder", "path": folder, "poll_ms": int(POLL_S * 1e3), **settings}
        self.now_s = 1_000.0
        self.held = threading.Lock()
        """While the test has it, the next capture waits to be committed."""
        self.given_one = threading.Event()
        """Set once the camera has given a capture, committed or waiting to be."""
        self.left_alone = 0
        self.spool = Spool(spool, ballast_bytes=4096, keep_s=keep_s, clock=lambda: self.now_s)
        self.looks = Looks(self.spool.judged_files("cell-01"))
        self.camera = FolderCamera(
            Settings.model_validate(values),
            station="cell-01",
            judged=self.looks,
            on_left_alone=self._leave_alone,
            open_events=reports if callable(reports) else FolderEvents if reports else no_reports,
            monotonic=lambda: self.now_s,
        )
        self._changed = threading.Condition()
        self._captures: list[Capture] = []
        self._thread = threading.Thread(target=self._run, name="watch")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None) -> None:
        self.camera.close()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        self.spool.close()

    def look(self, count: int = 2) -> None:
        """Let the whole folder be read again; of two looks the second began after this call."""
        self.looks.wait_for(self.looks.count + count)

    def settle(self, seconds: float = STAND_STILL_S) -> None:
        """Let time go by, and the folder be read then."""
        self.look()
        self.now_s += seconds
        self.look()

    def wait_for(self, count: int) -> None:
        """Wait until so many captures were given."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._captures) >= count, PATIENCE_S), self.given

    @property
    def captures(self) -> list[Capture]:
        """What was given, in order."""
        with self._changed:
            return list(self._captures)

    @property
    def given(self) -> list[tuple[str, Reason | None]]:
        """Each capture: its source and, of one that was lost, the reason."""
        return [(capture.source, capture.reason if isinstance(capture, LostFrame) else None) for capture in self.captures]

    @property
    def pixels(self) -> list[bytes]:
        """The pixels of each frame."""
        return [capture.pixels.tobytes() for capture in self.captures if isinstance(capture, Frame)]

    def _run(self) -> None:
        for capture in self.camera.frames():
            committed = inspection(next(_numbers), station="cell-01")
            self.given_one.set()
            with self.held:
                self.spool.commit(committed, file=capture.file)
            with self._changed:
                self._captures.append(capture)
                self._changed.notify_all()

    def _leave_alone(self) -> None:
        self.left_alone += 1


@contextmanager
def slow_writer(path: Path, raw: bytes, *, reserve: bool = True) -> Iterator[None]:
    """A copy that stalls in its middle while the block runs, and is finished at its end."""
    with path.open("wb", buffering=0) as file:
        if reserve:
            file.truncate(len(raw))
        file.write(raw[: len(raw) // 2])
        yield
        file.write(raw[len(raw) // 2 :])


def put(folder: Path, name: str, raw: bytes) -> Path:
    """Write a file in one go."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(raw)
    return folder / name


def move_in(folder: Path, name: str, raw: bytes) -> Path:
    """Write a file beside the folder and rename it into place."""
    return put(folder.parent / "beside", name, raw).rename(folder / name)


def other_file_system(beside: Path) -> Path | None:
    """A new folder on another file system, None where the machine has no other that may be written to."""
    for root in (Path("/dev/shm"), Path.home(), Path("/var/tmp")):  # noqa: S108 -- another file system is the point
        if root.is_dir() and os.access(root, os.W_OK) and root.stat().st_dev != beside.stat().st_dev:
            folder = root / f"kotoba-{os.getpid()}-{beside.name}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            return folder
    return None
