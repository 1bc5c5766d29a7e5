"""Layers on a GPU are told as llama.cpp has put them, and refused where it cannot."""

from __future__ import annotations

import llama_cpp
import pytest

from edge.errors import BundleError
from edge.judges.language_model import offloaded, require_offload
from tests.support.tiny_bundle import is_one_sentence


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (
            "load_tensors: offloading output layer to GPU\nload_tensors: offloaded 31/31 layers to GPU\n",
            "llama.cpp, 31 of 31 layers on a GPU",
        ),
        ("load_tensors: offloaded 0/31 layers to GPU\n", "llama.cpp on CPU"),
        ("load_tensors:   CPU_Mapped model buffer size =    85.82 MiB\n", "llama.cpp on CPU"),
        ("", "llama.cpp on CPU"),
    ],
)
def test_the_layers_are_those_that_llama_has_put_on_a_gpu(log: str, told: str) -> None:
    assert offloaded(log) == told


def test_a_model_on_the_processor_needs_no_gpu() -> None:
    require_offload(0)


@pytest.mark.skipif(llama_cpp.llama_supports_gpu_offload(), reason="this llama-cpp-python can use a GPU")
@pytest.mark.parametrize("layers", [-1, 12])
def test_a_llama_without_a_gpu_refuses_layers_on_one(layers: int) -> None:
    with pytest.raises(BundleError, match=rf"puts layers on a GPU \(llm_gpu_layers = {layers}\), .* or set llm_gpu_layers = 0") as refused:
        require_offload(layers)
    assert is_one_sentence(str(refused.value))
