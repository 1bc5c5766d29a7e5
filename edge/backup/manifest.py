"""What a backup says of itself: its files, which box it is of, and what it leaves out."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field, model_validator

from edge.errors import BackupError
from firmware_config.accepted_bundles import FILE_NAME as ACCEPTED
from firmware_config.settings import BoxSettings
from firmware_config.strict import STRICT

MANIFEST_NAME = "backup.json"
MAX_MANIFEST_BYTES = 16_000_000
MAX_SMALL_BYTES = 64_000_000
"""Of a settings, calibration, lessons or memory file."""

ANSWERS = "answers.jsonl"
SLOTS_STATE = "state.json"
SETTINGS = ("box.toml", "environment")
"""What a person tells the box beside the stations, and what is made from it."""

CONFIGURATION = Path("/etc/kotoba")

Kind = Literal["settings", "station", "key", "named", "beside", "slots", "bundle", "spool"]

NAMES = {
    "settings": "|".join(map(re.escape, SETTINGS)),
    "station": r"[^/\0]+\.toml",
    "key": r"[^/\0]+\.pub|revoked",
    "named": r"/[^\0]+",
    "beside": "|".join(map(re.escape, (ACCEPTED, ANSWERS))),
    "slots": rf"{re.escape(SLOTS_STATE)}|[ab]/[^\0]+",
    "bundle": r"[^/\0][^\0]*",
    "spool": r"spool\.sqlite",
}
"""What a file of each kind may be called: where it is put hangs on this and on the settings of the box alone."""


class Entry(BaseModel):
    """One file of the backup; its number is its place in the archive. `named` files are those that a station file names."""

    model_config = STRICT
    kind: Kind
    name: str = Field(max_length=4096)
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _has_a_plain_name(self) -> Entry:
        if not re.fullmatch(NAMES[self.kind], self.name) or {"..", "."} & set(self.name.split("/")) or "//" in self.name:
            msg = f"{self.name!r} is no name of a file of the kind {self.kind}"
            raise ValueError(msg)
        return self


class OfBundle(BaseModel):
    """The bundle that the box ran."""

    model_config = STRICT
    name: str
    version: int
    digest: str


class BackupManifest(BaseModel):
    """The first file of the archive."""

    model_config = STRICT
    schema_id: Literal["kotoba.backup/1"] = Field(default="kotoba.backup/1", alias="schema")
    made_at: AwareDatetime
    box: str
    version: str = Field(description="Of the software that made it.")
    epoch: str | None = Field(description="Of the spool; null: the box had none.")
    rows: int = Field(ge=0, description="The highest row that was committed.")
    bundle: OfBundle | None
    left_out: tuple[str, ...] = Field(description="Files that the box needs and that are not in here: secrets, and what lies elsewhere.")
    entries: tuple[Entry, ...]

    @model_validator(mode="after")
    def _names_each_file_once(self) -> BackupManifest:
        names = [(one.kind, one.name) for one in self.entries]
        if len(set(names)) != len(names):
            msg = "a file is listed twice"
            raise ValueError(msg)
        return self

    @property
    def has_bundles(self) -> bool:
        """Whether the bundles themselves are in it."""
        return any(one.kind == "bundle" or (one.kind == "slots" and one.name != SLOTS_STATE) for one in self.entries)


def place_of(entry: Entry, settings: BoxSettings) -> Path:
    """Where a file belongs on a box with these settings.

    Raises:
        BackupError: it would lie outside the folders of the box.
    """
    if entry.kind == "spool":
        return settings.spool
    if entry.kind == "named":
        path = Path(entry.name)
        if not is_ours(path, settings):
            msg = f"{path} lies outside the folders of this box, {', '.join(map(str, folders_of(settings)))}: put it there by hand"
            raise BackupError(msg)
        return path
    return base_of(entry, settings) / entry.name


def base_of(entry: Entry, settings: BoxSettings) -> Path:
    """The folder of the box that a file of the backup belongs into."""
    if entry.kind == "named":
        return next(each for each in folders_of(settings) if PurePosixPath(entry.name).is_relative_to(each.absolute()))
    folders = {
        "settings": settings_folder(settings),
        "station": settings.stations,
        "key": settings.keys,
        "beside": settings.spool.parent,
        "slots": settings.bundles,
        "bundle": settings.bundle,
        "spool": settings.spool.parent,
    }
    return folders[entry.kind]


def settings_folder(settings: BoxSettings) -> Path:
    """Where box.toml and the variables of the service lie: with the stations, where all of the configuration lies elsewhere than usual."""
    is_usual = any(folder.absolute().is_relative_to(CONFIGURATION) for folder in (settings.stations, settings.keys))
    return CONFIGURATION if is_usual else settings.stations.parent


def folders_of(settings: BoxSettings) -> tuple[Path, ...]:
    """The folders of a box's configuration and of its state."""
    return tuple(dict.fromkeys((settings_folder(settings), settings.stations.parent, settings.spool.parent)))


def is_ours(path: Path, settings: BoxSettings) -> bool:
    """Whether a file that a station names lies in a folder of the box, and is none of those that the box itself writes there."""
    taken = {settings.spool.name, ACCEPTED, ANSWERS, *SETTINGS}
    ours = any(PurePosixPath(path).is_relative_to(folder.absolute()) for folder in folders_of(settings))
    return ours and path.name not in taken and not path.name.startswith(f"{settings.spool.name}.")
