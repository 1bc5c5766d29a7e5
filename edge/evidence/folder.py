"""The evidence folder: one PNG for each picture, named by the sha256 of its pixels, in a folder for each decision.

    review/DIGEST.png  ng/DIGEST.png  fault/DIGEST.png  ok/DIGEST.png

DIGEST is the `evidence.sha256` of the verdict: that of the pixels as uint8 BGR, row by row, without the file's head. Quota and days are
held by the real sizes on disk. Pictures that were OK go first, the oldest first, then the others, the oldest first. Their order and age are
the modification times, which this module sets by a clock of its own: it goes on from the newest picture while the box runs, so that no step
of the wall clock ages a picture.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

from edge.errors import EvidenceError
from edge.records import Decision

RESERVE_BYTES = 600_000_000
"""Left free on the disk, which is mostly the spool's too: `kotoba-edge doctor` asks for 500 MB."""

KINDS = tuple(decision.value.lower() for decision in Decision)
_OK = Decision.OK.value.lower()
_NAME = re.compile(r"[0-9a-f]{64}\.png")
_UNFINISHED = ".new"
_BLOCK_BYTES = 4096
"""File systems hand out space in blocks, mostly of this size: before a file is written its size on disk is guessed by it."""

_PROBE_BYTES = 4_096
"""Written and taken away again when the folder is opened: only that shows whether a disk takes something."""


def path_of(decision: Decision, sha256: str) -> str:
    """Where a picture is kept inside of the evidence folder."""
    return f"{decision.value.lower()}/{sha256}.png"


