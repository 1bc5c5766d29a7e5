"""The newest version that a box has run of each bundle: an older one is refused, so that nobody brings back what was mended.

The file lies beside the spool. It is written after a bundle's models are loaded, so that a version that cannot run bars no other.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, model_validator

from firmware_config.bundle import Manifest
from firmware_config.errors import ManifestError, first_mistake
from firmware_config.regular_file import read_regular
from firmware_config.strict import STRICT
from firmware_config.strict_json import read_json
from firmware_config.write import write_atomic

FILE_NAME = "accepted-bundles.json"
MAX_FILE_BYTES = 1_000_000
"""Some thousand bundles."""

ALLOW_OLDER = "kotoba-edge bundle allow-older"


class AcceptedBundle(BaseModel):
    """The newest version that was accepted of the bundle of this name that this key signs."""

    model_config = STRICT
    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    key_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    version: int = Field(ge=1)


class _AcceptedFile(BaseModel):
    model_config = STRICT
    schema_id: Literal["kotoba.accepted/1"] = Field(default="kotoba.accepted/1", alias="schema")
    bundles: tuple[AcceptedBundle, ...]

    @model_validator(mode="after")
    def _are_distinct(self) -> _AcceptedFile:
        keys = [(one.name, one.key_id) for one in self.bundles]
        if len(set(keys)) != len(keys):
            msg = "a bundle is listed twice"
            raise ValueError(msg)
        return self


class NotRememberedError(ManifestError):
    """The list cannot be written: a matter of the disk, not of the bundle."""


class AcceptedBundles:
    """What was accepted, on disk at `path`. Nothing is written before `accept` or `allow`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def beside(cls, spool: Path) -> AcceptedBundles:
        """Those of the box that has this spool."""
        return cls(spool.with_name(FILE_NAME))

    def require_not_older(self, manifest: Manifest, *, on_purpose: str = ALLOW_OLDER) -> None:
        """Refuse a bundle that is older than the one that this box has run; `on_purpose` is the command that takes it all the same.

        Raises:
            ManifestError: it is older, or the file is damaged: a box that has forgotten must not take it for a first start.
        """
        newest = self._version_of(manifest)
        if manifest.bundle_version < newest:
            msg = (
                f"{manifest.name} has version {manifest.bundle_version}, and this box has run version {newest}: install version "
                f"{newest} or a newer one, or go back on purpose with `{on_purpose}`"
            )
            raise ManifestError(msg)

    def accept(self, manifest: Manifest) -> bool:
        """Remember that this box runs a bundle; returns whether it is newer than what was known.

        Raises:
            ManifestError: the file is damaged.
            NotRememberedError: it cannot be written.
        """
        if manifest.bundle_version <= self._version_of(manifest):
            return False
        self._write(manifest)
        return True

    def allow(self, manifest: Manifest) -> int:
        """Let the box run this bundle though it has run a newer one; returns the version that was accepted before, 0 for none.

        Raises:
            ManifestError: the file is damaged, or cannot be written.
        """
        before = self._version_of(manifest)
        if before > manifest.bundle_version:
            self._write(manifest)
        return before

    def _version_of(self, manifest: Manifest) -> int:
        known = (one.version for one in self._read() if (one.name, one.key_id) == (manifest.name, manifest.key_id))
        return next(known, 0)

    def _read(self) -> tuple[AcceptedBundle, ...]:
        try:
            raw = read_regular(self._path, MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return ()
        except OSError as err:
            raise self._damaged(err.strerror or str(err)) from err
        if len(raw) > MAX_FILE_BYTES:
            msg = f"it has more than {MAX_FILE_BYTES} bytes"
            raise self._damaged(msg)
        try:
            return read_json(_AcceptedFile, raw).bundles
        except ValueError as err:
            raise self._damaged(first_mistake(err)) from err

    def _damaged(self, why: str) -> ManifestError:
        return ManifestError(
            f"the list of accepted bundles {self._path} cannot be read ({why}), and without it an older bundle would not be noticed: put "
            "it back from a backup, or remove it once you know that the installed bundle is the right one"
        )

    def _write(self, manifest: Manifest) -> None:
        this = AcceptedBundle(name=manifest.name, key_id=manifest.key_id, version=manifest.bundle_version)
        others = (one for one in self._read() if (one.name, one.key_id) != (this.name, this.key_id))
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self._path, _content((*others, this)))
        except OSError as err:
            msg = (
                f"the list of accepted bundles {self._path} cannot be written ({err.strerror}), and without it an older bundle would not "
                "be noticed: make room on the disk, or correct KOTOBA_SPOOL or the rights of its folder"
            )
            raise NotRememberedError(msg) from err


def merged(one: bytes, other: bytes) -> bytes:
    """The list of what either of two lists has accepted: no box may forget a version that it has run.

    Raises:
        ValueError: one of them is damaged.
    """
    newest: dict[tuple[str, str], AcceptedBundle] = {}
    for raw in (one, other):
        for each in read_json(_AcceptedFile, raw).bundles:
            known = newest.get((each.name, each.key_id))
            if known is None or known.version < each.version:
                newest[each.name, each.key_id] = each
    return _content(newest.values())


def _content(bundles: Iterable[AcceptedBundle]) -> bytes:
    ordered = tuple(sorted(bundles, key=lambda one: (one.name, one.key_id)))
    return (_AcceptedFile(bundles=ordered).model_dump_json(by_alias=True, indent=1) + "\n").encode()
