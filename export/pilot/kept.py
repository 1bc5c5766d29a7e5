"""Arrays that are made once: a file is whole or it is not there, and a damaged one is made again."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.errors import BuildError
from firmware_config.write import write_atomic

Arrays = dict[str, NDArray[np.generic]]


def kept_arrays(path: Path, make: Callable[[], Mapping[str, NDArray[np.generic]]]) -> Arrays:
    """The arrays of an .npz file, which is made first if it is not there. Whoever names the file answers for what it was made from.

    Raises:
        BuildError: the file cannot be written.
    """
    found = _read(path)
    if found is not None:
        return found
    made = dict(make())
    content = io.BytesIO()
    np.savez(content, **made)  # type: ignore[arg-type]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content.getvalue())
    except OSError as err:
        msg = f"{path} cannot be written ({err.strerror}): make room, or give another folder as --out"
        raise BuildError(msg) from err
    return made


def _read(path: Path) -> Arrays | None:
    try:
        content = io.BytesIO(path.read_bytes())  # numpy leaves a file open that it cannot read
        with np.load(content, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
