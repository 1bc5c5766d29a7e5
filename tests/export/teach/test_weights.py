from __future__ import annotations

from pathlib import Path

from export.spec import BundleSpec, read_spec
from export.teach.weights import SPEC_NAME, require_weights, write_weights
from tests.support.station_files import station_toml

TEMPLATE = station_toml('\n[judge]\ncalibration = "calibration.json"\n')

VALUES = {
    "name": "cloth",
    "version": 2,
    "expected": {"a dark area": ("dark-?.png",), "good": ("good-*.png", "fine.png")},
    "limits": {"agreement": 0.8},
}


def gathered(folder: Path) -> BundleSpec:
    """A specification as teaching gathers it, with all that one can name."""
    for name in ("artefacts/clip", "templates", "golden"):
        (folder / name).mkdir(parents=True)
    contents = {
        "artefacts/models.json": "{}", "artefacts/clip/vision.onnx": "graph", "templates/default.txt": "{labels}",
        "golden/good-0.png": "picture", "station.toml": TEMPLATE, "calibration.json": "{}", "own.gguf": "model", "MIT.txt": "permission",
    }  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    licence = {"files": ("*",), "licence": "MIT", "origin": 'the "loom"', "text": folder / "MIT.txt", "notice": "織物"}
    named = {name: folder / name for name in ("artefacts", "templates", "golden")} | {"station": folder / "station.toml"}
    return BundleSpec.model_validate({**VALUES, **named, "llm": {"path": folder / "own.gguf"}, "licences": (licence,)})


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_folder_holds_all_that_is_named_and_its_specification_says_the_same(tmp_path: Path) -> None:
    spec, folder = gathered(tmp_path / "work"), tmp_path / "kept"

    write_weights(spec, folder)

    assert files(folder) == {
        SPEC_NAME, "artefacts/models.json", "artefacts/clip/vision.onnx", "templates/default.txt", "golden/good-0.png", "station.toml",
        "calibration.json", "llm.gguf", "licences/MIT.txt",
    }  # fmt: skip
    assert str(tmp_path) not in (folder / SPEC_NAME).read_text(encoding="utf-8")
    read = read_spec(folder / SPEC_NAME)
    here = {name: folder / name for name in ("artefacts", "templates", "golden")} | {"station": folder / "station.toml"}
    licence = spec.licences[0].model_copy(update={"text": folder / "licences/MIT.txt"})
    llm = spec.llm.model_copy(update={"path": folder / "llm.gguf"})
    assert read == spec.model_copy(update={**here, "licences": (licence,), "llm": llm})


def test_an_older_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    spec, folder = gathered(tmp_path / "work"), tmp_path / "kept"
    write_weights(spec, folder)
    whole = files(folder)
    (folder / "artefacts/old.onnx").write_text("old")

    require_weights(folder)
    write_weights(spec, folder)

    assert files(folder) == whole
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
