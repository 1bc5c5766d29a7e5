"""What the documents say about the house is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT

MODULES = {"kotoba-edge": "edge.cli", "kotoba-export": "export.cli", "kotoba-config": "firmware_config.cli"}
VERB = re.compile(r"(kotoba-(?:edge|export|config)) ([a-z]+(?:\\?\|[a-z]+)*)")
DOCUMENTS = (
    "README.md",
    "README.ja.md",
    "docs/operations.md",
    "docs/judging.md",
    "docs/explain.md",
    "docs/learning.md",
    "docs/export.md",
    "docs/jetson.md",
    "docs/studies/trust.md",
    "docs/studies/words.md",
    "docs/studies/typographic-attack.md",
    "export/starter/README.md",
)
MAX_LINES = 400
ONE_PAGE_LINES = 70


def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def _verbs() -> set[tuple[str, str]]:
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS]
    return {(command, verb) for text in texts for command, verbs in VERB.findall(text) for verb in re.split(r"\\?\|", verbs)}


@pytest.mark.parametrize(("command", "verb"), sorted(_verbs()))
def test_each_command_of_the_documents_exists(command: str, verb: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", MODULES[command], verb, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_file_of_ours_has_more_than_400_lines() -> None:
    # What people write: the schemas in tests/golden are generated, the vocabularies are lists of words.
    code = _tracked("*.py", "*.toml", "Makefile", "*.sh")
    assert len(code) > 50
    assert [str(path) for path in code if len(path.read_text(encoding="utf-8").splitlines()) > MAX_LINES] == []


def test_architecture_is_one_page_and_names_what_is_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = [name for name in re.findall(r"`([a-z_]+/[a-z_/.]*)`", text) if "*" not in name]
    assert len(text.splitlines()) <= ONE_PAGE_LINES
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("document", ["README.md", "README.ja.md"])
def test_links_of_the_readme_lead_somewhere(document: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / document).read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_repository_names_nothing_outside_itself() -> None:
    shared = "../" + "shared"
    assert [str(path) for path in _tracked("*.py", "*.md", "*.toml", "Makefile") if shared in path.read_text(encoding="utf-8")] == []
