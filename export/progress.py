"""How long work reports its progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Report: TypeAlias = Callable[[str], None]
"""Takes one line of progress. A terminal overwrites it with the next one, unless it ends with a newline."""
