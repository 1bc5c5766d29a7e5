"""The wheel of this repository, from the files that git knows: nothing that lies about gets into it, and two builds are equal."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from export.errors import BuildError

BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
PACKAGED = ("pyproject.toml", "LICENSE", "README.md", "edge", "export", "firmware_config")
TIMEOUT_S = 300


def commit_time(repository: Path) -> int:
    """When the newest commit was made, in seconds since 1970: the time of every file in a kit.

    Raises:
        BuildError: the folder is no git repository.
    """
    return int(_git(repository, "log", "-1", "--format=%ct"))


def build_wheel(repository: Path, folder: Path, *, version: str | None = None) -> Path:
    """Build the wheel into `folder` and return its path; `version` replaces the project's own.

    Raises:
        BuildError: the folder is no git repository, or setuptools cannot build.
        OSError: a file cannot be copied.
    """
    source = folder / "source"
    names = _git(repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *PACKAGED).split("\0")
    for name in filter(None, names):
        if (repository / name).is_file():  # else it was deleted since the last commit
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(repository / name, source / name)
    if version is not None:
        _set_version(source / "pyproject.toml", version)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(commit_time(repository))}
    command = [sys.executable, "-c", BUILD, str(folder.resolve())]
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode != 0:
        reason = _last_line(done.stderr)
        msg = f"building the wheel of {repository} failed ({reason}): run `pip install 'setuptools>=77'`, or mend the package"
        raise BuildError(msg)
    shutil.rmtree(source)
    return folder / done.stdout.splitlines()[-1]


def _set_version(pyproject: Path, version: str) -> None:
    text = pyproject.read_text(encoding="utf-8")
    pyproject.write_text(re.sub(r'^version = "[^"]*"', f'version = "{version}"', text, count=1, flags=re.MULTILINE), encoding="utf-8")


def _git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=repository, capture_output=True, text=True, timeout=60, check=False)  # noqa: S607 -- git's place differs
    if done.returncode != 0:
        msg = f"reading the files of {repository} with git failed ({_last_line(done.stderr)}): run it in a checkout of the repository"
        raise BuildError(msg)
    return done.stdout


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1].rstrip(".")
