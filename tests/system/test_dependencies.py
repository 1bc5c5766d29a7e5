from __future__ import annotations

from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from firmware_config.toml import read_toml
from tests.support.repository import ROOT

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
