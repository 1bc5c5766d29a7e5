"""Benchmarks of the ways taken beside those not taken; they run from the repository."""

from __future__ import annotations

import edge  # noqa: F401 -- before NumPy: one BLAS thread, as on the device
