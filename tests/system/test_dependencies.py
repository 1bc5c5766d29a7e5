from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from firmware_config.toml import read_toml
from tests.support.repository import ROOT, STARTER_SOURCES

PROJECT = read_toml(ROOT / "pyproject.toml")["project"]


def closure(requirements: list[str]) -> set[str]:
    """Everything that these requirements bring along on this machine, by what the installed packages say of themselves."""
    found: set[str] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *requirement.extras)):
            continue
        if name in found:
            continue
        found.add(name)
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            pytest.skip(f"{name} is not installed here")
        for text in needs:
            need = Requirement(text)
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *requirement.extras)):
                waiting.append(Requirement(text.partition(";")[0]))
    return found


def test_neither_a_device_nor_the_demo_needs_a_training_library() -> None:
    device = closure(PROJECT["dependencies"])
    demo = closure(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["demo"])
    assert "numpy" in device
    assert not demo & {"torch", "transformers", "optimum", "peft", "scipy", "scikit-learn"}
    assert "onnx" not in device, "only whoever builds a bundle writes graphs"


def test_every_package_of_the_demo_and_the_tests_is_pinned() -> None:
    extras = PROJECT["optional-dependencies"]
    installed = closure(PROJECT["dependencies"] + extras["demo"] + extras["export"] + extras["dev"])
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {canonicalize_name(Requirement(line).name) for line in lines if not line.startswith("#")}
    assert installed - pinned <= {"pip", "setuptools"}  # these come with the environment


EXPORT_ONLY = ("optimum", "peft", "safetensors", "scipy", "sklearn", "torch", "transformers")
"""What [export] and [dev] install and the demo does not, by the names that are imported."""

BUILD = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[1].split()))  # None: an import of it fails as that of a package that is not there
from export.cli import main
sys.exit(main(sys.argv[2:]))
"""


SPECIFICATIONS = sorted(STARTER_SOURCES.rglob("build.toml"))
"""Those of the bundles of the demo."""


@pytest.mark.long
@pytest.mark.parametrize("specification", SPECIFICATIONS, ids=lambda path: str(path.relative_to(STARTER_SOURCES)))
def test_a_bundle_of_the_demo_is_built_without_a_training_library(specification: Path, tmp_path: Path) -> None:
    build = ["build", str(specification), "--out", str(tmp_path / "bundle"), "--key", str(tmp_path / "builder.key")]

    done = subprocess.run(
        [sys.executable, "-c", BUILD, " ".join(EXPORT_ONLY), *build], cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )

    assert done.returncode == 0, done.stderr
