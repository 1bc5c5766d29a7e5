"""docs/jetson.md installs all that a device needs, and where the unit looks for it."""

from __future__ import annotations

import re

from packaging.requirements import Requirement

from firmware_config.toml import read_toml
from tests.support.repository import ROOT

PAGE = (ROOT / "docs/jetson.md").read_text(encoding="utf-8")
NVIDIAS = {"onnxruntime": "onnxruntime-gpu"}
"""NVIDIA's own wheel takes the place of the public one."""


def test_the_kit_holds_and_the_box_installs_every_package_of_a_device() -> None:
    needed = {Requirement(text).name for text in read_toml(ROOT / "pyproject.toml")["project"]["dependencies"]}
    carried, installed = re.findall(r"^```\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[:2]
    for name in (NVIDIAS.get(name, name) for name in needed):
        assert re.search(rf"(?<=\s){re.escape(name)}(?=\s)", carried), f"{name} is not carried in"
        assert re.search(rf"(?<=\s){re.escape(name)}(?=\s)", installed), f"{name} is not installed"


def test_programs_lie_where_the_unit_starts_them() -> None:
    unit = (ROOT / "systemd/kotoba-edge.service").read_text(encoding="utf-8")
    (folder,) = re.findall(r"^ExecStart=(/\S+)/kotoba-edge ", unit, re.MULTILINE)
    assert set(re.findall(r"(/opt/kotoba/\S*)/pip", PAGE)) == {folder}
