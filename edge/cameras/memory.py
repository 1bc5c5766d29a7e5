"""A camera that gives what it was given, and judged files that are kept nowhere: for tests of what comes after."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator

from edge.records import Capture, PictureFile, Trouble


class MemoryCamera:
    """Yields prepared captures; with `hold`, stays open after the last one as a live camera does."""

    def __init__(self, captures: Iterable[Capture], *, hold: bool = False) -> None:
        self._captures = captures
        self._hold = hold
        self._closed = threading.Event()

    def frames(self) -> Iterator[Capture]:
        """Yield them; see `edge.interfaces.Camera`."""
        for capture in self._captures:
            if self._closed.is_set():
                return
            yield capture
        if self._hold:
            self._closed.wait()

    def troubles(self) -> tuple[Trouble, ...]:
        """Nothing: memory is always there."""
        return ()

    def close(self) -> None:
        """End `frames`; may be called twice."""
        self._closed.set()


class JudgedInMemory:
    """Judged files as `edge.interfaces.JudgedFiles` has them, forgotten at the end. `commit` says that one is judged."""

    def __init__(self) -> None:
        self._files: dict[str, PictureFile] = {}
        self._gone: set[str] = set()

    def commit(self, file: PictureFile) -> None:
        """Note that the inspection of a file is committed."""
        self._files[file.name] = file
        self._gone.discard(file.name)

    def find(self, name: str) -> PictureFile | None:
        """The file as it was judged."""
        return self._files.get(name)

    def is_gone(self, name: str) -> bool:
        """Whether it was seen to be gone."""
        return name in self._gone

    def names(self) -> Collection[str]:
        """The names of those that are not gone."""
        return self._files.keys() - self._gone

    def renew(self, file: PictureFile) -> None:
        """Note another time."""
        self.commit(file)

    def note_gone(self, names: Collection[str]) -> None:
        """Note that files are gone."""
        self._gone.update(self._files.keys() & set(names))

    def forget(self, names: Collection[str]) -> None:
        """Forget files that are gone for good."""
        for name in names:
            self._files.pop(name, None)
            self._gone.discard(name)
