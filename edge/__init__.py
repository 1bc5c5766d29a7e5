"""The daemon of Kotoba Edge."""

from __future__ import annotations

from edge.environment import ENVIRONMENT

__all__ = ["ENVIRONMENT"]
