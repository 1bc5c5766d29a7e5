"""How far a trial is, in a file beside the slots: `kotoba-edge bundle list` shows it. It is a report; state.json is what counts."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from firmware_config.regular_file import read_limited
from firmware_config.strict import STRICT
from firmware_config.write import write_atomic

FILE_NAME = "trial.json"
MAX_BYTES = 100_000

Phase = Literal["measuring the running bundle", "loading", "golden pictures", "live pictures", "taking over"]


class Progress(BaseModel):
    """A trial under way. Counts are of live pictures that both bundles have judged."""

    model_config = STRICT
    digest: str
    phase: Phase
    at: AwareDatetime
    pictures: int = Field(default=0, ge=0)
    disagreed: int = Field(default=0, ge=0)
    rejected: int = Field(default=0, ge=0, description="Rejected by the running bundle.")
    passed: int = Field(default=0, ge=0, description="OK for the bundle in trial, of those rejected by the running one.")
    shadow_until: AwareDatetime | None = None

    def __str__(self) -> str:
        if self.phase != "live pictures":
            return self.phase
        share = self.disagreed / self.pictures if self.pictures else 0.0
        text = f"{self.pictures} live pictures, {self.disagreed} decided otherwise ({share:.1%})"
        return f"{text}, OK to {self.passed} of {self.rejected} rejected ones" if self.rejected else text


def write_progress(folder: Path, progress: Progress) -> None:
    """Write it; what cannot be written is left out, for nothing hangs on it."""
    with contextlib.suppress(OSError):
        write_atomic(folder / FILE_NAME, progress.model_dump_json().encode())


def read_progress(folder: Path) -> Progress | None:
    """How far the trial is; None where nothing says so."""
    try:
        return Progress.model_validate_json(read_limited(folder / FILE_NAME, MAX_BYTES))
    except (OSError, ValueError, ValidationError):
        return None


def forget_progress(folder: Path) -> None:
    """The trial is over."""
    with contextlib.suppress(OSError):
        (folder / FILE_NAME).unlink()
