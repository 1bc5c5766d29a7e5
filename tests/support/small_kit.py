"""A kit as the installer reads it, small, and for a machine that does not exist: a whole one is refused too, at the last question."""

from __future__ import annotations

from pathlib import Path

from export.kit.assemble import MACHINE, machine, seal, write_kit
from export.kit.target import TARGETS
from firmware_config.signature import generate_key
from tests.support.repository import ROOT

INSTALLER = ROOT / "packaging/kit/install.sh"
SYSTEM = "nowhere 1"
PRIVATE = generate_key()


def small_kit(folder: Path, *, private: bytes = PRIVATE) -> Path:
    """Write the kit's folder below `folder`, sealed by this key; returns it."""
    kit = folder / "kotoba-edge-1.2.3-amd64"
    for name in ("debs", "keys", "bundles"):
        (kit / name).mkdir(parents=True)
    (kit / "install.sh").write_bytes(INSTALLER.read_bytes())
    (kit / "install.sh").chmod(0o755)
    (kit / "debs/Packages").write_text("Package: kotoba-edge\n")
    (kit / "debs/kotoba-edge_1.2.3_amd64.deb").write_bytes(b"!<arch>\n" * 100)
    (kit / "bundles/0-tiny-1.kbundle").write_bytes(bytes(10_000))
    (kit / MACHINE).write_text(machine(TARGETS["amd64"], kit, version="1.2.3", installed_bytes=0).replace("debian 12", SYSTEM))
    seal(kit, private)
    return kit


def in_one_file(kit: Path) -> Path:
    """The same kit in one file, beside its folder."""
    path = kit.parent / f"{kit.name}.kit"
    write_kit(kit, path, seconds=1_700_000_000)
    return path
