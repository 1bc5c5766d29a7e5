"""Folders that this box needs besides those of every box (systemd/tmpfiles.d/kotoba.conf)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from firmware_config.box import Box
from firmware_config.settings import BoxSettings

STATE = "/var/lib/kotoba"
"""The daemon's own folder, in which it may always write."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, its mode in octal, and the user and group that it belongs to."""

    path: str
    mode: str
    owner: str


def folders_of(box: Box) -> tuple[Folder, ...]:
    """The folders of a box that are not those of every box."""
    return tuple(_folders(box))


def writable_folders(box: Box) -> tuple[str, ...]:
    """The folders that the daemon writes into besides its own, each once."""
    cameras = [camera.path for camera in box.cameras if camera.kind == "folder" and camera.may_change]
    evidence = [box.storage.evidence_folder] if box.storage.evidence_folder is not None else []
    return tuple(dict.fromkeys([*cameras, *evidence, *folders_of_verdicts(box)]))


def folders_of_verdicts(box: Box) -> tuple[str, ...]:
    """The folders of the files of verdicts that lie outside the folder of the daemon."""
    folders = [str(PurePosixPath(path).parent) for path in box.storage.verdict_files]
    return tuple(dict.fromkeys(folder for folder in folders if not PurePosixPath(folder).is_relative_to(STATE)))


def _folders(box: Box) -> Iterator[Folder]:
    defaults = BoxSettings.model_construct()
    if box.box.stations_folder != str(defaults.stations):
        yield Folder(box.box.stations_folder, "0755", "root")
    if box.box.keys_folder != str(defaults.keys):
        yield Folder(box.box.keys_folder, "0755", "root")
    if box.storage.evidence_folder is not None:
        yield Folder(box.storage.evidence_folder, "0700", "kotoba")
    for folder in folders_of_verdicts(box):
        yield Folder(folder, "0750", "kotoba")
