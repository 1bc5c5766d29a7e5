"""The commands under "Use it" in the README, run as they are written on the starter bundle."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge.demo.cells import load_cells
from tests.support.repository import KEYS, ROOT, STARTER

SECTIONS = {"README.md": "Use it", "README.ja.md": "使い方"}
PROGRAMS = Path(sys.executable).parent


def section(document: str) -> str:
    text = (ROOT / document).read_text(encoding="utf-8")
    return text.split(f"\n## {SECTIONS[document]}\n")[1].split("\n## ")[0]


def commands_of(document: str) -> list[str]:
    """Lines of the fenced blocks, and commands in the text that name no placeholder (a table names them, they are not to be typed)."""
    fences = re.findall(r"^```[a-z]*\n(.*?)^```", section(document), re.MULTILINE | re.DOTALL)
    prose = "\n".join(line for line in section(document).splitlines() if not line.startswith("|"))
    inline = re.findall(r"`(kotoba-[a-z]+ [a-z0-9 -]+)`", prose)
    return [line for fence in fences for line in fence.splitlines() if line] + inline


@pytest.fixture
def folder_after_the_demo(tmp_path: Path) -> Path:
    """A folder as the reader has it: environment, starter bundle and keys at their places, and a picture of the reader's own."""
    (tmp_path / ".venv-demo").mkdir()
    (tmp_path / ".venv-demo/bin").symlink_to(PROGRAMS)
    (tmp_path / ".kotoba").mkdir()
    (tmp_path / ".kotoba/starter").symlink_to(STARTER)
    (tmp_path / ".kotoba/keys").symlink_to(KEYS)
    (tmp_path / "cell.png").write_bytes(load_cells()[0].path.read_bytes())
    return tmp_path


@pytest.mark.parametrize("document", SECTIONS)
def test_commands_of_the_readme_do_what_it_says(document: str, folder_after_the_demo: Path) -> None:
    commands = commands_of(document)
    assert any(" inspect " in command for command in commands)
    environment = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder_after_the_demo, env=environment, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout, command
        if " inspect " in command:
            (line,) = done.stdout.splitlines()
            assert (json.loads(line)["source"], json.loads(line)["decision"]) == ("cell.png", "NG")
