"""The worked examples of docs/extending.md are carried out on a copy of the repository, as a reader would do it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT

DOCUMENT = ROOT / "docs/extending.md"
COPIED = ("edge", "firmware_config", "tests/contracts", "tests/support", "tests/conftest.py", "pyproject.toml", "export")
TIMEOUT_S = 300

SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
STEP = re.compile(r"^(?:(New file|In) `([^`]+)`|(Check)):\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def sections() -> dict[str, str]:
    """The steps of each section that has some."""
    _, *parts = SECTION.split(DOCUMENT.read_text(encoding="utf-8"))
    return {title: text for title, text in zip(parts[::2], parts[1::2], strict=True) if STEP.search(text)}


def copy_repository(target: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / name)
    (target / ".kotoba").symlink_to(ROOT / ".kotoba")


def apply_change(path: Path, diff: str) -> None:
    """Change a file as lines marked "+", "-" and " " say; the old lines stand in it exactly once."""
    lines = diff.splitlines()
    old = "\n".join(line[1:] for line in lines if not line.startswith("+"))
    new = "\n".join(line[1:] for line in lines if not line.startswith("-"))
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path.name} does not hold these lines once:\n{old}"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.long
@pytest.mark.parametrize("title", sections())
def test_an_example_works_as_the_document_says(title: str, tmp_path: Path) -> None:
    copy_repository(tmp_path)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    checks = 0
    for action, name, check, content in STEP.findall(sections()[title]):
        if action == "New file":
            assert not (tmp_path / name).exists()
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content, encoding="utf-8")
        elif action == "In":
            apply_change(tmp_path / name, content)
        elif check:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", content],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
            assert done.returncode == 0, f"{content}\n{done.stdout}\n{done.stderr}"
            checks += 1
    assert checks, "an example without a check proves nothing"


def test_there_is_an_example_for_each_thing_that_people_add() -> None:
    assert list(sections()) == [
        "Add a camera",
        "Add an output",
        "Add a vision-language model",
        "Add a board",
        "Add a kind of defect",
        "Add a label language",
        "Add a product",
    ]
