"""The root that a tree is written onto. No path leads out of it through a link, and every write is whole or not there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from firmware_config.errors import ApplyError
from firmware_config.strict import STRICT
from firmware_config.write import sync_folder

MAX_KEPT_BYTES = 16_000_000
"""A larger file in the place of a settings file is none: it is not replaced."""

UNFINISHED = ".kotoba-new"
"""The end of a temporary file's name: always the same, so that what a kill leaves is overwritten by the next try."""


class FileState(BaseModel):
    """What lies at a path: a file, or a link that is not followed."""

    model_config = STRICT
    kind: Literal["file", "link"]
    mode: int
    uid: int
    gid: int
    digest: str = Field(pattern=r"^[0-9a-f]{64}$", description="sha256 of the content, or of what a link leads to.")


class Target:
    """A root. `owns` says whether files get the owners that they are said to have: only root can give them."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))
        self.owns = os.geteuid() == 0

    def path(self, where: str) -> Path:
        """The place of a path of the tree. Its folders may be links within the root; it may be one itself, which is never followed.

        Raises:
            ApplyError: a folder on the way is a link that leads out of the root, or no folder.
        """
        path = self.root / where
        folder = Path(os.path.realpath(path.parent))
        if not folder.is_relative_to(self.root):
            msg = f"{path.parent} is a link that leads out of {self.root}, to {folder}: take it away"
            raise ApplyError(msg)
        if folder.exists() and not folder.is_dir():
            msg = f"{path.parent} is no folder: take it away"
            raise ApplyError(msg)
        return folder / path.name

    def state(self, where: str) -> FileState | None:
        """What lies there; None: nothing.

        Raises:
            ApplyError: it is a folder or a device, or cannot be read.
        """
        content = self.content(where)
        if content is None:
            return None
        of = self.path(where).lstat()
        kind: Literal["file", "link"] = "link" if stat.S_ISLNK(of.st_mode) else "file"
        digest = hashlib.sha256(content).hexdigest()
        return FileState(kind=kind, mode=stat.S_IMODE(of.st_mode), uid=of.st_uid, gid=of.st_gid, digest=digest)

    def content(self, where: str) -> bytes | None:
        """What is in the file, or what the link leads to; None: nothing is there.

        Raises:
            ApplyError: as of `state`.
        """
        path = self.path(where)
        try:
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                return os.fsencode(path.readlink())
            if not stat.S_ISREG(mode):
                msg = f"{path} is a folder or a device, and a file shall lie there: take it away"
                raise ApplyError(msg)
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
                content = file.read(MAX_KEPT_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as err:
            msg = f"{path} cannot be read ({err.strerror}): run this as root"
            raise ApplyError(msg) from err
        if len(content) > MAX_KEPT_BYTES:
            msg = f"{path} has more than {MAX_KEPT_BYTES} bytes, which no settings file has: take it away"
            raise ApplyError(msg)
        return content

    def put(self, where: str, content: bytes, state: FileState) -> None:
        """Put a file or link there, replacing what there is; after a kill or power cut it is the old one or the new one.

        Raises:
            OSError: the disk is full or read-only, or this user may not.
            ApplyError: a folder on the way leads out of the root.
        """
        path = self.path(where)
        temporary = self.clear(where)
        if state.kind == "link":
            temporary.symlink_to(os.fsdecode(content))
            if self.owns:
                os.chown(temporary, state.uid, state.gid, follow_symlinks=False)
        else:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                if self.owns:
                    os.fchown(file.fileno(), state.uid, state.gid)
                os.fchmod(file.fileno(), state.mode)
                os.fsync(file.fileno())
        temporary.rename(path)
        sync_folder(path.parent)

    def remove(self, where: str) -> None:
        """Take a file away; it may be gone already.

        Raises:
            OSError, ApplyError: as of `put`.
        """
        self.clear(where)
        path = self.path(where)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        if path.parent.is_dir():
            sync_folder(path.parent)

    def clear(self, where: str) -> Path:
        """Take away what an interrupted `put` has left; returns the name of the temporary file.

        Raises:
            OSError, ApplyError: as of `put`.
        """
        path = self.path(where)
        temporary = path.with_name(f".{path.name}{UNFINISHED}")
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        return temporary

    def make_folder(self, where: str, mode: int) -> None:
        """Make a folder if it is not there; one that is there keeps its mode and owner.

        Raises:
            OSError, ApplyError: as of `put`.
        """
        path = self.path(where)
        if not path.is_dir():
            path.mkdir(mode=mode)
            path.chmod(mode)
            sync_folder(path.parent)

    def remove_folder(self, where: str) -> None:
        """Take a folder away if nothing is in it.

        Raises:
            OSError, ApplyError: as of `put`.
        """
        path = self.path(where)
        try:
            path.rmdir()
        except FileNotFoundError:
            return
        except OSError as err:
            if err.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
                raise
        else:
            sync_folder(path.parent)
