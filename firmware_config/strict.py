"""How every configuration file is read."""

from __future__ import annotations

from pydantic import ConfigDict

STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
"""An unknown key, NaN or infinity is an error, never repaired."""
