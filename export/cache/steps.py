"""The cache of build steps: an artefact is kept until something that decides it changes.

Four things decide what a step makes: our code, the libraries that the code calls, the content of the input files, and the settings.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

from export.cache.source_tree import SourceTree

OUR_CODE = Path(__file__).parents[2]
"""The folder that holds our import packages, in a checkout and where they are installed."""

KEY_DIGITS = 32
"""Hexadecimal digits of a key in a folder's name: 128 bits, so that no two steps share one."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step that makes one kind of artefact.

    `modules` are the full names of the modules with its code; the modules and libraries that they import are found by reading them.
    `libraries` are the import names of libraries that the step runs in a process of its own.
    """

    name: str
    modules: tuple[str, ...]
    libraries: tuple[str, ...] = ()


class Cache:
    """Keeps the artefacts of steps in `folder`, each in a folder of its own named by the step and its key."""

    def __init__(self, folder: Path, *, code: SourceTree | None = None, library_version: Callable[[str], str | None] | None = None) -> None:
        self.folder = folder
        self._code = SourceTree(OUR_CODE) if code is None else code
        self._library_version = installed_version if library_version is None else library_version

    def made(self, step: Step, make: Callable[[Path], object], *, inputs: Iterable[Path], settings: Any = None) -> Path:  # noqa: ANN401 -- JSON
        """The folder with the artefact of a step; `make` fills it if it does not exist.

        The content and the file name of `inputs` count, their folder does not. `settings` are JSON values. The folder gets its final name
        after `make` has returned, so that an interrupted step is made again.

        Raises:
            OSError: an input cannot be read or the artefact cannot be written.
            ModuleNotFoundError: the step names a module that does not exist.
        """
        folder = self.folder / f"{step.name}-{self.key(step, inputs=inputs, settings=settings)}"
        if not folder.is_dir():
            unfinished = folder.with_name(f"{folder.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            make(unfinished)
            unfinished.rename(folder)
        return folder

    def key(self, step: Step, *, inputs: Iterable[Path], settings: Any = None) -> str:  # noqa: ANN401 -- JSON
        """Digest of everything that decides the artefact of a step; see `made`.

        Raises:
            OSError: an input cannot be read.
            ModuleNotFoundError: the step names a module that does not exist.
        """
        code = self._code.reached_from(step.modules)
        libraries: Mapping[str, str | None] = {name: self._library_version(name) for name in code.libraries.union(step.libraries)}
        decided_by = {
            "step": step.name,
            "code": code.sources,
            "libraries": libraries,
            "inputs": [[path.name, sha256(path)] for path in inputs],
            "settings": settings,
        }
        return hashlib.sha256(json.dumps(decided_by, sort_keys=True).encode()).hexdigest()[:KEY_DIGITS]


def installed_version(library: str) -> str | None:
    """The installed distributions of a library and their versions, by its import name; None if it is not installed.

    One import can have several distributions: `onnxruntime` comes as onnxruntime-gpu too, `optimum` is one package of two distributions.
    """
    names = sorted(set(_distributions().get(library, ())))
    return ", ".join(f"{name} {version(name)}" for name in names) or None


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()  # reads every installed distribution: about a second


def sha256(path: Path) -> str:
    """Digest of a file's content, in hexadecimal.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
