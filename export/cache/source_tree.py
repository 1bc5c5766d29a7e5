"""The source files that decide what a module does: the module itself and, by its imports, every module of ours that it runs."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import resolve_name
from pathlib import Path

PACKAGES = ("edge", "export", "firmware_config")
"""Our own import packages; everything else is the standard library or an installed library."""


@dataclass(frozen=True, slots=True)
class Code:
    """The code that a set of modules runs: our modules with the SHA-256 of their files, and the import names of other libraries."""

    sources: dict[str, str]
    libraries: frozenset[str]


class SourceTree:
    """Follows imports below `root`, the folder that holds our packages, by reading the files; nothing is imported."""

    def __init__(self, root: Path, *, packages: Iterable[str] = PACKAGES) -> None:
        self._root = root
        self._packages = frozenset(packages)
        self._files: dict[str, tuple[str, tuple[str, ...]]] = {}

    def reached_from(self, modules: Iterable[str]) -> Code:
        """The code that `modules` run, imports inside functions included.

        Imports under `if TYPE_CHECKING` never run and do not count. The `__init__.py` of a room counts only if a name is imported from the
        room itself, because it only re-exports. The `__init__.py` of a whole package always counts.

        Raises:
            ModuleNotFoundError: a module, or one that it imports from our packages, has no source file.
        """
        sources: dict[str, str] = {}
        libraries: set[str] = set()
        waiting = list(modules)
        while waiting:
            module = waiting.pop()
            package = module.partition(".")[0]
            if package not in self._packages:
                libraries.add(package)
            elif module not in sources:
                sources[module], imported = self._read(module)
                waiting += imported
        return Code(dict(sorted(sources.items())), frozenset(libraries - sys.stdlib_module_names))

    def _read(self, module: str) -> tuple[str, tuple[str, ...]]:
        """Digest of a module's file and the modules that it imports; each file is read once."""
        if module not in self._files:
            path = self._require(module)
            content = path.read_bytes()
            package = module if path.name == "__init__.py" else module.rpartition(".")[0]
            imported = (module.partition(".")[0], *self._imported(ast.parse(content, filename=str(path)), package))
            self._files[module] = (hashlib.sha256(content).hexdigest(), imported)
        return self._files[module]

    def _imported(self, tree: ast.Module, package: str) -> Iterator[str]:
        """Names of the modules that a file imports; `package` is where it lies, for relative imports."""
        for node in _executed(tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                module = resolve_name("." * node.level + (node.module or ""), package)
                for alias in node.names:
                    inner = f"{module}.{alias.name}"
                    yield module if self._path(inner) is None else inner

    def _require(self, module: str) -> Path:
        path = self._path(module)
        if path is None:
            msg = f"following imports: {module} has no source file under {self._root}: correct the name of the module"
            raise ModuleNotFoundError(msg)
        return path

    def _path(self, module: str) -> Path | None:
        stem = self._root.joinpath(*module.split("."))
        return next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below `node` but for the bodies of `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            for other in child.orelse:
                yield other
                yield from _executed(other)
        else:
            yield child
            yield from _executed(child)
