"""Reads the embeddings of a vocabulary, a .npy file: its header is data that says how the rest is read, so it is checked first."""

from __future__ import annotations

import io
from math import prod

import numpy as np
from numpy.typing import NDArray

MAX_EMBEDDINGS_BYTES = 1_000_000_000
"""A hundred thousand words with 2,048 numbers each."""

_MAX_HEADER_CHARACTERS = 1_000


def embeddings_of(raw: bytes, *, rows: int) -> NDArray[np.float32]:
    """The array of a .npy file, float32 (`rows`, D) with at least one row and one column.

    Raises:
        ValueError: it is no such array, or cut off; the message says what it is instead.
    """
    file = io.BytesIO(raw)
    try:
        reads = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        read_header = reads[np.lib.format.read_magic(file)]
        shape, by_column, dtype = read_header(file, max_header_size=_MAX_HEADER_CHARACTERS)
    except Exception as err:  # numpy hands through what Python's own parser of literals raises
        msg = "no .npy file"
        raise ValueError(msg) from err
    kind = f"{dtype} {shape}"
    if dtype != np.dtype("<f4") or len(shape) != 2 or min(shape) < 1 or shape[0] != rows:
        raise ValueError(kind)
    if by_column or prod(shape) * dtype.itemsize != len(raw) - file.tell():
        msg = f"{kind} in {len(raw) - file.tell()} bytes"
        raise ValueError(msg)
    embeddings = np.frombuffer(raw, dtype, offset=file.tell()).reshape(shape)
    if not np.isfinite(embeddings).all():
        msg = f"{kind} with numbers that are not finite"
        raise ValueError(msg)
    return embeddings
