"""The settings of a box: its name, paths and limits. Environment variables with the prefix KOTOBA_ override the defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class BoxSettings(BaseSettings):
    """The settings of one box. The command reads them once and passes them on; no other module reads the environment."""

    model_config = SettingsConfigDict(env_prefix="KOTOBA_", frozen=True, extra="forbid")

    box: str = Field(default="kotoba", pattern=r"^[A-Za-z0-9_-]+$")
    stations: Path = Path("/etc/kotoba/stations")
    bundle: Path = Path("/var/lib/kotoba/bundle")
    bundles: Path = Path("/var/lib/kotoba/bundles")
    keys: Path = Path("/etc/kotoba/keys")
    spool: Path = Path("/var/lib/kotoba/spool.sqlite")
    spool_max_bytes: int = Field(default=2_000_000_000, ge=1_000_000)
    spool_keep_days: float = Field(default=7.0, gt=0)
    evidence: Path | None = None
    evidence_max_bytes: int = Field(default=4_000_000_000, ge=1_000_000)
    evidence_keep_days: float = Field(default=30.0, gt=0)
    board: str = "cpu"
    metrics_port: int | None = Field(default=None, ge=0, le=65_535)
    metrics_host: str = "127.0.0.1"
    trial_minutes: float = Field(
        default=10.0, ge=0, le=100_000, description="Minutes for which a bundle in trial sees live pictures, beside the one that judges."
    )
    trial_pictures: int = Field(
        default=20,
        ge=0,
        description="Live pictures that a bundle in trial sees at least; a trial waits for them, however long that takes.",
    )
    trial_memory_mb: int | None = Field(
        default=None, ge=1, description="Megabytes of memory that a bundle in trial may take. Unset: memory_mb of the board."
    )
    trial_fast_enough_ms: float = Field(
        default=0.0, ge=0, description="Milliseconds for a golden picture that are never too slow for a bundle in trial."
    )
    trial_slower: float = Field(
        default=2.0,
        gt=0,
        description="A bundle in trial may take so many times as long for a golden picture as the running one, in processor time on a "
        "board without a GPU; one that is slower goes back.",
    )
    trial_max_passed: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Of the live pictures that the running bundle rejects (NG), the largest share (0 to 1) that may be OK for a bundle in "
        "trial; one that passes more goes back.",
    )
    trial_max_disagreed: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="The largest share (0 to 1) of live pictures that a bundle in trial may decide otherwise; 1: however many.",
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="How the log of `run` and `consume` is written: lines of text, or one JSON object a line."
    )

    @property
    def evidence_folder(self) -> Path:
        """Where pictures are kept: KOTOBA_EVIDENCE, or a folder beside the spool."""
        return self.evidence or self.spool.parent / "evidence"
