from __future__ import annotations

import gc
import hashlib
from pathlib import Path

import pytest

from edge.judges.language_model import Vocabulary
from edge.judges.llama import LlamaModel
from firmware_config.board import Board
from firmware_config.verified_file import VerifiedFile
from tests.support.tiny_llama import write_llama

NAME = "private-copy.gguf"


def mapped() -> int:
    """How many mappings of the private copy the process has."""
    gc.collect()
    return sum(f"/memfd:{NAME}" in line for line in Path("/proc/self/maps").read_text().splitlines())


def checked(path: Path) -> VerifiedFile:
    write_llama(path)
    return VerifiedFile(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), size=path.stat().st_size)


def test_a_model_that_nobody_uses_any_more_gives_its_memory_back(tmp_path: Path) -> None:
    """A box exchanges bundles while it runs: each model that stayed would be memory that is gone for good."""
    file, before = checked(tmp_path / NAME), mapped()
    model = LlamaModel(file, board=Board(name="test", providers=("cpu",), threads=1), context_tokens=256)
    tokenize, tokens = model.tokenize, model.tokenize("a line")
    assert mapped() > before
    del model
    assert tokenize("a line") == tokens, "who tokenizes with it still has it"
    del tokenize
    assert mapped() == before
    vocabulary = Vocabulary.of_file(file)
    assert vocabulary.tokenize("a line") == tokens
    del vocabulary
    assert mapped() == before


@pytest.mark.parametrize(("gpu_layers", "more"), [(0, 1), (1, 0)])
def test_the_private_copy_is_the_model_on_a_processor_and_is_gone_on_a_gpu(gpu_layers: int, more: int, tmp_path: Path) -> None:
    file, before = checked(tmp_path / NAME), mapped()
    model = LlamaModel(file, board=Board(name="test", providers=("cpu",), threads=1, llm_gpu_layers=gpu_layers), context_tokens=256)
    assert (mapped() > before) == bool(more)
    assert model.tokenize("a line")
