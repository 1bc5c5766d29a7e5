"""The settings of a box: its name, paths and limits. Environment variables with the prefix KOTOBA_ override the defaults."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from firmware_config.errors import ConfigError, first_mistake
from firmware_config.regular_file import read_limited

PREFIX = "KOTOBA_"

FILE = Path("/etc/kotoba/environment")
"""Where systemd gets the variables of the service from."""

MAX_FILE_BYTES = 1_000_000

WORKSTATION_VARIABLES = {
    "KOTOBA_LLAMA_CPP": "For `kotoba-export` only: a checkout of llama.cpp, whose converter is used instead of the installed package's.",
}
"""Variables with the prefix that are no settings of a box, and what each is for."""


class BoxSettings(BaseSettings):
    """The settings of one box. The command reads them once and passes them on; no other module reads the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    box: str = Field(
        default="kotoba",
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Name of the box: letters, digits, - and _. It stands in the topics that the box speaks on, so no two boxes at one "
        "broker and site path may share it.",
    )
    stations: Path = Field(default=Path("/etc/kotoba/stations"), description="Folder of the station files (*.toml).")
    bundle: Path = Field(default=Path("/var/lib/kotoba/bundle"), description="Folder of the bundle that the stations run on.")
    bundles: Path = Field(
        default=Path("/var/lib/kotoba/bundles"),
        description="Folder of the two slots of `kotoba-edge bundle install`. A box with slots runs what is in them, unless KOTOBA_BUNDLE "
        "is set.",
    )
    keys: Path = Field(default=Path("/etc/kotoba/keys"), description="Folder of the public keys (*.pub) whose bundles are trusted.")
    spool: Path = Field(
        default=Path("/var/lib/kotoba/spool.sqlite"),
        description="The file of the box's verdicts. Its folder holds what the box must not forget; one daemon has it at a time.",
    )
    spool_max_bytes: int = Field(default=2_000_000_000, ge=1_000_000, description="Bytes that the spool may take on the disk.")
    spool_keep_days: float = Field(
        default=7.0, gt=0, description="Days for which delivered verdicts stay in the spool, so that they can be sent again."
    )
    evidence: Path | None = Field(
        default=None, description="Folder in which pictures of verdicts are kept. Unset: the folder `evidence` beside the spool."
    )
    evidence_max_bytes: int = Field(default=4_000_000_000, ge=1_000_000, description="Bytes that the kept pictures may take on the disk.")
    evidence_keep_days: float = Field(default=30.0, gt=0, description="Days for which pictures are kept.")
    board: str = Field(default="cpu", description="The board profile that the models run on: its name, or the path of a .toml file.")
    metrics_port: int | None = Field(
        default=None, ge=0, le=65_535, description="TCP port of the metrics for Prometheus; 0: one that is free. Unset: none are served."
    )
    metrics_host: str = Field(default="127.0.0.1", description="Address of this box on which the metrics are served.")

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


def read_settings(file: Path = FILE) -> BoxSettings:
    """Read the settings from the environment; where that has none of them, from the file of the service.

    So a command that a person types speaks of the box that the service runs. Variables and file are never mixed.

    Raises:
        ConfigError: a value is wrong, a variable with the prefix is none of ours, or the file cannot be read.
    """
    require_known_variables()
    is_set = any(_is_ours(name) and name.upper() not in WORKSTATION_VARIABLES for name in os.environ)
    values = {} if is_set else _of_file(file)
    given: dict[str, Any] = {name.upper().removeprefix(PREFIX).lower(): value for name, value in values.items()}
    try:
        return BoxSettings(**given)
    except ValidationError as err:
        msg = f"{file if values else f'environment variables {PREFIX}*'}: {first_mistake(err, BoxSettings)}"
        raise ConfigError(msg) from err


def _of_file(file: Path) -> dict[str, str]:
    """Our variables in a file of `NAME=value` lines, as systemd reads it for the service."""
    try:
        text = read_limited(file, MAX_FILE_BYTES).decode()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as err:
        msg = f"the settings of the service in {file} cannot be read ({err}): correct its rights, or run this as root"
        raise ConfigError(msg) from err
    values = {}
    for line in map(str.strip, text.splitlines()):
        name, is_assignment, value = line.partition("=")
        if is_assignment and not line.startswith(("#", ";")) and _is_ours(name):
            value = value.strip()
            values[name.strip()] = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
    try:
        require_known_variables(values)
    except ConfigError as err:
        msg = f"{file}: {err}"
        raise ConfigError(msg) from err
    return {name: value for name, value in values.items() if name.upper() not in WORKSTATION_VARIABLES}


def require_known_variables(names: Iterable[str] | None = None) -> None:
    """Refuse variables with our prefix that nothing reads: a misspelt limit or path would be ignored in silence.

    `names` are those of the environment, unless given. Their values are not looked at, and so never shown.

    Raises:
        ConfigError: the first of them, with the nearest name that there is.
    """
    known = [*(f"{PREFIX}{name.upper()}" for name in BoxSettings.model_fields), *WORKSTATION_VARIABLES]
    # pydantic takes the names in any case.
    unknown = sorted(name for name in (os.environ if names is None else names) if _is_ours(name) and name.upper() not in known)
    if unknown:
        # Without the prefix, which all have in common.
        short = {name.removeprefix(PREFIX): name for name in known}
        near = difflib.get_close_matches(unknown[0].upper().removeprefix(PREFIX), short, n=1)
        meant = f"the nearest is {short[near[0]]}" if near else f"there are {', '.join(known)}"
        more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        msg = f"environment variable {unknown[0]}{more}: there is no such setting, {meant}: correct the name, or unset the variable"
        raise ConfigError(msg)


def _is_ours(name: str) -> bool:
    return name.upper().startswith(PREFIX)
