"""What this machine's processor can do."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest


def multiplies_bytes_exactly() -> bool:
    """Whether products of 8-bit numbers do not saturate: x86 with VNNI or AMX, or another architecture."""
    if platform.machine() != "x86_64":
        return True
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    return any(f" {name}" in flags for name in ("avx512_vnni", "avx_vnni", "amx_int8"))


needs_exact_byte_products = pytest.mark.skipif(
    not multiplies_bytes_exactly(), reason="8-bit weights saturate on this processor, which has no VNNI: docs/export.md says to use int8"
)
