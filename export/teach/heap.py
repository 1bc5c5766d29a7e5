"""The C library's heap: how it treats the large blocks that training takes and frees in every step."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Parameters of mallopt(3)."""
LARGEST_BLOCK_BYTES = 1 << 25
"""The most that glibc takes: blocks up to this size come from the heap, not from the kernel."""
KEPT_BYTES, GROWTH_BYTES = 2**31 - 1, 1 << 28


def keep_freed_memory() -> None:
    """Let the heap keep what is freed, as training takes it again at once.

    Otherwise glibc returns each large block to the kernel, which clears every page of the next one: a third of the time of a training step.
    Where there is no glibc, nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for parameter, value in ((M_MMAP_THRESHOLD, LARGEST_BLOCK_BYTES), (M_TRIM_THRESHOLD, KEPT_BYTES), (M_TOP_PAD, GROWTH_BYTES)):
            mallopt(parameter, value)
