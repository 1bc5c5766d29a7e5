"""What is asked of the process whose memory and energy are counted, and what it answers. It loads nothing that a box does not."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from firmware_config.board import Board
from firmware_config.station import Station
from firmware_config.strict import STRICT


class Request(BaseModel):
    """What a process of its own inspects to have its memory and energy counted; `trusted` maps key ids to public keys in hex."""

    model_config = STRICT
    bundle: Path
    trusted: dict[str, str]
    station: Station
    board: Board
    pictures: tuple[Path, ...]


class Spent(BaseModel):
    """Peak memory in MiB, and joules per picture, None where none can be read."""

    model_config = STRICT
    peak_mib: float
    joules: float | None
