"""Arrays that are written to disk part by part."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap


def new_array(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[Any]]:
    """Create a .npy file and map it into memory. Its room is taken at once: on a full disk, a map of a file with holes kills the process.

    Raises:
        OSError: the disk has too little room.
    """
    array: np.memmap[Any, np.dtype[Any]] = open_memmap(path, "w+", dtype, shape)
    with path.open("rb+") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array
