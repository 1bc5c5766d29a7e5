"""Ids of inspections: UUIDs of version 7 (RFC 9562) that grow from one to the next, whatever the wall clock does."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable

_MS_BITS, _TAIL_BITS = 48, 74
"""A UUIDv7 holds milliseconds since 1970, 4 bits of version, 12 bits, 2 bits of variant, 62 bits. The 74 free bits are one number here."""

_STEP_BITS = 32
"""Within a millisecond the next id is ahead by a random number of this many bits, so that ids of two boxes do not meet."""

_ORDERED = re.compile(r"[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}")


class OrderedIds:
    """Makes ids, 32 hexadecimal digits each, one greater than the other. Safe to use from several threads.

    They carry the wall clock's milliseconds as long as it goes forward. While it stands still, or after it was set back, they go on from
    the last one. `after` is an id that all of them are greater than, as the last one in the spool; one of another kind is no bound.
    """

    def __init__(
        self,
        *,
        after: str | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        random_bits: Callable[[int], int] = secrets.randbits,
    ) -> None:
        self._now_ms = now_ms
        self._random_bits = random_bits
        self._lock = threading.Lock()
        self._last = _number(after) if after is not None and _ORDERED.fullmatch(after) else 0

    def __call__(self) -> str:
        """Make the next id."""
        with self._lock:
            ms = min(max(self._now_ms(), 0), (1 << _MS_BITS) - 1)
            # The highest bit stays free, so that a first id of a millisecond is never near its end.
            fresh = ms << _TAIL_BITS | self._random_bits(_TAIL_BITS - 1)
            is_ahead = ms > self._last >> _TAIL_BITS
            self._last = fresh if is_ahead else self._last + 1 + self._random_bits(_STEP_BITS)
            return _text(self._last)


def _text(number: int) -> str:
    ms, first, second = number >> _TAIL_BITS, number >> 62 & 0xFFF, number & (1 << 62) - 1
    return f"{ms:012x}7{first:03x}{0b10 << 62 | second:016x}"


def _number(text: str) -> int:
    return int(text[:12], 16) << _TAIL_BITS | int(text[13:16], 16) << 62 | int(text[16:], 16) & (1 << 62) - 1
