"""What is asked of the process that measures, and what it answers: JSON between two processes of one version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from firmware_config.board import Board
from firmware_config.strict import STRICT


class Request(BaseModel):
    """Which bundle and stations are measured on which board. `seconds` are those of the pictures; loading comes on top.

    `trusted` maps key ids to public keys in hex. `judge` is "llama.cpp" to leave out the bundle's graph of the language model. A `behind`
    process stands back for others on the processor. `root` is where the files of the machine lie.
    """

    model_config = STRICT
    bundle: Path
    trusted: dict[str, str]
    stations: Path
    board: Board
    seconds: float
    judge: Literal["as built", "llama.cpp"] = "as built"
    behind: bool = False
    root: Path = Path("/")


def in_hex(trusted: Mapping[str, bytes]) -> dict[str, str]:
    """Keys as a request names them."""
    return {identity: public.hex() for identity, public in trusted.items()}


class StationTimes(BaseModel):
    """Milliseconds of the pictures of one station: of the whole way from the file to the scores, and the median of each stage."""

    model_config = STRICT
    station: str
    pictures: int
    p50_ms: float
    p95_ms: float
    stages_ms: dict[str, float]


class Scored(BaseModel):
    """What one station said of one picture: the likeliest label of the likeliest decision, and the probability (0..1) of that decision."""

    model_config = STRICT
    station: str
    picture: str
    label: str
    probability: float


class GraphPlacement(BaseModel):
    """Where one graph runs; see `edge.records.Placement`."""

    model_config = STRICT
    stage: str
    devices: str
    nodes: dict[str, int]


class Measured(BaseModel):
    """The cost of a box's models. Memory is that of the whole process, in MB, None where it cannot be read.

    `joules_per_picture` is None where no energy can be read; `energy` says what was read, or why nothing could be. `judge` is None where
    no station needs the language model.
    """

    model_config = STRICT
    load_s: float
    stations: tuple[StationTimes, ...]
    scored: tuple[Scored, ...]
    placements: tuple[GraphPlacement, ...]
    judge: str | None
    resident_mb: float | None
    peak_mb: float | None
    joules_per_picture: float | None
    energy: str

    @property
    def p50_ms(self) -> float:
        """Median time of a picture, the mean over the stations."""
        return sum(times.p50_ms for times in self.stations) / len(self.stations)

    @property
    def p95_ms(self) -> float:
        """95th percentile of the time of a picture, that of the slowest station."""
        return max(times.p95_ms for times in self.stations)


class Failed(BaseModel):
    """Why nothing could be measured, one sentence."""

    model_config = STRICT
    failed: str
