"""The libraries of a device as wheels: those of the public registry for another machine's Python, and those that were compiled for it."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Sequence
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename

from export.errors import BuildError
from export.kit.target import LEFT_OUT, Target
from firmware_config.toml import read_toml

TIMEOUT_S = 1800
PINNED_PYTHON = (3, 11)
"""constraints.txt pins from this version of Python on."""


def requirements(pyproject: Path, target: Target) -> list[str]:
    """What a device of this kind needs: the project's dependencies, with the libraries that stand in for others there."""
    needed = []
    for text in read_toml(pyproject)["project"]["dependencies"]:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate(_environment(target)):
            name = target.replaced.get(canonicalize_name(requirement.name), requirement.name)
            needed.append(f"{name}{requirement.specifier}")
    return needed


def collect(needed: Sequence[str], target: Target, *, folder: Path, constraints: Path, own: Iterable[Path] = ()) -> list[Path]:
    """Bring these requirements and all that they need into `folder`, as wheels for the target. `own` are folders with more wheels.

    Raises:
        BuildError: a library has no wheel for the target, or the registry cannot be reached.
    """
    folder.mkdir(parents=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--dest",
        str(folder),
        *_target_options(target),
    ]
    if tuple(map(int, target.python.split("."))) >= PINNED_PYTHON:
        command += ["--constraint", str(constraints)]
    for more in own:
        command += ["--find-links", str(more)]
    done = subprocess.run([*command, *needed], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")] or done.stderr.splitlines() or ["no message"]
        reason = errors[0].removeprefix("ERROR: ").rstrip(".")
        msg = f"collecting the wheels for {target.name} failed ({reason}): {target.missing}; put what is missing into a folder for --wheels"
        raise BuildError(msg)
    return reachable(needed, sorted(folder.glob("*.whl")), target)


def reachable(needed: Sequence[str], wheels: Iterable[Path], target: Target) -> list[Path]:
    """Those of these wheels that the requirements need, directly or through others, without what is left out of a device.

    Raises:
        BuildError: one that is needed is not among them: pip reads a library's conditions for the Python that runs pip.
    """
    by_name = {parse_wheel_filename(path.name)[0]: path for path in wheels}
    waiting, found = [canonicalize_name(Requirement(text).name) for text in needed], set[NormalizedName]()
    while waiting:
        name = waiting.pop()
        if name in LEFT_OUT or name in found:
            continue
        if name not in by_name:
            what = f"collecting the wheels for {target.name}: {name} is needed there and was not collected"
            msg = f"{what}: put its wheel into a folder for --wheels"
            raise BuildError(msg)
        found.add(name)
        requirements_of = (Requirement(text) for text in _metadata(by_name[name]).get_all("Requires-Dist", []))
        waiting += [
            canonicalize_name(each.name) for each in requirements_of if each.marker is None or each.marker.evaluate(_environment(target))
        ]
    return sorted(by_name[name] for name in found)


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (entry for entry in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", entry))
        return HeaderParser().parsestr(archive.read(name).decode())


def unpack(wheels: Iterable[Path], target: Target, folder: Path) -> None:
    """Install these wheels, and nothing else, into `folder`, which becomes the site-packages of the target. No code of theirs runs.

    Raises:
        BuildError: pip cannot install one of them.
    """
    named = sorted(wheels)
    pinned = [f"{name}=={version}" for name, version, *_ in (parse_wheel_filename(path.name) for path in named)]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-compile"]
    for place in sorted({path.parent for path in named}):
        command += ["--find-links", str(place)]
    command += ["--target", str(folder), *_target_options(target), *pinned]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        msg = f"installing the wheels for {target.name} into {folder} failed ({reason}): build again"
        raise BuildError(msg)


def _target_options(target: Target) -> list[str]:
    platforms = [option for platform in target.platforms for option in ("--platform", platform)]
    return ["--only-binary=:all:", "--python-version", target.python, "--implementation", "cp", *platforms]


def _environment(target: Target) -> dict[str, str]:
    return {
        "python_version": target.python,
        "python_full_version": f"{target.python}.0",
        "platform_machine": target.machine,
        "sys_platform": "linux",
        "platform_system": "Linux",
        "extra": "",
    }
