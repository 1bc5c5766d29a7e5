"""Compiles the small C libraries that stand between a process and the system calls of its C library (LD_PRELOAD)."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.repository import ROOT

BUILT = ROOT / ".kotoba" / "faults"
COMPILERS = ("cc", "gcc", "clang", "g++", "clang++")


def library(name: str) -> Path:
    """The library of tests/faults/NAME.c, compiled on first use."""
    source = Path(__file__).with_name(f"{name}.c")
    built = BUILT / f"{name}-{hashlib.sha256(source.read_bytes()).hexdigest()[:16]}.so"
    if not built.exists():
        compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
        assert compiler is not None, f"no C compiler ({', '.join(COMPILERS)}): apt-get install gcc"
        BUILT.mkdir(parents=True, exist_ok=True)
        unfinished = built.with_suffix(f".{os.getpid()}")
        command = [compiler, "-x", "c", "-O1", "-Wall", "-shared", "-fPIC", "-o", str(unfinished), str(source), "-ldl", "-lm"]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        unfinished.rename(built)
    return built


def preloading(name: str, settings: Mapping[str, object]) -> dict[str, str]:
    """The variables of the environment of a process that is to load the library."""
    libraries = [str(library(name)), *filter(None, [os.environ.get("LD_PRELOAD")])]
    return {**{key: str(value) for key, value in settings.items()}, "LD_PRELOAD": ":".join(libraries)}
