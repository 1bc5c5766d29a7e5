"""What a daemon and the child process of a bundle in trial say to each other: lines of JSON, the pixels of a picture after its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field

from edge.records import Pixels
from firmware_config.board import Board
from firmware_config.station import Station
from firmware_config.strict import STRICT

MAX_LINE_BYTES = 4_000_000
"""Of a line in either direction: an inspection has some kilobytes, the stations of a box some hundred."""

MAX_PICTURE_BYTES = 3 * 268_435_456


class Task(BaseModel):
    """What the child runs. `digest` is that of the bundle whose signature the parent has checked; `parent` its process id."""

    model_config = STRICT
    bundle: Path
    digest: str
    keys: Path
    board: Board
    stations: tuple[Station, ...]
    parent: int
    data_bytes: int | None = Field(description="The most that it may allocate; None: the board's libraries reserve more than they use.")


class Asked(BaseModel):
    """One picture to inspect: a golden one by its number, or the live one of a station (by its number), whose pixels follow."""

    model_config = STRICT
    golden: int | None = None
    station: int = 0
    height: int = Field(default=0, ge=0)
    width: int = Field(default=0, ge=0)
    source: str = ""
    captured_at: AwareDatetime | None = None

    @property
    def pixel_bytes(self) -> int:
        """How many bytes follow the line."""
        return self.height * self.width * 3


class Answer(BaseModel):
    """What the child says: `refused` why the bundle cannot run, in one sentence; or an inspection and what it took.

    The first answer says that the models are loaded and has no inspection.
    """

    model_config = STRICT
    refused: str | None = None
    inspection: dict[str, Any] | None = None
    wall_ms: float = 0.0
    cpu_ms: float = 0.0


def line(message: BaseModel) -> bytes:
    """A message as it goes through the pipe: with what was given only, as a station file may not say what only follows from others."""
    return message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"


def picture_of(pixels: Pixels, *, station: int, source: str, captured_at: AwareDatetime) -> Asked:
    """What asks for an inspection of a live picture, uint8 (H, W, 3) BGR."""
    name = source.encode(errors="backslashreplace").decode()
    return Asked(station=station, height=pixels.shape[0], width=pixels.shape[1], source=name, captured_at=captured_at)