class EvidenceFolder:
    """Keeps pictures at `root`. For one process and one thread, but for `used_bytes`, which anybody may read.

    `keep_s` is in seconds that the box runs. `reserve_bytes` stay free on the disk.
    """

    def __init__(
        self,
        root: Path,
        *,
        max_bytes: int,
        keep_s: float,
        reserve_bytes: int = RESERVE_BYTES,
        clock: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self.root = root
        self._max_bytes = max_bytes
        self._keep_ns = int(keep_s * 1e9)
        self._reserve_bytes = reserve_bytes
        self._clock = clock
        self._began_ns = 0
        self._newest_ns = 0
        self._ok: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._others: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self.used_bytes = 0

    @property
    def count(self) -> int:
        """How many pictures are kept."""
        return len(self._ok) + len(self._others)

    def open(self) -> None:
        """Make the folder if it is missing, take away what was never finished, and count what is there.

        Raises:
            EvidenceError: it cannot be made, read or written, or its disk is nearly full.
        """
        with self._translated("opening it"):
            for folder in (self.root, *(self.root / kind for kind in KINDS)):
                with contextlib.suppress(FileExistsError):
                    folder.mkdir(mode=0o700)
            found = sorted(self._scan(sweep=True), key=lambda one: one[1])
            self._ok.clear()
            self._others.clear()
            self.used_bytes = 0
            for path, mtime_ns, size in found:
                self._note(path, mtime_ns, size)
            self._newest_ns = found[-1][1] if found else time.time_ns()
            self._began_ns = self._newest_ns - int(self._clock() * 1e9)
            self._make_room(0)
        self._require_free(0)
        with self._translated("trying it"):
            unfinished, _, _ = self._written(f"{KINDS[0]}/probe", bytes(_PROBE_BYTES))
            unfinished.unlink()

    def look(self) -> tuple[int, int]:
        """How many pictures there are and what they take of the disk. Changes nothing: another process may have the folder open.

        Raises:
            EvidenceError: it is missing with the folder that it would lie in, cannot be read, or the disk is nearly full.
        """
        with self._translated("looking into it"):
            if not self.root.exists():
                self.root.parent.resolve(strict=True)
                return 0, 0
            sizes = [size for _, _, size in self._scan(sweep=False)]
            if shutil.disk_usage(self.root).free < self._reserve_bytes:
                raise self._nearly_full(0)
            return len(sizes), sum(sizes)

    def refresh(self, path: str) -> bool:
        """Make a picture that is there already the newest; False if it is not there.

        Raises:
            EvidenceError: the folder cannot be written.
        """
        pictures = self._of(path)
        if path not in pictures:
            return False
        now_ns = self._now_ns()
        with self._translated("keeping a picture"):
            try:
                os.utime(self.root / path, ns=(now_ns, now_ns), follow_symlinks=False)
            except FileNotFoundError:  # somebody took it away
                self._forget(path)
                return False
        pictures[path] = (now_ns, pictures[path][1])
        pictures.move_to_end(path)
        return True

    def put(self, path: str, png: bytes) -> None:
        """Keep a picture that is not there yet. It is there whole or not at all.

        Raises:
            EvidenceError: it cannot be written, the disk is nearly full, or the picture alone is larger than the quota.
        """
        size = -(-len(png) // _BLOCK_BYTES) * _BLOCK_BYTES
        if size > self._max_bytes:
            has = f"it has {len(png)} bytes, KOTOBA_EVIDENCE_MAX_BYTES is {self._max_bytes}"
            msg = f"keeping a picture in the evidence folder {self.root}: {has}: raise it"
            raise EvidenceError(msg)
        with self._translated("keeping a picture"):
            self._make_room(size)
        self._require_free(size)
        with self._translated("keeping a picture"):
            # On disk before it has its name: a power cut leaves no half picture under it. The name itself may be lost.
            unfinished, mtime_ns, on_disk = self._written(path, png)
            unfinished.rename(self.root / path)
            self._note(path, mtime_ns, on_disk)

    def prune(self) -> None:
        """Take away what is older than `keep_s`.

        Raises:
            EvidenceError: it cannot be taken away.
        """
        with self._translated("taking away old pictures"):
            self._make_room(0)

    def _scan(self, *, sweep: bool) -> Iterator[tuple[str, int, int]]:
        """Path, time and size on disk of each picture. What is no picture of ours is left alone."""
        for kind in KINDS:
            with os.scandir(self.root / kind) as entries:
                for entry in entries:
                    if entry.name.endswith(_UNFINISHED) and entry.is_file(follow_symlinks=False):
                        if sweep:
                            Path(entry.path).unlink(missing_ok=True)
                    elif _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                        with contextlib.suppress(FileNotFoundError):
                            facts = entry.stat(follow_symlinks=False)
                            yield f"{kind}/{entry.name}", facts.st_mtime_ns, _bytes_on_disk(facts)

    def _written(self, path: str, content: bytes) -> tuple[Path, int, int]:
        """A new file beside `path` with this content, which is on disk; its name, time and size there."""
        target = self.root / path
        unfinished = target.with_name(f".{target.name}{_UNFINISHED}")
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                view = memoryview(content)
                while view:
                    view = view[file.write(view) :]
                os.fdatasync(descriptor)
                now_ns = self._now_ns()
                os.utime(descriptor, ns=(now_ns, now_ns))
                return unfinished, now_ns, _bytes_on_disk(os.fstat(descriptor))
        except BaseException:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise

    def _make_room(self, size: int) -> None:
        """Take away what is too old, then what is over the quota with `size` bytes more."""
        too_old_ns = self._time_ns() - self._keep_ns
        for pictures in (self._ok, self._others):
            while pictures and next(iter(pictures.values()))[0] < too_old_ns:
                self._take_away(next(iter(pictures)))
        while self.used_bytes + size > self._max_bytes and self.count:
            self._take_away(next(iter(self._ok or self._others)))

    def _require_free(self, size: int) -> None:
        """See that the disk has its reserve with `size` bytes more. Pictures that were OK make room for that, the others do not.

        Raises:
            EvidenceError: it has not.
        """
        with self._translated("looking at its disk"):
            while shutil.disk_usage(self.root).free < self._reserve_bytes + size:
                if not self._ok:
                    raise self._nearly_full(size)
                self._take_away(next(iter(self._ok)))

    def _nearly_full(self, size: int) -> EvidenceError:
        left = f"fewer than {(self._reserve_bytes + size) / 1e6:.0f} MB are free"
        return EvidenceError(f"the evidence folder {self.root} takes no picture, {left} on its disk: make room there")

    def _take_away(self, path: str) -> None:
        (self.root / path).unlink(missing_ok=True)
        self._forget(path)

    def _of(self, path: str) -> OrderedDict[str, tuple[int, int]]:
        return self._ok if path.startswith(f"{_OK}/") else self._others

    def _note(self, path: str, mtime_ns: int, size: int) -> None:
        self._of(path)[path] = (mtime_ns, size)
        self.used_bytes += size

    def _forget(self, path: str) -> None:
        _, size = self._of(path).pop(path)
        self.used_bytes -= size

    def _time_ns(self) -> int:
        return self._began_ns + int(self._clock() * 1e9)

    def _now_ns(self) -> int:
        """The time of a new picture: after that of every other one."""
        self._newest_ns = max(self._newest_ns + 1, self._time_ns())
        return self._newest_ns

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as err:
            advice = "look at the disk, or correct KOTOBA_EVIDENCE or the folder's rights"
            msg = f"evidence folder {self.root}: {doing}: {err.strerror}: {advice}"
            raise EvidenceError(msg) from err


def _bytes_on_disk(facts: os.stat_result) -> int:
    """What a file takes of the disk: whole blocks, which st_blocks counts in 512 bytes everywhere on Linux."""
    return max(facts.st_size, facts.st_blocks * 512)
