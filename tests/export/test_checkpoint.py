from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from export.checkpoint import read_checkpoint
from export.errors import SpecError


def checkpoint(folder: Path, **config: object) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "blip", **config}))
    save_file({"weight": np.zeros((3, 4), np.float32), "bias": np.zeros(3, np.float32)}, folder / "model.safetensors")
    (folder / "tokenizer.json").write_text("{}")
    return folder


def test_a_checkpoint_is_its_configuration_and_its_files(tmp_path: Path) -> None:
    found = read_checkpoint(checkpoint(tmp_path / "blip"), kind="BLIP")
    assert found.model_type == "blip"
    assert [path.name for path in found.files] == ["config.json", "model.safetensors", "tokenizer.json"]
    assert found.parameters == 15
    (tmp_path / "blip/model.safetensors").write_bytes(b"weights")
    with pytest.raises(SpecError, match=r"model\.safetensors cannot be read .*: copy the checkpoint again"):
        _ = found.parameters


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"BLIP checkpoint .*/nowhere is no folder"):
        read_checkpoint(tmp_path / "nowhere", kind="BLIP")


@pytest.mark.parametrize(("kind", "wanted"), [("CLIP", "clip or siglip"), ("BLIP", "blip")])
def test_another_kind_of_model_is_refused(tmp_path: Path, kind: str, wanted: str) -> None:
    with pytest.raises(SpecError, match=f"is of the type 'llama', expected {wanted}"):
        read_checkpoint(checkpoint(tmp_path / "model", model_type="llama"), kind=kind)


def test_a_checkpoint_that_brings_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="trust_remote_code"):
        read_checkpoint(checkpoint(tmp_path / "mapped", auto_map={"AutoModel": "modeling.Model"}), kind="BLIP")
    (checkpoint(tmp_path / "file") / "modeling.py").write_text("print('run')")
    with pytest.raises(SpecError, match="trust_remote_code"):
        read_checkpoint(tmp_path / "file", kind="BLIP")


def test_pickles_are_refused_and_named(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(SpecError, match=r"only pickles \(pytorch_model\.bin\), which can run code: convert them to safetensors"):
        read_checkpoint(folder, kind="BLIP")
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(SpecError, match="no weights"):
        read_checkpoint(folder, kind="BLIP")


@pytest.mark.parametrize("content", [None, "", "[1]", "{", "[" * 100_000])
def test_a_configuration_that_is_none_is_one_sentence(tmp_path: Path, content: str | None) -> None:
    folder = checkpoint(tmp_path / "model")
    (folder / "config.json").unlink()
    if content is not None:
        (folder / "config.json").write_text(content)
    with pytest.raises(SpecError, match=r"config\.json") as caught:
        read_checkpoint(folder, kind="BLIP")
    assert "\n" not in str(caught.value)
