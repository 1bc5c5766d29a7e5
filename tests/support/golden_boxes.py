"""Three boxes and the system files that are made of each, laid out as on the device, in tests/firmware_config/golden/NAME."""

from __future__ import annotations

import shutil
from pathlib import Path

from firmware_config.board import read_board
from firmware_config.box import Box, read_box
from firmware_config.system_files import render_files
from tests.support.repository import ROOT

BOXES = ROOT / "tests/firmware_config/golden"
NAMES = ("cpu-rtsp", "nvidia-gige", "orin-csi")


def box_of(name: str) -> Box:
    """The box itself."""
    return read_box(BOXES / name / "box.toml")


def rendered(name: str) -> dict[str, str]:
    """The files that are made of it now, by path."""
    box = box_of(name)
    return render_files(box, read_board(box.box.board))


def golden(name: str) -> dict[str, str]:
    """The files that were made of it when somebody last looked at them."""
    tree = tree_of(name)
    return {str(path.relative_to(tree)): path.read_text(encoding="utf-8") for path in tree.rglob("*") if path.is_file()}


def tree_of(name: str) -> Path:
    """The folder of the files."""
    return BOXES / name / "tree"


def write_golden_boxes() -> None:
    """Make all trees again; what is no more is taken away."""
    for name in NAMES:
        files = rendered(name)
        shutil.rmtree(tree_of(name), ignore_errors=True)
        for path, text in files.items():
            place = tree_of(name) / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
