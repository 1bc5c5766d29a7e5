"""What a test file needs beyond this package, read from its imports without running them: `pytest --quick` leaves such files out.

A file needs what it imports, what its imports inside the repository import in turn, and so on. Nothing has to be marked by hand.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support.repository import ROOT

NEEDS = {
    "models": {"llama_cpp", "optimum", "torch", "transformers", "tests.support.repository.STARTER"},
    "broker": {"tests.support.mosquitto"},
}


def needs_of(test_file: Path) -> set[str]:
    """Keys of NEEDS that a test file has."""
    imported: set[str] = set()
    waiting = [test_file]
    while waiting:
        for name in _imports(waiting.pop()):
            if name not in imported:
                imported.add(name)
                waiting += _files(name)
    return {need for need, names in NEEDS.items() if names & imported}


@cache
def _imports(file: Path) -> frozenset[str]:
    """Dotted names that a file imports: all of a test's, of other files those that are imported along with them."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    statements = ast.walk(tree) if file.is_relative_to(ROOT / "tests") else iter(tree.body)
    return frozenset(name for statement in statements for name in _named(statement))


def _named(statement: ast.AST) -> Iterator[str]:
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            parts = alias.name.split(".")
            yield from (".".join(parts[: end + 1]) for end in range(len(parts)))
    elif isinstance(statement, ast.ImportFrom) and statement.module:
        parts = statement.module.split(".")
        yield from (".".join(parts[: end + 1]) for end in range(len(parts)))
        yield from (f"{statement.module}.{alias.name}" for alias in statement.names)


def _files(name: str) -> list[Path]:
    """The file of a module in the repository; none of another package's module, or of a name inside a module."""
    path = ROOT / name.replace(".", "/")
    return [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]
