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
    log_format: Literal["text", "json"] = Field(
        default="text", description="How the log of `run` and `consume` is written: lines of text, or one JSON object a line."
    )

    @property
    def evidence_folder(self) -> Path:
        """Where pictures are kept: KOTOBA_EVIDENCE, or a folder beside the spool."""
        return self.evidence or self.spool.parent / "evidence"
