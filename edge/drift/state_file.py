"""The windows of all stations in a file beside the spool, so that a restart does not begin a reference anew."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, Field, ValidationError, model_validator

from edge.drift.windows import OpenWindow, Window
from edge.drift.words import Kind, Word
from edge.errors import HistoryError
from firmware_config.regular_file import read_limited
from firmware_config.strict import STRICT
from firmware_config.write import write_atomic

FILE_NAME = "drift.json"
MAX_BYTES = 200_000_000
LATER_WINDOWS = 180
"""Windows that are kept beside the reference: two months of three shifts a day."""


@dataclass(slots=True)
class Counted:
    """What was counted of a station: windows that are over, of the same models and settings, and the one that is not."""

    windows: list[Window]
    current: OpenWindow | None = None

    def add(self, window: Window, *, reference_from: datetime | None, reference_windows: int) -> None:
        """Keep a window that is over; those of other models or settings and those before the reference go, and the oldest later ones."""
        kept = [each for each in self.windows if each.basis == window.basis]
        kept = [each for each in (*kept, window) if reference_from is None or each.start >= reference_from]
        later = kept[reference_windows:]
        self.windows = [*kept[:reference_windows], *later[-LATER_WINDOWS:]]


class _Window(BaseModel):
    model_config = STRICT
    start: AwareDatetime
    end: AwareDatetime
    basis: str
    parts: int = Field(ge=1)
    counts: dict[Kind, dict[str, int]]

    @model_validator(mode="after")
    def _counts_parts(self) -> _Window:
        if not all(0 <= count <= self.parts for words in self.counts.values() for count in words.values()):
            msg = "a word is counted more often than there are parts"
            raise ValueError(msg)
        return self


class _Station(BaseModel):
    model_config = STRICT
    windows: tuple[_Window, ...]
    current: _Window | None


class _File(BaseModel):
    model_config = STRICT
    schema_: str = Field(default="kotoba.drift/1", pattern=r"^kotoba\.drift/1$", alias="schema")
    stations: dict[str, _Station]


def write_counted(path: Path, stations: dict[str, Counted]) -> None:
    """Put the counts of all stations into a file.

    Raises:
        OSError: it cannot be written; the old file is untouched.
    """
    said = {
        name: _Station(
            windows=tuple(map(_said, counted.windows)), current=None if counted.current is None else _said(counted.current.closed())
        )
        for name, counted in stations.items()
    }
    write_atomic(path, _File(stations=said).model_dump_json(by_alias=True).encode())


def read_counted(path: Path) -> dict[str, Counted]:
    """Read the counts of all stations; none where there is no such file.

    Raises:
        HistoryError: the file cannot be read or does not hold counts.
    """
    try:
        file = _File.model_validate_json(read_limited(path, MAX_BYTES))
    except FileNotFoundError:
        return {}
    except OSError as err:
        msg = f"counted words in {path} cannot be read ({err.strerror}): correct the rights of the file"
        raise HistoryError(msg) from err
    except (ValidationError, ValueError) as err:
        msg = f"counted words in {path} are damaged: move the file away, the reference then begins anew"
        raise HistoryError(msg) from err
    return {
        name: Counted([_window(each) for each in station.windows], None if station.current is None else _open(_window(station.current)))
        for name, station in file.stations.items()
    }


def _said(window: Window) -> _Window:
    counts: dict[Kind, dict[str, int]] = {}
    for word, count in sorted(window.counts.items()):
        counts.setdefault(word.kind, {})[word.text] = count
    return _Window(start=window.start, end=window.end, basis=window.basis, parts=window.parts, counts=counts)


def _window(said: _Window) -> Window:
    counts = {Word(kind, text): count for kind, words in said.counts.items() for text, count in words.items()}
    return Window(said.start, said.end, said.basis, said.parts, counts)


def _open(window: Window) -> OpenWindow:
    return OpenWindow(window.start, window.end, window.basis, window.parts, Counter(window.counts))
