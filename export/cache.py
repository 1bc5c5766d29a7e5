"""Steps of a build: outcomes are kept by the content of what they were made from; a build that was cut off goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import onnxruntime as ort

TOOLS = ("kotoba-edge", "llama-cpp-python", "onnx", "optimum-onnx", "torch", "transformers")
"""Distributions whose version is part of what a step was made from, beside onnxruntime, which comes as several."""


def kept(cache: Path, name: str, inputs: Iterable[Path], settings: Any, make: Callable[[Path], object]) -> Path:  # noqa: ANN401 -- JSON
    """The folder with the outcome of a step, made by `make` unless it is there.

    `inputs` are files whose content counts, not their place; `settings` is whatever else decides the outcome, as JSON values; another
    version of a tool, or a change in this package's own code, makes a step anew. What `make` writes appears under its final name only when
    it is complete.
    """
    tools = {tool: _version(tool) for tool in TOOLS} | {"onnxruntime": ort.__version__}
    told = [name, settings, tools, _own_code(), [(path.name, sha256(path)) for path in inputs]]
    key = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]
    folder = cache / f"{name}-{key}"
    if not folder.is_dir():
        unfinished = cache / f"{folder.name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        make(unfinished)
        unfinished.rename(folder)
    return folder


def _version(tool: str) -> str | None:
    """Of a distribution; none where a step runs without it."""
    try:
        return version(tool)
    except PackageNotFoundError:
        return None


@cache
def _own_code() -> str:
    """Digest of the modules that make and prove artefacts."""
    return hashlib.sha256("".join(sha256(path) for path in sorted(Path(__file__).parent.glob("*.py"))).encode()).hexdigest()


def sha256(path: Path) -> str:
    """Digest of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
