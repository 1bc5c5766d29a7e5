"""The wheel of the repository is under the Apache-2.0 licence, so that it holds nothing that is not."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from export.kit.project import build_wheel
from firmware_config.version import DISTRIBUTION
from tests.support.repository import ROOT

pytestmark = pytest.mark.long
WEIGHTS = (".onnx", ".gguf", ".npy", ".npz")


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    wheel = build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_it_holds_no_weights_and_no_learned_words(names: list[str]) -> None:
    assert [name for name in names if name.endswith(WEIGHTS) or "/artefacts/" in name or "/golden/" in name] == []
    assert [name for name in names if name.startswith("export/starter/weights/") and "/templates/" not in name] == []


def test_it_holds_what_its_commands_read(names: list[str]) -> None:
    templates = {path.name for path in (ROOT / "export/starter/weights/templates").iterdir()}
    assert {f"export/starter/weights/templates/{name}" for name in templates} <= set(names)
    boards = {f"firmware_config/boards/{path.name}" for path in (ROOT / "firmware_config/boards").glob("*.toml")}
    assert boards <= set(names)
    assert {"edge/py.typed", "firmware_config/wire/message.json", "export/products/solar_cell/product.toml"} <= set(names)


def test_every_file_of_the_device_is_in_it(names: list[str]) -> None:
    for package in ("edge", "firmware_config"):
        sources = {
            str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        }
        assert sources - set(names) == set()


def test_its_licence_is_the_apache_licence(names: list[str]) -> None:
    licences = [name for name in names if ".dist-info/licenses/" in name]
    assert [Path(name).name for name in licences] == ["LICENSE"]
    assert all(name.startswith((f"{DISTRIBUTION.replace('-', '_')}-", "edge/", "export/", "firmware_config/")) for name in names)


def test_it_takes_another_version_for_a_kit_that_is_tried(tmp_path: Path) -> None:
    assert build_wheel(ROOT, tmp_path, version="0.0.9").name == "kotoba_edge-0.0.9-py3-none-any.whl"
    assert [path.name for path in tmp_path.iterdir()] == ["kotoba_edge-0.0.9-py3-none-any.whl"]
