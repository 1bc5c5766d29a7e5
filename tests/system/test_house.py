"""The rules of the house hold, and what the documents say of it is true."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import subprocess
from pathlib import Path

import pytest

import edge.cli
import export.cli
import firmware_config.cli
from firmware_config.toml import read_toml
from tests.support.repository import ROOT

COMMANDS = {"kotoba-edge": edge.cli.main, "kotoba-export": export.cli.main, "kotoba-config": firmware_config.cli.main}
VERB = re.compile(r"(kotoba-(?:edge|export|config)) ([a-z]+(?:-[a-z]+)*(?:\\?\|[a-z]+)*)")
PACKAGES = ("edge", "export", "firmware_config")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_LOOSE_MODULES = {"edge": 8, "export": 6}
ONE_PAGE_LINES = 70


def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def _documents() -> list[Path]:
    named = [ROOT / "README.md", ROOT / "README.ja.md", ROOT / "export/starter/README.md"]
    return [*named, *(ROOT / "docs").glob("*.md"), *(ROOT / "docs/studies").glob("*.md")]


def _verbs() -> set[tuple[str, str]]:
    found = [match for path in _documents() for match in VERB.findall(path.read_text(encoding="utf-8"))]
    return {(command, verb) for command, verbs in found for verb in re.split(r"\\?\|", verbs)}


@pytest.mark.parametrize(("command", "verb"), sorted(_verbs()))
def test_each_command_of_the_documents_exists(command: str, verb: str) -> None:
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()), pytest.raises(SystemExit) as ended:
        COMMANDS[command]([verb, "--help"])
    assert ended.value.code == 0, errors.getvalue()


def test_no_file_of_ours_has_more_than_400_lines() -> None:
    # What people write: the schemas in tests/golden are generated, the vocabularies are lists of words.
    code = _tracked("*.py", "*.toml", "Makefile", "*.sh")
    assert len(code) > 50
    assert [str(path) for path in code if len(path.read_text(encoding="utf-8").splitlines()) > MAX_FILE_LINES] == []


def test_no_function_has_more_than_60_lines() -> None:
    functions = [
        (path, node)
        for path in _tracked("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {f"{path.relative_to(ROOT)}: {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1 for path, node in functions}
    assert len(lengths) > 1_000
    assert [name for name, lines in lengths.items() if lines > MAX_FUNCTION_LINES] == []


@pytest.mark.parametrize("package", MAX_LOOSE_MODULES)
def test_a_package_has_few_modules_beside_its_rooms(package: str) -> None:
    loose = [path.name for path in (ROOT / package).glob("*.py") if path.name != "__init__.py"]
    assert 0 < len(loose) <= MAX_LOOSE_MODULES[package]


def _inits() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("__init__.py"))]


@pytest.mark.parametrize("init", _inits(), ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_an_init_has_a_docstring_and_re_exports_and_nothing_else(init: Path) -> None:
    docstring, *statements = ast.parse(init.read_text(encoding="utf-8")).body
    assert isinstance(docstring, ast.Expr)
    assert isinstance(docstring.value, ast.Constant)
    for statement in statements:
        is_all = isinstance(statement, ast.Assign) and [ast.unparse(target) for target in statement.targets] == ["__all__"]
        assert is_all or isinstance(statement, ast.Import | ast.ImportFrom), ast.unparse(statement)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_typed_for_those_who_import_it(package: str) -> None:
    data = read_toml(ROOT / "pyproject.toml")["tool"]["setuptools"]["package-data"]
    assert (ROOT / package / "py.typed").is_file()
    assert "py.typed" in data["*"]


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
