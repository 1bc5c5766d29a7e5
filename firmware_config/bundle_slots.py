"""Where the two bundle slots of a box lie, and paths that lead into one of them.

A station may name a file of its bundle, such as the calibration that came with it. The next bundle lies in the other slot, and the path
stays the same: it means the file of that name in the bundle that judges.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

SlotName = Literal["a", "b"]
SLOTS: tuple[SlotName, SlotName] = ("a", "b")
STATE_NAME = "state.json"
"""Beside the slots; its content is `edge.slots.state.State`."""


def inside_slot(path: Path) -> tuple[Path, str] | None:
    """Of a path that leads into a slot: the folder of both slots, and the path inside the bundle. None of any other."""
    for folder in path.absolute().parents:
        if folder.name in SLOTS and (folder.parent / STATE_NAME).exists():
            return folder.parent, path.absolute().relative_to(folder).as_posix()
    return None
