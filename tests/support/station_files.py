"""The TOML of a station, for tests that give a command or a bundle a station file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from firmware_config.commented_toml import commented_toml
from firmware_config.station import Station
from firmware_config.toml import read_toml

GOOD_AND_BAD: Mapping[str, str] = MappingProxyType({"good": "ok", "bad": "ng"})


def station_toml(
    sections: str = "",
    *,
    labels: Mapping[str, str] = GOOD_AND_BAD,
    pictures: Path | str = ".",
    camera: str = "",
    language: str = "en",
) -> str:
    """Write the station cell-01 with a folder of pictures.

    `labels` map each label to its decision, `camera` are more lines of that section, `sections` whole sections that follow the labels.
    """
    named = "".join(f'\n[[labels]]\nname = "{label}"\ndecision = "{decision}"\n' for label, decision in labels.items())
    identity = f'[station]\nname = "cell-01"\npath = "plant/line1"\nlanguage = "{language}"\n'
    return f'{identity}\n[camera]\nkind = "folder"\npath = "{pictures}"\n{camera}{named}{sections}'


def changed_station(path: Path, sections: Mapping[str, Mapping[str, object]]) -> str:
    """A station file with some values of its sections replaced or added."""
    values = dict(read_toml(path))
    return commented_toml(Station, values | {name: {**values.get(name, {}), **changes} for name, changes in sections.items()})
