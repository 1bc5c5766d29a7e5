"""The files of the Debian package, laid out as on the machine: the program with its libraries, units, manual pages, licences."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from export.kit.manual import manual_pages
from export.kit.materials import bill_of_materials, copyright_file
from export.kit.target import Target
from export.kit.wheels import unpack

COMMANDS = {"kotoba-edge": "edge.cli", "kotoba-config": "firmware_config.cli"}
"""Those that a device has; `kotoba-export` needs the workstation's libraries."""

DOCUMENTS = "usr/share/doc/kotoba-edge"
SCRIPT = """#!/opt/kotoba/bin/python -I
import sys
from {module} import main
sys.exit(main())
"""


def lay_out(root: Path, wheels: Iterable[Path], target: Target, *, repository: Path, version: str) -> None:
    """Lay everything out below the new folder `root`.

    Raises:
        BuildError: pip cannot install a wheel.
        OSError: a file cannot be written.
    """
    listed = sorted(wheels, key=lambda path: path.name)
    site_packages = root / target.site_packages
    unpack(listed, target, site_packages)
    _take_scripts_away(site_packages)
    _environment(root / "opt/kotoba", target)
    _system_files(root, repository)
    documents = root / DOCUMENTS
    documents.mkdir(parents=True, exist_ok=True)
    _write(documents / "sbom.cdx.json", bill_of_materials(listed, site_packages, version=version))
    _write(documents / "copyright", copyright_file(site_packages))
    for path, text in manual_pages(version).items():
        _write(root / "usr/share/man" / path, text)


def age(root: Path, seconds: int) -> None:
    """Give every file and folder one time and the modes 0755 and 0644, so that two builds are equal."""
    for path in sorted(root.rglob("*"), reverse=True):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (seconds, seconds), follow_symlinks=False)


def _take_scripts_away(site_packages: Path) -> None:
    """The scripts that pip makes hold the path of this machine's Python, and the libraries' records hold their checksums."""
    shutil.rmtree(site_packages / "bin", ignore_errors=True)
    for record in site_packages.glob("*.dist-info/RECORD"):
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        record.write_text("".join(line for line in lines if not line.startswith("../../bin/")), encoding="utf-8")


def _environment(place: Path, target: Target) -> None:
    """What `python -m venv` would make there: it only holds links and a file of settings, so that it can be shipped ready-made."""
    binaries = place / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python").symlink_to(f"/usr/bin/python{target.python}")
    (binaries / "python3").symlink_to("python")
    _write(place / "pyvenv.cfg", f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {target.python}\n")
    for name, module in COMMANDS.items():
        _write(binaries / name, SCRIPT.format(module=module), mode=0o755)
        link = place.parents[1] / "usr/bin" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"/opt/kotoba/bin/{name}")


def _system_files(root: Path, repository: Path) -> None:
    systemd = repository / "systemd"
    for source in sorted(systemd.glob("*.service")):
        _copy(source, root / "usr/lib/systemd/system" / source.name)
    for kind in ("sysusers.d", "tmpfiles.d"):
        for source in sorted((systemd / kind).glob("*.conf")):
            _copy(source, root / "usr/lib" / kind / source.name)
    _copy(repository / "packaging/kit/install.sh", root / "usr/sbin/kotoba-install", mode=0o755)
    _copy(repository / "LICENSE", root / DOCUMENTS / "LICENSE")


def _copy(source: Path, path: Path, *, mode: int = 0o644) -> None:
    _write(path, source.read_text(encoding="utf-8"), mode=mode)


def _write(path: Path, text: str, *, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
