"""What an examination finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How a part is: it works, it works and could do better, it works but a person must know something, or it fails."""

    OK = "ok"
    HINT = "hint"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the box, how it is, and one sentence on what it runs on, what to know of it, or why it fails."""

    part: str
    level: Level
    detail: str

    @property
    def healthy(self) -> bool:
        """Whether the box can run with this part as it is."""
        return self.level is not Level.FAIL
