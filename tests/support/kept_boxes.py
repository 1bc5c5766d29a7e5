"""Boxes that are kept in a file and made from one: settings, keys, a spool, answers, and a bundle in a plain folder or in slots."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from edge.spool.store import Spool
from firmware_config.accepted_bundles import merged
from firmware_config.settings import BoxSettings
from tests.support.inspections import inspection
from tests.support.station_files import station_toml

ROWS = 12
EPOCH = "first-epoch"
SECRET = "hunter2"  # noqa: S105 -- the tests look for it where it must not be


def settings_of(root: Path) -> BoxSettings:
    """The settings of a box whose folders are all below one."""
    return BoxSettings(
        box="press-3",
        stations=root / "etc/stations",
        keys=root / "etc/keys",
        bundle=root / "lib/bundle",
        bundles=root / "lib/bundles",
        spool=root / "lib/spool.sqlite",
    )


def opened_spool(path: Path, *, epoch: str = EPOCH) -> Spool:
    """Open a spool with little ballast."""
    return Spool(path, ballast_bytes=4096, new_epoch=lambda: epoch)


def make_box(root: Path) -> BoxSettings:
    """A box that has run: 12 verdicts, of which the output has 5."""
    settings = settings_of(root)
    for folder in (settings.stations, settings.keys, settings.spool.parent):
        folder.mkdir(parents=True)
    (root / "etc/box.toml").write_text('name = "press-3"\n')
    (root / "etc/environment").write_text("KOTOBA_BOX=press-3\n")
    (root / "etc/password").write_text(SECRET)
    (root / "etc/outside").mkdir()
    (settings.keys / "0011223344556677.pub").write_text("00" * 32 + "\n")
    (settings.keys / "revoked").write_text("8899aabbccddeeff\n")
    lessons, calibration = root / "lib/lessons.jsonl", root / "etc/calibration.json"
    lessons.write_text('{"lesson": 1}\n{"lesson": 2}\n{"les')
    calibration.write_text("{}\n")
    sections = (
        f'\n[judge]\nlessons = "{lessons}"\ncalibration = "{calibration}"\ntemplate_file = "/usr/share/kotoba/own.txt"\n'
        f'\n[outputs.mqtt]\nhost = "broker"\npassword_file = "{root / "etc/password"}"\n'
    )
    (settings.stations / "cell-01.toml").write_text(station_toml(sections, pictures=root))
    (settings.spool.with_name("answers.jsonl")).write_text('{"answer": 1}\n')
    (settings.spool.with_name("accepted-bundles.json")).write_text(accepted(version=3))
    with closing(opened_spool(settings.spool)) as spool:
        spool.register_sinks({"mqtt": ["cell-01"]})
        for number in range(1, ROWS + 1):
            spool.commit(replace(inspection(number), station="cell-01", id=f"id-{number}"))
        spool.mark_delivered("mqtt", spool.pending("mqtt", ["cell-01"], 5))
    return settings


def accepted(*, version: int) -> str:
    """A list of accepted bundles."""
    text = f'{{"schema": "kotoba.accepted/1", "bundles": [{{"name": "cells", "key_id": "0011223344556677", "version": {version}}}]}}'
    return merged(text.encode(), text.encode()).decode()


def files_below(root: Path) -> dict[str, bytes]:
    """The files of a box by name, but for those of its spool and of locks."""
    found = {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
    return {name: content for name, content in found.items() if "spool.sqlite" not in name}
