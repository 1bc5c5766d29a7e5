"""Where graphs run is what onnxruntime has assigned, and is told in few words."""

from __future__ import annotations

from typing import cast

import onnxruntime as ort
import pytest

from edge.records import Placement
from edge.runtime.onnx import Graph, available_providers
from edge.runtime.placement import devices_of, placement_of
from firmware_config.board import read_board
from tests.support.repository import STARTER_SOURCES

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"


def test_every_node_of_a_graph_is_counted_where_it_runs() -> None:
    graph = Graph(STARTER_SOURCES / "weights/artefacts/clip/vision.onnx", read_board("cpu"))
    placement = graph.placement("clip")
    assert (placement.stage, placement.asked) == ("clip", (CPU,))
    ((provider, nodes),) = placement.nodes
    assert provider == CPU
    assert nodes > 50


@pytest.mark.parametrize(
    ("asked", "nodes", "told"),
    [
        ((CPU,), ((CPU, 144),), "CPU"),
        ((CPU,), (), "CPU"),
        ((CUDA, CPU), ((CUDA, 144),), "CUDA"),
        ((CUDA, CPU), ((CUDA, 120), (CPU, 24)), "CUDA (120 nodes) and CPU (24 nodes)"),
        ((TENSORRT, CUDA, CPU), (), "Tensorrt or CUDA or CPU, this onnxruntime does not tell which"),
    ],
)
def test_devices_are_told_in_few_words(asked: tuple[str, ...], nodes: tuple[tuple[str, int], ...], told: str) -> None:
    assert devices_of(Placement("clip", asked, nodes)) == told


class OlderSession:
    """A session of an onnxruntime that does not know which nodes run where."""

    def get_providers(self) -> list[str]:
        return [CUDA, CPU]


def test_an_onnxruntime_that_does_not_tell_is_not_guessed_at() -> None:
    placement = placement_of(cast("ort.InferenceSession", OlderSession()), stage="clip")
    assert placement == Placement("clip", (CUDA, CPU), ())


def test_the_providers_that_are_there_have_the_names_of_a_board() -> None:
    assert "cpu" in available_providers()
