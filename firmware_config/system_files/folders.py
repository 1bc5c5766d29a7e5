"""Folders that this box needs besides those of every box (systemd/tmpfiles.d/kotoba.conf)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from firmware_config.box import Box
from firmware_config.settings import BoxSettings


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, its mode in octal, and the user and group that it belongs to."""

    path: str
    mode: str
    owner: str


def folders_of(box: Box) -> tuple[Folder, ...]:
    """The folders of a box that are not those of every box."""
    return tuple(_folders(box))


def _folders(box: Box) -> Iterator[Folder]:
    defaults = BoxSettings.model_construct()
    if box.box.stations_folder != str(defaults.stations):
        yield Folder(box.box.stations_folder, "0755", "root")
    if box.box.keys_folder != str(defaults.keys):
        yield Folder(box.box.keys_folder, "0755", "root")
    if box.storage.evidence_folder is not None:
        yield Folder(box.storage.evidence_folder, "0700", "kotoba")
