"""Kits of one file that a hostile hand packed: what a tar can hold beside plain files. Signature and checksums are those of a whole kit."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

BIG_BYTES = 50_000_000_000
"""More than the installer may copy, and than it may wait for."""

PACKAGES, DEB, MACHINE, SUMS = "debs/Packages", "debs/kotoba-edge_1.2.3_amd64.deb", "MACHINE", "SHA256SUMS"


@dataclass(frozen=True, slots=True)
class HostileKit:
    """One way to pack a kit wrongly: `change` gets each entry of the whole one, and says what stands in its place."""

    name: str
    change: Callable[[tarfile.TarInfo, bytes], Iterator[tuple[tarfile.TarInfo, bytes]]]

    def write(self, kit: Path, path: Path) -> None:
        """Pack the folder of a whole kit in this way."""
        with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
            for file in [kit, *sorted(kit.rglob("*"))]:
                entry = tar.gettarinfo(file, arcname=f"{kit.name}/{file.relative_to(kit)}".removesuffix("/."))
                content = file.read_bytes() if file.is_file() else b""
                for changed, bytes_of in self.change(entry, content):
                    tar.addfile(changed, io.BytesIO(bytes_of))


def _special(name: str, kind: bytes, target: str = "") -> HostileKit:
    """In the place of a file stands a link, a device or a pipe."""

    def change(entry: tarfile.TarInfo, content: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        if entry.name.endswith(name):
            entry.type, entry.linkname, entry.size = kind, target, 0
            entry.devmajor, entry.devminor = 1, 5
            content = b""
        yield entry, content

    return HostileKit(f"{name} is of type {kind.decode()} {target}".strip(), change)


def _renamed(name: str, become: str) -> HostileKit:
    def change(entry: tarfile.TarInfo, content: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        if entry.name.endswith(name):
            entry.name = become
        yield entry, content

    return HostileKit(f"{name} is called {become}", change)


def _also(name: str, content: bytes, *, first: bool) -> HostileKit:
    """The same name twice."""

    def change(entry: tarfile.TarInfo, real: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        if not entry.name.endswith(name):
            yield entry, real
            return
        other = tarfile.TarInfo(entry.name)
        other.size = len(content)
        both = [(other, content), (entry, real)] if first else [(entry, real), (other, content)]
        yield from both

    return HostileKit(f"{name} twice, the false one {'first' if first else 'last'}", change)


def _cut(name: str) -> HostileKit:
    def change(entry: tarfile.TarInfo, content: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        if entry.isfile() and entry.name.endswith(name):
            entry.size //= 2
        yield entry, content

    return HostileKit(f"{name} is cut", change)


def _top(become: str) -> HostileKit:
    """Another name for the folder that holds everything."""

    def change(entry: tarfile.TarInfo, content: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        entry.name = become + entry.name[len("kotoba-edge-1.2.3-amd64") :]
        yield entry, content

    return HostileKit(f"the folder is called {become!r}", change)


LINKS = (tarfile.SYMTYPE, tarfile.LNKTYPE)
HOSTILE_KITS = (
    *(_special(name, kind, "/etc/passwd") for name in (PACKAGES, MACHINE, SUMS, "signer.pem") for kind in LINKS),
    *(_special(PACKAGES, kind) for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE)),
    _renamed(PACKAGES, "/etc/kotoba-packages"),
    _renamed(PACKAGES, "kotoba-edge-1.2.3-amd64/../../etc/kotoba-packages"),
    *(_also(name, b"false\n", first=first) for name in (PACKAGES, MACHINE, SUMS) for first in (True, False)),
    *(_cut(name) for name in (DEB, SUMS, "SHA256SUMS.sig")),
    *(_top(name) for name in ("..", "/etc", "kotoba-edge-$(id)", "-rf", "kotoba-edge-1;id", "other-1.2.3-amd64")),
)


LINKED_FOLDERS = (_special("debs", tarfile.SYMTYPE, "/etc"), _special("bundles", tarfile.SYMTYPE, "../../.."))
"""Harmless: no entry but a plain file is read, and no folder of the kit is made."""


def write_sparse_kit(kit: Path, path: Path) -> None:
    """A kit with a file that says it has 50 GB and lies in 8 KB: GNU tar writes it so."""
    with (kit / PACKAGES).open("r+b") as file:
        file.truncate(BIG_BYTES)
    subprocess.run(["tar", "--sparse", "-cf", str(path), "-C", str(kit.parent), kit.name], check=True, timeout=60)
