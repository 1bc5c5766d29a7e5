"""The stages of teaching, each made once: says which one begins, how long it took, and what the disk or a picture refuses."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from export.cache import Cache, Step
from export.errors import BuildError
from export.progress import Report

TOOK = "took.json"
"""In the folder of each finished stage: the seconds that it took."""


class Stages:
    """Makes stages in a cache. `took` has the seconds of every stage that was asked for, also of one that an earlier run made."""

    def __init__(self, cache: Cache, *, report: Report) -> None:
        self.cache = cache
        self.took: dict[str, float] = {}
        self._report = report

    def made(
        self,
        step: Step,
        make: Callable[[Path], object],
        *,
        inputs: Iterable[Path],
        settings: Any = None,  # noqa: ANN401 -- JSON
        title: str | None = None,
    ) -> Path:
        """The folder of a stage, as `export.cache.Cache.made` gives it; `title` tells stages of one step apart.

        Raises:
            BuildError: a file cannot be read or written.
        """
        name = title or step.name
        new = False

        def timed(folder: Path) -> None:
            nonlocal new
            new = True
            self._report(f"stage {name}: begins\n")
            started = time.monotonic()
            make(folder)
            (folder / TOOK).write_text(json.dumps({"seconds": round(time.monotonic() - started, 1)}) + "\n", encoding="utf-8")

        try:
            folder = self.cache.made(step, timed, inputs=inputs, settings=settings)
            took = folder / TOOK
            seconds = json.loads(took.read_text(encoding="utf-8"))["seconds"] if took.exists() else math.nan
        except OSError as err:
            what = f"{err.filename or self.cache.folder} cannot be read or written ({err.strerror or err})"
            msg = f"teaching, stage {name}: {what}: correct that, and run the same command again, which keeps what is finished"
            raise BuildError(msg) from err
        if name not in self.took:
            self._report(f"stage {name}: took {seconds:.0f} s\n" if new else f"stage {name}: kept from an earlier run\n")
        self.took[name] = seconds
        return folder
