"""Makes a kit: wheels, Debian package, packages of the system, bundles and keys, sealed and in one file."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from export.errors import BuildError
from export.kit import debs, project, wheels
from export.kit.assemble import MACHINE, machine, seal, write_kit
from export.kit.bundles import put
from export.kit.package import pack
from export.kit.target import Target
from export.kit.tree import age, lay_out
from export.progress import Report
from firmware_config.signature import KEY_SUFFIX, read_trusted_keys
from firmware_config.toml import read_toml

PARTS = "packaging/kit"


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes into a kit beside the program: bundles, the public keys that sign them, folders of wheels and of .deb files."""

    bundles: Sequence[Path]
    keys: Sequence[Path]
    wheels: Sequence[Path]
    debs: Path | None = None


def build_kit(
    repository: Path, target: Target, contents: Contents, *, private: bytes, out: Path, version: str | None, report: Report
) -> Path:
    """Make the kit in the folder `out`; returns its path. `version` stands in for the project's own.

    Raises:
        BuildError: a wheel or a Debian package is not to be had, or a key has no name that a kit may hold.
        BundleError: a bundle is not whole, or not signed by a key that the kit carries.
        SignatureError: a public key is none.
        OSError: a file cannot be read or written.
    """
    _require_names(contents.keys)
    chosen = version or str(read_toml(repository / "pyproject.toml")["project"]["version"])
    seconds = project.commit_time(repository)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".kit-", dir=out) as name:
        work = Path(name)
        folder = work / f"kotoba-edge-{chosen}-{target.name}"
        package, installed_bytes = _package(repository, target, contents, work=work, version=chosen, seconds=seconds, report=report)
        report("packages of the system ...")
        _put_debs(folder / "debs", target, contents, package)
        _put_files(folder, repository, contents)
        (folder / MACHINE).write_text(machine(target, folder, version=chosen, installed_bytes=installed_bytes), encoding="ascii")
        report("checksums, signature ...")
        seal(folder, private)
        kit = out / f"{folder.name}.kit"
        write_kit(folder, work / kit.name, seconds=seconds)
        (work / kit.name).replace(kit)
    return kit


def _package(
    repository: Path, target: Target, contents: Contents, *, work: Path, version: str, seconds: int, report: Report
) -> tuple[Path, int]:
    """The Debian package, and the bytes that it takes on a disk."""
    report("the program ...")
    (work / "own").mkdir()
    own = project.build_wheel(repository, work / "own", version=version)
    report("libraries ...")
    needed = wheels.requirements(repository / "pyproject.toml", target)
    constraints = repository / "constraints.txt"
    collected = wheels.collect(needed, target, folder=work / "wheels", constraints=constraints, own=contents.wheels)
    report("the Debian package ...")
    root = work / "root"
    lay_out(root, [own, *collected], target, repository=repository, version=version)
    age(root, seconds)
    time = datetime.fromtimestamp(seconds, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    package = pack(root, target, scripts=repository / PARTS, version=version, time=time, folder=work / "deb")
    installed = sum(path.lstat().st_size for path in root.rglob("*") if not path.is_dir())
    shutil.rmtree(root)
    return package, installed


def _put_debs(folder: Path, target: Target, contents: Contents, package: Path) -> None:
    if contents.debs is not None:
        shutil.copytree(contents.debs, folder)
    elif target.carried:
        debs.collect(target.carried, architecture=target.architecture, folder=folder)
    else:
        folder.mkdir(parents=True)
    package.replace(folder / package.name)
    (folder / debs.INDEX).write_text(debs.index(folder.glob("*.deb")), encoding="utf-8")


def _put_files(folder: Path, repository: Path, contents: Contents) -> None:
    shutil.copyfile(repository / PARTS / "install.sh", folder / "install.sh")
    (folder / "install.sh").chmod(0o755)
    shutil.copyfile(repository / PARTS / "Dockerfile", folder / "Dockerfile")
    shutil.copyfile(repository / "LICENSE", folder / "LICENSE")
    (folder / "keys").mkdir()
    for key in contents.keys:
        shutil.copyfile(key, folder / "keys" / key.name)
    trusted = read_trusted_keys(folder / "keys")  # a key that is none is refused here, and not on the box
    (folder / "bundles").mkdir()
    for number, bundle in enumerate(contents.bundles):
        archive = put(bundle, folder / "bundles", trusted=trusted)
        # The installer takes the first one by name.
        archive.rename(archive.with_name(f"{number}-{archive.name}"))


def _require_names(keys: Sequence[Path]) -> None:
    """Names reach a shell on the box: letters, digits, dot, hyphen and underscore only."""
    for key in keys:
        if re.fullmatch(rf"[A-Za-z0-9][A-Za-z0-9._-]*{re.escape(KEY_SUFFIX)}", key.name) is None:
            msg = f"putting the key {key} into the kit: its name must be letters, digits, . - _ and the ending {KEY_SUFFIX}: rename it"
            raise BuildError(msg)
