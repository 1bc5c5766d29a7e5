"""Specifications of bundles that the documents allow, and specifications that cannot be built: the latter are refused before long work."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.bundle.open import open_trusted_bundle
from export.bundle.build import Built, build
from export.cache import Cache
from export.cli import main
from export.errors import ExportError
from export.models.llm.adapter_file import write_adapter
from export.models.llm.gguf_weights import GgufWeights
from export.spec import read_spec
from firmware_config.board import Board, read_board
from tests.support import odd_checkpoints
from tests.support.tiny_bundle import is_one_sentence
from tests.support.tiny_llama import write_llama
from tests.support.tiny_spec import SPEC, write_spec

pytestmark = odd_checkpoints.LIBRARY_WARNINGS

BOARD = Board(name="test", providers=("cpu",), threads=1)
LOOSE = "limits = { cosine = 0.0, agreement = 0.0, overlap = 0.0, edit_distance = 1.0, probability = 1.0 }"
WORDS = f'tags = ["tags.txt"]\nattributes = ["tags.txt"]\nprompts = ["{{}}"]\n{LOOSE}\n'
CLIP, BLIP = f'\n[clip]\nfolder = "clip"\n{WORDS}', f'\n[blip]\nfolder = "blip"\n{LOOSE}\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A specification with artefacts and a GGUF that holds a chat template, and beside it a CLIP and a BLIP."""
    root = write_spec(tmp_path / "spec").parent
    odd_checkpoints.write_clip(root / "clip", side=224)
    odd_checkpoints.write_blip(root / "blip", side=224)
    (root / "tags.txt").write_text("".join(f"word{number}\n" for number in range(6)))
    return root


def write(root: Path, sections: str, *, without: str = "") -> None:
    head, llm = SPEC.replace(without, "").split("[llm]")
    (root / "tiny.toml").write_text(f"{head}{LOOSE}\n{sections}\n[llm]{llm}".replace("context_tokens", f"{LOOSE}\ncontext_tokens"))


def built(root: Path, *, board: Board = BOARD) -> Built:
    spec = read_spec(root / "tiny.toml")
    work = root.parent
    key, cache = work / "keys/builder.key", Cache(work / "cache")
    return build(spec, out=work / "bundle", key=key, cache=cache, archive=False, board=board, report=lambda _: None)


@pytest.mark.long
@pytest.mark.parametrize(
    ("sections", "without"),
    [(CLIP, 'artefacts = "artefacts"\n'), (CLIP, ""), (BLIP, "")],
    ids=["CLIP", "CLIP for that of the artefacts", "BLIP beside artefacts"],
)
def test_models_of_folders_go_with_a_gguf_that_brings_a_chat_template(root: Path, sections: str, without: str) -> None:
    write(root, sections, without=without)
    made = built(root)
    assert {"judge_agreement_Q4_0", "verdict_agreement_bundle"} <= set(
        open_trusted_bundle(made.root, keys=root.parent / "keys").manifest.parity
    )


def _no_gguf(root: Path) -> None:
    (root / "model.gguf").unlink()


def _no_artefact(root: Path) -> None:
    (root / "artefacts/clip/vision.onnx").unlink()


def _no_pictures(root: Path) -> None:
    for picture in (root / "golden").glob("*.png"):
        picture.unlink()


def _no_models_json(root: Path) -> None:
    (root / "artefacts/models.json").write_text("{}")


def _no_model(root: Path) -> None:
    (root / "model.gguf").write_bytes(b"GGUF" + bytes(200))


def _adapter_of_another_model(root: Path) -> None:
    matrices = {"0.q_proj": (np.ones((2, 96), np.float32), np.ones((96, 2), np.float32))}
    write_adapter(matrices, root / "artefacts/adapters/other.gguf", alpha=2, heads=4, key_value_heads=4)


def _adapter_tuned_on_another_model(root: Path) -> None:
    write_llama(root.parent / "other.gguf", seed=1)
    matrices = {"0.q_proj": (np.ones((2, 64), np.float32), np.ones((64, 2), np.float32))}
    other = GgufWeights(root.parent / "other.gguf").fingerprint
    write_adapter(matrices, root / "artefacts/adapters/other.gguf", alpha=2, heads=4, key_value_heads=2, base=other)


UNFIT: dict[str, tuple[Callable[[Path], None], str]] = {
    "a GGUF that is not there": (_no_gguf, r"llm\.path is .*model\.gguf, which is no file"),
    "a GGUF that llama.cpp cannot load": (_no_model, r"model\.gguf: llama\.cpp refuses it"),
    "an adapter of another model": (_adapter_of_another_model, r"llama\.cpp refuses it .*adapter other\.gguf"),
    "an adapter tuned on another model of this size": (
        _adapter_tuned_on_another_model,
        r"other\.gguf was tuned on another model of the size",
    ),
    "an artefact that is not there": (_no_artefact, "vision.onnx does not exist, which models.json names"),
    "no golden picture": (_no_pictures, r"holds no picture \(\.png or \.jpg\)"),
    "artefacts without a CLIP": (_no_models_json, "describes a CLIP: make the artefacts first"),
}


@pytest.mark.parametrize("unfit", UNFIT)
def test_a_part_that_is_missing_is_refused_before_models_are_made(root: Path, unfit: str) -> None:
    change, said = UNFIT[unfit]
    write(root, BLIP)
    change(root)
    with pytest.raises(ExportError, match=said) as caught:
        built(root)
    assert is_one_sentence(str(caught.value)), str(caught.value)
    assert not (root.parent / "cache").exists()


@pytest.mark.parametrize("board", ["gpu", "jetson-orin-nano", "openvino"])
def test_a_board_whose_provider_is_not_installed_is_refused_before_models_are_made(root: Path, board: str) -> None:
    write(root, CLIP)
    with pytest.raises(ExportError, match=rf"building bundle tiny: board '{board}' asks for .*ExecutionProvider, which this") as caught:
        built(root, board=read_board(board))
    assert is_one_sentence(str(caught.value)), str(caught.value)
    assert not (root.parent / "cache").exists()


@pytest.mark.parametrize("verb", ["clip", "blip"])
@pytest.mark.parametrize("pictures", ["nowhere", "a file", "an empty folder"])
def test_pictures_that_are_not_there_are_one_sentence(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str, pictures: str
) -> None:
    (tmp_path / "a file").write_text("no folder")
    (tmp_path / "an empty folder").mkdir()
    assert main([verb, str(root / verb), "--pictures", str(tmp_path / pictures), "--out", str(tmp_path / "out")]) == 78
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "pictur" in said


def test_a_specification_of_artefacts_alone_is_read_as_before(root: Path) -> None:
    shutil.rmtree(root / "clip")
    assert json.loads((root / "artefacts/models.json").read_text())["clip"]
    assert built(root).digest.startswith("sha256:")
