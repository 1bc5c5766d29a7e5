"""Who owns a file of a tree: root, with the group of the service that must read it where others may not."""

from __future__ import annotations

from pathlib import Path

from firmware_config.errors import ApplyError

ROOT = 0
READ_BY_GROUP, READ_BY_ALL = 0o040, 0o004

READERS = {"etc/mosquitto/": "mosquitto", "etc/chrony/": "_chrony", "etc/kotoba/": "kotoba"}
"""The group that reads what lies there."""


class Owners:
    """Owners by path, with the groups of the machine that the root is of."""

    def __init__(self, root: Path) -> None:
        self._groups = root / "etc/group"

    def __call__(self, where: str, mode: int) -> tuple[int, int]:
        """User and group of a file.

        Raises:
            ApplyError: the group that must read it is not on the machine.
        """
        if not mode & READ_BY_GROUP or mode & READ_BY_ALL:
            return ROOT, ROOT
        name = next((group for place, group in READERS.items() if where.startswith(place)), None)
        return ROOT, ROOT if name is None else self._number(name, where)

    def _number(self, name: str, where: str) -> int:
        try:
            lines = self._groups.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as err:
            msg = (
                f"{self._groups} cannot be read ({err.strerror}), and /{where} shall belong to the group {name}: give the root of a system"
            )
            raise ApplyError(msg) from err
        fields = [line.split(":") for line in lines]
        number = next((each[2] for each in fields if each[0] == name and len(each) > 2 and each[2].isdecimal()), None)
        if number is None:
            msg = f"/{where} shall be read by the group {name}, which is not on this machine: install the program of that name first"
            raise ApplyError(msg)
        return int(number)
