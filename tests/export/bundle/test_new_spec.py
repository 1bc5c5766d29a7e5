from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from export.bundle.new_spec import SECTIONS
from export.cli import main
from export.spec import BundleSpec, Licence, read_spec


def checkpoint(folder: Path, kind: str) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of models, as an integrator copies them from a hub."""
    for name, kind in (("vit-b-32", "clip"), ("captioner", "blip"), ("SmolLM2", "llama"), ("other", "qwen2")):
        checkpoint(tmp_path / "models" / name, kind)
    (tmp_path / "models/loras/cell").mkdir(parents=True)
    (tmp_path / "models/loras/cell/adapter_config.json").write_text("{}")
    (tmp_path / "golden").mkdir()
    return tmp_path / "models"


def test_a_folder_of_models_fills_in_a_specification_that_is_read(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", str(tmp_path / "line3.toml"), "--models", str(models)]) == 0
    assert "then `kotoba-export build" in capsys.readouterr().out
    spec = read_spec(tmp_path / "line3.toml")
    assert spec.clip is not None
    assert spec.blip is not None
    assert (spec.name, spec.clip.folder, spec.blip.folder) == ("line3", models / "vit-b-32", models / "captioner")
    assert (spec.llm.folder, spec.llm.adapters) == (models / "SmolLM2", (models / "loras/cell",))
    assert "# there is also models/other" in (tmp_path / "line3.toml").read_text()


def test_a_gguf_stands_where_there_is_no_checkpoint_of_a_language_model(tmp_path: Path) -> None:
    checkpoint(tmp_path / "models/siglip", "siglip")
    (tmp_path / "models/judge.gguf").write_bytes(b"")
    for folder in ("golden", "templates"):
        (tmp_path / folder).mkdir()
    assert main(["new", str(tmp_path / "line.toml"), "--models", str(tmp_path / "models")]) == 0
    spec = read_spec(tmp_path / "line.toml")
    assert (spec.llm.path, spec.templates, spec.blip) == (tmp_path / "models/judge.gguf", tmp_path / "templates", None)


def test_without_models_every_key_is_there_with_its_explanation(tmp_path: Path) -> None:
    (tmp_path / "golden").mkdir()
    assert main(["new", str(tmp_path / "line.toml")]) == 0
    assert read_spec(tmp_path / "line.toml").name == "line"
    text = (tmp_path / "line.toml").read_text()
    models: tuple[type[BaseModel], ...] = (BundleSpec, *SECTIONS.values(), Licence)
    for model in models:
        for key, info in model.model_fields.items():
            assert key in text
            if key not in SECTIONS:
                assert str(info.description) in text or key == "expected"
    for line in text.splitlines():
        assert len(line) < 280


def test_an_existing_file_and_a_missing_folder_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "line.toml").write_text("")
    assert main(["new", str(tmp_path / "line.toml")]) == 78
    assert main(["new", str(tmp_path / "other.toml"), "--models", str(tmp_path / "nowhere")]) == 78
    assert main(["new", str(tmp_path / "nowhere/line.toml")]) == 78
    said = capsys.readouterr().err.splitlines()
    assert [line.rpartition(": ")[2] for line in said] == [
        "give the name of a new file",
        "give --models a folder with models",
        "give another path",
    ]


def test_the_schema_explains_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert set(schema["properties"]) == set(BundleSpec.model_fields)
    models: tuple[type[BaseModel], ...] = (BundleSpec, *SECTIONS.values(), Licence)
    assert [f"{model.__name__}.{key}" for model in models for key, info in model.model_fields.items() if not info.description] == []
