"""A folder in memory, where there is one: what a kill or a fault leaves is the same there, and a slow disk takes minutes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 -- the folder in it is made by tempfile


@contextmanager
def folder_in_memory(otherwise: Path) -> Iterator[Path]:
    """Give a folder that is gone afterwards; below `otherwise` on a machine without such memory."""
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else otherwise) as folder:
        yield Path(folder)
