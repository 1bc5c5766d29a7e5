"""The steps of a pilot: how long each took over all runs, and results that are kept until something that decides them changes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from export.cache import Cache, Step
from export.progress import Report
from export.texts.pace import duration
from firmware_config.write import write_atomic

TIMES, RESULT = "times.json", "result.json"

_Result = TypeVar("_Result")


class Steps:
    """Steps below `folder`, that of what can be made again. A run that was killed loses the seconds of the step that it was in."""

    def __init__(self, folder: Path, *, report: Report, monotonic: Callable[[], float] = time.monotonic) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._times = folder / TIMES
        self._cache = Cache(folder / "results")
        self._report, self._monotonic = report, monotonic
        self._seconds = _read_seconds(self._times)

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds by step, of all runs together."""
        return {name: round(seconds, 1) for name, seconds in self._seconds.items()}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count the seconds of a step, and say when it ends."""
        started = self._monotonic()
        yield
        taken = self._monotonic() - started
        self._seconds[name] = self._seconds.get(name, 0.0) + taken
        write_atomic(self._times, json.dumps(self._seconds, indent=2).encode())
        self._report(f"{name}: {duration(taken)}\n")

    def kept(self, name: str, kind: type[_Result], make: Callable[[], _Result], *, modules: Sequence[str], decided_by: object) -> _Result:
        """A step whose result is kept as JSON: made again if the code of `modules` or `decided_by`, JSON values, are others."""
        adapter = TypeAdapter(kind)

        def write(folder: Path) -> None:
            write_atomic(folder / RESULT, adapter.dump_json(make(), by_alias=True))

        with self.step(name):
            folder = self._cache.made(Step(name.replace(" ", "-"), tuple(modules)), write, inputs=(), settings=decided_by)
            return adapter.validate_json((folder / RESULT).read_bytes())


def _read_seconds(path: Path) -> dict[str, float]:
    try:
        return TypeAdapter(dict[str, float]).validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return {}
