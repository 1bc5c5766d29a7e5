"""install.sh refuses what its signer did not make, before it writes anything but a copy for itself, which it takes away again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from export.kit.assemble import SIGNATURE, SIGNER, SUMS, seal
from firmware_config.signature import generate_key, public_key, sign
from tests.support.hostile_kits import BIG_BYTES, HOSTILE_KITS, LINKED_FOLDERS, HostileKit, write_sparse_kit
from tests.support.repository import ROOT
from tests.support.small_kit import INSTALLER, PRIVATE, SYSTEM, in_one_file, small_kit

pytestmark = [
    pytest.mark.skipif(shutil.which("dpkg") is None, reason="the installer is for Debian: dpkg is not installed"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]
KEY = public_key(PRIVATE).hex()
WRITES = "openat,open,creat,mkdir,mkdirat,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,truncate,chmod,fchmodat"
ROOT_ONLY = [] if os.geteuid() == 0 else ["--check"]
"""Who is not root can only check."""


def one_byte(kit: Path, name: str = "bundles/0-tiny-1.kbundle") -> None:
    content = bytearray((kit / name).read_bytes())
    content[len(content) // 2] ^= 1
    (kit / name).write_bytes(content)


def changed_package(kit: Path) -> None:
    one_byte(kit, "debs/kotoba-edge_1.2.3_amd64.deb")


def changed_installer(kit: Path) -> None:
    with (kit / "install.sh").open("a") as file:
        file.write("# one more line\n")


def changed_sums(kit: Path) -> None:
    one_byte(kit)
    lines = (kit / SUMS).read_text().splitlines(keepends=True)
    (kit / SUMS).write_text("".join(f"{'0' * 64}  bundles/0-tiny-1.kbundle\n" if "tiny" in line else line for line in lines))


def changed_signature(kit: Path) -> None:
    one_byte(kit, SIGNATURE)


def no_signature(kit: Path) -> None:
    (kit / SIGNATURE).unlink()


def empty_signature(kit: Path) -> None:
    (kit / SIGNATURE).write_bytes(b"")


def no_sums(kit: Path) -> None:
    (kit / SUMS).write_bytes(b"")


def no_signer(kit: Path) -> None:
    (kit / SIGNER).unlink()


def another_signer(kit: Path) -> None:
    for name in (SUMS, SIGNATURE, SIGNER):
        (kit / name).unlink()
    seal(kit, generate_key())


def signer_without_its_signature(kit: Path) -> None:
    (kit / SIGNATURE).write_bytes(sign((kit / SUMS).read_bytes(), generate_key()))


def no_key_at_all(kit: Path) -> None:
    (kit / SIGNER).write_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")


def missing_file(kit: Path) -> None:
    (kit / "debs/Packages").unlink()


def names_outside(kit: Path) -> None:
    sums = (kit / SUMS).read_bytes() + f"{'0' * 64}  ../../etc/shadow\n".encode()
    (kit / SUMS).write_bytes(sums)
    (kit / SIGNATURE).write_bytes(sign(sums, PRIVATE))


def commands_in_a_name(kit: Path) -> None:
    sums = (kit / SUMS).read_bytes() + f"{'0' * 64}  $(touch${{IFS}}pwned)\n".encode()
    (kit / SUMS).write_bytes(sums)
    (kit / SIGNATURE).write_bytes(sign(sums, PRIVATE))


def big_package(kit: Path) -> None:
    with (kit / "debs/Packages").open("r+b") as file:
        file.truncate(BIG_BYTES)


def linked_package(kit: Path) -> None:
    (kit / "debs/Packages").rename(kit.parent / "elsewhere")
    (kit / "debs/Packages").symlink_to(kit.parent / "elsewhere")


def pipe_for_a_package(kit: Path) -> None:
    (kit / "debs/Packages").unlink()
    os.mkfifo(kit / "debs/Packages")


def pipe_for_the_sums(kit: Path) -> None:
    (kit / SUMS).unlink()
    os.mkfifo(kit / SUMS)


HARMS: tuple[Callable[[Path], None], ...] = (
    one_byte, changed_package, changed_installer, changed_sums, changed_signature, no_signature, empty_signature, no_sums, no_signer,
    another_signer, signer_without_its_signature, no_key_at_all, missing_file, names_outside, commands_in_a_name,
)  # fmt: skip


class Installed:
    """What an installer said, and what it wrote where."""

    def __init__(self, folder: Path, installer: Path, *arguments: str, key: str | None = KEY) -> None:
        stage, log, before = folder / "stage", folder / "calls", _files(folder)
        stage.mkdir()
        command = [
            "strace",
            "-f",
            "-qq",
            "--seccomp-bpf",
            "-o",
            str(log),
            "-e",
            f"trace={WRITES}",
            "sh",
            str(installer),
            *ROOT_ONLY,
            *arguments,
        ]
        done = subprocess.run(
            [*command, *(["--key", key] if key else [])],
            cwd=folder,
            env={**os.environ, "TMPDIR": str(stage)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.code, self.said = done.returncode, done.stderr
        self.left = [path.name for path in stage.iterdir()]
        self.written = {path for path in _written(log.read_text(errors="replace")) if not path.startswith((f"{stage}/", "/dev/"))}
        log.unlink()
        shutil.rmtree(stage)
        self.written |= {f"{path} changed" for path, _ in before ^ _files(folder)}


def _files(folder: Path) -> set[tuple[Path, int]]:
    return {(path, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def _written(calls: str) -> Iterator[str]:
    """The paths that calls opened for writing, made, renamed or took away, and succeeded. `mkdir -p` and `rm -r` name parts of a path."""
    for line in calls.splitlines():
        call = re.search(r"\b(\w+)\((.*)\) += (-?\d+)", line)
        if call is None or int(call[3]) < 0:
            continue
        if call[1].startswith("open") and not re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", call[2]):
            continue
        yield from (path for path in re.findall(r'"([^"]*)"', call[2]) if path.startswith("/"))


@pytest.mark.parametrize("one_file", [False, True], ids=["folder", "one file"])
@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_a_kit_that_is_not_what_was_signed_is_refused_and_nothing_is_written(
    harm: Callable[[Path], None],
    tmp_path: Path,
    one_file: bool,  # noqa: FBT001 -- a parameter
) -> None:
    kit = small_kit(tmp_path)
    whole = (kit / "install.sh").read_bytes()
    harm(kit)
    installer = tmp_path / "kotoba-install"
    installer.write_bytes(whole)

    command = (installer, str(in_one_file(kit))) if one_file else (kit / "install.sh",)
    installed = Installed(tmp_path, *command)

    assert installed.code == 1
    assert re.fullmatch(r"install\.sh: [^\n]+\n", installed.said)
    assert SYSTEM not in installed.said, "the machine was asked before the kit was checked"
    assert installed.left == []
    assert installed.written == set()


@pytest.mark.parametrize("harm", [big_package, linked_package, pipe_for_a_package, pipe_for_the_sums], ids=lambda harm: harm.__name__)
def test_a_folder_with_what_is_no_plain_file_is_refused(harm: Callable[[Path], None], tmp_path: Path) -> None:
    kit = small_kit(tmp_path)
    harm(kit)

    installed = Installed(tmp_path, kit / "install.sh")

    assert (installed.code, installed.left, installed.written) == (1, [], set())
    assert SYSTEM not in installed.said


@pytest.mark.parametrize("hostile", HOSTILE_KITS, ids=lambda hostile: hostile.name)
def test_a_tar_that_a_hostile_hand_packed_is_refused_and_nothing_is_written(hostile: HostileKit, tmp_path: Path) -> None:
    path = tmp_path / "hostile.kit"
    hostile.write(small_kit(tmp_path), path)

    installed = Installed(tmp_path, INSTALLER, str(path))

    assert (installed.code, installed.left, installed.written) == (1, [], set())
    assert re.fullmatch(r"install\.sh: [^\n]+\n", installed.said)
    assert SYSTEM not in installed.said


@pytest.mark.parametrize("hostile", LINKED_FOLDERS, ids=lambda hostile: hostile.name)
def test_a_link_in_the_place_of_a_folder_leads_nowhere(hostile: HostileKit, tmp_path: Path) -> None:
    path = tmp_path / "hostile.kit"
    hostile.write(small_kit(tmp_path), path)

    installed = Installed(tmp_path, INSTALLER, "--check", str(path))

    assert (installed.code, installed.left, installed.written) == (0, [], set())


def test_a_file_that_says_it_is_huge_is_not_copied(tmp_path: Path) -> None:
    kit, path = small_kit(tmp_path), tmp_path / "hostile.kit"
    write_sparse_kit(kit, path)
    assert path.stat().st_size < 1_000_000

    installed = Installed(tmp_path, INSTALLER, str(path))

    assert (installed.code, installed.left, installed.written) == (1, [], set())
    assert "debs/Packages is not what was signed" in installed.said


@pytest.mark.parametrize(
    ("key", "named"),
    [(public_key(generate_key()).hex(), "is not the one given with --key"), (None, "give it with --key"), ("abc", "is not the one")],
    ids=["another", "none", "no key"],
)
def test_a_whole_kit_is_refused_without_a_person_who_knows_its_key(tmp_path: Path, key: str | None, named: str) -> None:
    installed = Installed(tmp_path, small_kit(tmp_path) / "install.sh", key=key)

    assert (installed.code, installed.left, installed.written) == (1, [], set())
    assert named in installed.said
    assert KEY in installed.said


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root can only check a kit")
def test_a_whole_kit_for_another_system_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    installed = Installed(tmp_path, small_kit(tmp_path) / "install.sh")

    assert (installed.code, installed.left, installed.written) == (1, [], set())
    assert re.search(rf"the kit is for ({SYSTEM}|amd64), this machine", installed.said)


@pytest.mark.parametrize("one_file", [False, True], ids=["folder", "one file"])
def test_a_whole_kit_passes_the_check(tmp_path: Path, one_file: bool) -> None:  # noqa: FBT001 -- a parameter
    kit = small_kit(tmp_path)
    installer = kit / "install.sh"
    arguments = ["--check"]
    if one_file:
        arguments += [str(in_one_file(kit))]
        installer = tmp_path / "kotoba-install"
        (kit / "install.sh").rename(installer)

    installed = Installed(tmp_path, installer, *arguments)

    assert (installed.code, installed.said, installed.left, installed.written) == (0, "", [], set())


@pytest.mark.parametrize(
    "content", [b"", b"no tar", bytes(100_000), b"\x1f\x8b\x08" + bytes(100)], ids=["empty", "text", "zeros", "compressed"]
)
def test_a_file_that_is_no_kit_is_refused(tmp_path: Path, content: bytes) -> None:
    small_kit(tmp_path)
    (tmp_path / "x.kit").write_bytes(content)

    installed = Installed(tmp_path, tmp_path / "kotoba-edge-1.2.3-amd64/install.sh", str(tmp_path / "x.kit"))

    assert (installed.code, installed.left, installed.written) == (1, [], set())
    assert "is no kit of Kotoba Edge" in installed.said


def test_the_counting_of_writes_would_notice_one(tmp_path: Path) -> None:
    installer = tmp_path / "writes.sh"
    installer.write_text(f"echo harm >{tmp_path}/outside; exit 1\n")
    assert Installed(tmp_path, installer).written == {f"{tmp_path}/outside", f"{tmp_path}/outside changed"}


def test_the_scripts_of_the_package_are_understood_by_the_shell() -> None:
    scripts = ROOT / "packaging/kit"
    for name in ("install.sh", "preinst", "postinst", "prerm", "postrm"):
        assert subprocess.run(["sh", "-n", str(scripts / name)], capture_output=True, check=False).returncode == 0
