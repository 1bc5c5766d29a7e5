from __future__ import annotations

import gc
import hashlib
from pathlib import Path

import pytest

from edge.judges.llama import LlamaModel
from firmware_config.board import Board
from firmware_config.verified_file import VerifiedFile
from tests.support.tiny_llama import write_llama

NAME = "private-copy.gguf"


def mapped() -> int:
    """How many mappings of the private copy the process has."""
    gc.collect()
    return sum(f"/memfd:{NAME}" in line for line in Path("/proc/self/maps").read_text().splitlines())


@pytest.mark.parametrize(("gpu_layers", "more"), [(0, 1), (1, 0)])
def test_the_private_copy_is_the_model_on_a_processor_and_is_gone_on_a_gpu(gpu_layers: int, more: int, tmp_path: Path) -> None:
    path = tmp_path / NAME
    write_llama(path)
    file = VerifiedFile(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), size=path.stat().st_size)
    before = mapped()
    model = LlamaModel(file, board=Board(name="test", providers=("cpu",), threads=1, llm_gpu_layers=gpu_layers), context_tokens=256)
    assert (mapped() > before) == bool(more)
    assert model.tokenize("a line")
