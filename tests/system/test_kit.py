"""A kit as a plant gets it, on a machine that has nothing: it needs root, Debian's registry for that machine, and some minutes."""

from __future__ import annotations

import filecmp
import re
import subprocess
from pathlib import Path

import pytest

from export.kit.__main__ import main
from tests.support.booted_machine import bootstrap, missing_programs
from tests.support.prove_kit import prove
from tests.support.repository import KEYS, ROOT, STARTER

WHEELS = ROOT / ".kotoba/portable-wheels"
INSTALL_PAGE = (ROOT / "docs/install.md").read_text(encoding="utf-8")
STEPS = """mount --make-rprivate / && mkdir "$1/kit" && mount --bind "$2" "$1/kit" && mount -t proc proc "$1/proc" &&
mount --bind /dev "$1/dev" && exec chroot "$1" sh -c "$3" """


def built(version: str, out: Path) -> Path:
    code = main(
        ["--release", version, "--wheels", str(WHEELS), "--bundle", str(STARTER), "--out", str(out), "--key", str(KEYS / "builder.key")]
    )
    assert code == 0
    return out / f"kotoba-edge-{version}-amd64.kit"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Two kits and the tar of a bare machine."""
    missing = missing_programs()
    if missing:
        pytest.skip(f"a machine cannot be booted here: {', '.join(missing)} is missing")
    if not (WHEELS / "built").exists():
        pytest.skip("the compiled wheel of a kit is missing: run `make kit` once")
    folder = tmp_path_factory.mktemp("kits")
    bootstrap(folder / "machine.tar")
    return built("0.1.0", folder), built("0.0.9", folder), folder / "machine.tar"


@pytest.mark.soak
def test_from_a_bare_machine_to_a_verdict_in_four_commands_and_on_to_the_next_version_in_one(
    parts: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    kit, older, machine = parts

    first, removed, before, upgraded, refused, back, whole = prove(kit, older, archive=machine, work=tmp_path, key=KEYS / "builder.key")[0]

    assert [len(chapter.typed) for chapter in (first, removed, before, upgraded, refused, back)] == [4, 2, 4, 1, 0, 1]
    assert [chapter.verdicts[0]["seq"] for chapter in (first, before, upgraded, back)] == [1, 1, 2, 3]
    assert len(refused.looked) == 4
    assert whole.verdicts[0]["seq"] == 1


@pytest.mark.soak
def test_two_kits_of_one_commit_have_the_same_bytes(parts: tuple[Path, Path, Path], tmp_path: Path) -> None:
    assert filecmp.cmp(parts[0], built("0.1.0", tmp_path), shallow=False)


@pytest.mark.soak
def test_the_steps_of_the_container_work_in_a_bare_debian_without_a_network(parts: tuple[Path, Path, Path], tmp_path: Path) -> None:
    kit, _, machine = parts
    root = tmp_path / "root"
    root.mkdir()
    for archive, into in ((machine, root), (kit, tmp_path)):
        subprocess.run(["tar", "-xf", str(archive), "-C", str(into)], check=True, timeout=300)
    text = (ROOT / "packaging/kit/Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    (steps,) = re.findall(r"^RUN --network=none --mount=type=bind,target=/kit (.+)$", text, re.MULTILINE)

    done = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "sh", "-c", STEPS, "sh", str(root), str(tmp_path / kit.stem), steps],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("kotoba-edge 0.1.0\n")
    assert not (root / "run/kit").exists()


def test_the_guide_quotes_what_the_installer_says() -> None:
    scripts = "".join((ROOT / "packaging/kit" / name).read_text(encoding="utf-8") for name in ("install.sh", "preinst"))
    spoken = re.sub(r"\$\w+|\$\([^)]*\)", "...", scripts)
    quoted = re.findall(r"^\| `([^`]+)` \|", INSTALL_PAGE.partition("| what it says |")[2].partition("\n\n")[0], re.MULTILINE)
    assert len(quoted) > 4
    for sentence in quoted:
        parts = [part.strip() for part in re.split(r"\.\.\.|avx2|debian 12", sentence) if part.strip()]
        assert [part for part in parts if part not in spoken] == [], sentence


def test_the_guide_takes_no_more_commands_than_were_proven() -> None:
    (commands,) = re.findall(r"## A box with Debian 12 .*?\n```\n(.*?)```", INSTALL_PAGE, re.DOTALL)
    assert len(commands.splitlines()) == 4
