"""The LZW code of TIFF, walked without decoding: how many bytes it gives, and whether it ends where it says.

libtiff stops when the rows are full and does not ask how the rest reads. From one clear code to the next the widths of all codes are known
beforehand, so whole tables are read at once.

Source: TIFF 6.0, section 13.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.picture.formats.structure import FormatError
from edge.records import Reason

Codes: TypeAlias = NDArray[np.int32]

_CLEAR, _END, _FIRST_FREE = 256, 257, 258
_TABLE_CODES = 4_096 - _FIRST_FREE + 1
"""As many codes as fill a table of 12 bits, and the clear code after them."""

_WIDTHS = np.repeat(np.array([9, 10, 11, 12], np.int32), [254, 512, 1_024, _TABLE_CODES - 1_790])
"""Bits of the n-th code after a clear code: a code grows one code before the table needs it."""
_OFFSETS = np.concatenate(([0], np.cumsum(_WIDTHS)))


def decoded_bytes(code: NDArray[np.uint8]) -> int:
    """How many bytes a strip decodes to; `code` uint8 (N,).

    Raises:
        FormatError: it does not begin with a clear code, names a string that is not there yet, or has no end code in its last bytes.
    """
    padded = np.concatenate((code, np.zeros(4, np.uint8)))
    at_bit, last_bit, tables = 9, 8 * len(code), list[Codes]()
    if last_bit < 9 or int(padded[0]) << 1 | int(padded[1]) >> 7 != _CLEAR:
        raise FormatError(Reason.UNREADABLE, "is damaged (its LZW code has no beginning)")
    while True:
        codes = _codes(padded, at_bit, last_bit)
        stops = np.flatnonzero((codes == _CLEAR) | (codes == _END))
        if not len(stops):
            raise FormatError(Reason.UNREADABLE, "is damaged (its LZW code has no end)")
        stop = int(stops[0])
        tables.append(codes[:stop])
        at_bit += int(_OFFSETS[stop + 1])
        if codes[stop] == _END:
            break
    if last_bit - at_bit >= 16:  # writers fill up to an even byte
        raise FormatError(Reason.UNREADABLE, "is damaged (its LZW code ends early)")
    return _length(tables)


def _codes(padded: NDArray[np.uint8], at_bit: int, last_bit: int) -> Codes:
    """All codes that may stand between one clear code and the next."""
    count = int(np.searchsorted(_OFFSETS, last_bit - at_bit, side="right")) - 1
    if count <= 0:
        return np.zeros(0, np.int32)
    places = _OFFSETS[:count] + at_bit
    first = places >> 3
    span = padded[int(first[0]) : int(first[-1]) + 3].astype(np.int32)
    first -= first[0]
    window = span[first] << 16 | span[first + 1] << 8 | span[first + 2]
    widths = _WIDTHS[:count]
    return np.asarray(window >> (24 - (places & 7) - widths) & ((1 << widths) - 1), np.int32)


def _length(tables: Sequence[Codes]) -> int:
    """Bytes of all strings that the codes name: a string is one byte longer than the one that was named a code before it was made."""
    codes = np.concatenate(tables)
    starts = np.repeat(np.cumsum([0, *map(len, tables[:-1])]), list(map(len, tables))).astype(np.int32)
    named = codes - _FIRST_FREE + starts
    if ((named >= np.arange(len(codes))) | ((codes >= _CLEAR) & (named < starts))).any():
        raise FormatError(Reason.UNREADABLE, "is damaged (its LZW code names a string that is not there)")
    lengths, longer = np.ones(len(codes), np.int32), named
    longer[codes < _CLEAR] = -1
    waiting = np.flatnonzero(longer >= 0)
    while len(waiting):
        before = longer[waiting]
        lengths[waiting] += lengths[before]
        longer[waiting] = longer[before]
        waiting = waiting[longer[waiting] >= 0]
    return int(lengths.sum(dtype=np.int64))
