"""Trees of system files, and roots that they are written onto."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from firmware_config.cli import main

FIRST = {
    "etc/kotoba/environment": "KOTOBA_BOX=press-3\nKOTOBA_METRICS_PORT=9100\n",
    "etc/systemd/system/kotoba-edge.service.d/box.conf": "[Service]\nMemoryMax=1500M\n",
    "etc/nftables.conf": "table inet kotoba {\n}\n",
}
SECOND = {
    "etc/kotoba/environment": "KOTOBA_BOX=press-4\nKOTOBA_METRICS_PORT=9100\n",
    "etc/nftables.conf": "table inet kotoba {\n}\n",
    "etc/logrotate.d/kotoba": "/var/log/kotoba/*.jsonl {\n}\n",
}


def make_tree(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files below a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
    return folder


def files_of(root: Path) -> dict[str, str]:
    """What lies below a root by name, but for what `apply` remembers."""
    found = {}
    for place, folders, leaves in os.walk(root):
        if Path(place) == root / "var/lib/kotoba":
            folders.clear()
        for name in leaves:
            path = Path(place, name)
            found[str(path.relative_to(root))] = f"-> {path.readlink()}" if path.is_symlink() else path.read_text(encoding="utf-8")
    return found


def apply(root: Path, *arguments: str | Path) -> int:
    """Run the command without a terminal."""
    return main(["apply", "--root", str(root), *map(str, arguments)])
