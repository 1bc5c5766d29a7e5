"""Arrays in a memory file: row by row, little-endian, in base64."""

from __future__ import annotations

import base64
import binascii

import numpy as np
from numpy.typing import NDArray


def array_text(values: NDArray[np.floating]) -> str:
    """The text of numbers, which are written as float32."""
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()


def array_of(text: str, size: int) -> NDArray[np.float64]:
    """The numbers in a text, float64 (size,).

    Raises:
        ValueError: there are more or fewer of them, or one is not finite.
    """
    values: NDArray[np.float32] = np.frombuffer(_bytes(text, 4 * size), "<f4")
    if not np.isfinite(values).all():
        msg = "an array holds a number that is not finite"
        raise ValueError(msg)
    return values.astype(np.float64)


def grey_text(pictures: NDArray[np.uint8]) -> str:
    """The text of grey levels."""
    return base64.b64encode(np.ascontiguousarray(pictures, np.uint8).tobytes()).decode()


def grey_of(text: str, size: int) -> NDArray[np.uint8]:
    """The grey levels in a text, uint8 (size,).

    Raises:
        ValueError: there are more or fewer of them.
    """
    return np.frombuffer(_bytes(text, size), np.uint8)


def _bytes(text: str, size: int) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as err:
        msg = f"an array is not base64 ({err})"
        raise ValueError(msg) from err
    if len(raw) != size:
        msg = f"an array has {len(raw)} bytes, expected {size}"
        raise ValueError(msg)
    return raw
