from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edge.errors import BundleError
from edge.runtime.onnx import PROVIDERS, Array, Graph, on_host, open_session
from firmware_config.board import BOARDS, Board, read_board
from tests.support.repository import STARTER_SOURCES
from tests.support.tiny_bundle import is_one_sentence

GRAPHS = STARTER_SOURCES / "weights/artefacts"
TOWER = GRAPHS / "clip/vision.onnx"
OPENVINO = pytest.mark.skipif(
    PROVIDERS["openvino"] not in ort.get_available_providers(), reason="this onnxruntime has no OpenVINO: pip install onnxruntime-openvino"
)
TOLERANCE = 0.02
"""Largest difference of two kernels of the same int8 graph, on embeddings of unit length."""

COUNT_SUBNORMALS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
from edge.runtime.onnx import open_session
from firmware_config.board import read_board

session = open_session(Path(sys.argv[1]), read_board("cpu").model_copy(update={"threads": 2}))
smallest = np.full(1_000_000, np.finfo(np.float32).tiny)
count_nonzero = lambda: np.count_nonzero(session.run(["y"], {"x": smallest})[0].view(np.int32))
print(count_nonzero(), ThreadPoolExecutor().submit(count_nonzero).result())
"""
"""Halves the smallest normal float32 and counts results that are not 0 bit for bit: on the thread that opened the session, then on a later
one. Each half is a subnormal number unless it is flushed to zero."""


def embedded(board: Board) -> NDArray[np.float32]:
    session = open_session(TOWER, board)
    size = session.get_inputs()[0].shape[-1]
    values = np.random.default_rng(0).standard_normal((1, 3, size, size)).astype(np.float32)
    return np.asarray(session.run(["image_embeds"], {"pixel_values": values})[0], np.float32)


@pytest.mark.parametrize("name", sorted(path.stem for path in BOARDS.glob("*.toml")))
def test_a_missing_provider_is_refused_and_never_replaced(name: str) -> None:
    board = read_board(name)
    if all(PROVIDERS[provider] in ort.get_available_providers() for provider in board.providers):
        assert open_session(TOWER, board).get_providers()[0] == PROVIDERS[board.providers[0]]
        return
    with pytest.raises(BundleError, match=f"board '{name}' asks for .*, which this onnxruntime lacks .* choose another board") as refused:
        open_session(TOWER, board)
    assert is_one_sentence(str(refused.value))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="onnxruntime has this setting on x86 only, where subnormals are slow")
def test_subnormals_are_flushed_to_zero_on_every_thread_that_computes(tmp_path: Path) -> None:
    halved = helper.make_node("Mul", ["x", "half"], ["y"])
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N"]) for name in "xy")
    graph = helper.make_graph([halved], "halved", [x], [y], [numpy_helper.from_array(np.float32(0.5), "half")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "halved.onnx")
    # A process of its own, because the setting takes effect with the first session of a process.
    done = subprocess.run([sys.executable, "-c", COUNT_SUBNORMALS, tmp_path / "halved.onnx"], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["0", "0"], done.stderr


def test_a_file_that_is_not_a_graph_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "vision.onnx").write_bytes(b"none")
    with pytest.raises(BundleError, match="onnxruntime cannot load it") as refused:
        open_session(tmp_path / "vision.onnx", read_board("cpu"))
    assert is_one_sentence(str(refused.value))


def test_kept_outputs_equal_read_outputs_and_are_inputs_of_another_graph() -> None:
    vision, decoder = (Graph(GRAPHS / f"blip/{name}.onnx", read_board("cpu")) for name in ("vision", "decoder"))
    size = ort.InferenceSession(GRAPHS / "blip/vision.onnx").get_inputs()[0].shape[-1]
    picture = np.random.default_rng(0).standard_normal((1, size, size, 3)).astype(np.float32).transpose(0, 3, 1, 2)
    first, *others = vision.outputs
    (first_read,), others_kept = vision.run({"pixel_values": picture}, read=[first], keep=others)
    all_read = vision.run({"pixel_values": np.ascontiguousarray(picture)}, read=list(vision.outputs))[0]
    vision.run({"pixel_values": -picture}, keep=list(vision.outputs))
    assert all(np.array_equal(on_host(tensor), array) for tensor, array in zip((first_read, *others_kept), all_read, strict=True))
    step = _first_step(GRAPHS / "blip/decoder.onnx")
    from_kept = decoder.run(step | dict(zip(vision.outputs, (first_read, *others_kept), strict=True)), read=["logits"])[0][0]
    from_host = decoder.run(step | dict(zip(vision.outputs, all_read, strict=True)), read=["logits"])[0][0]
    assert np.array_equal(from_kept, from_host)


def _first_step(decoder: Path) -> dict[str, Array]:
    """Inputs of a decoder for the first token of a caption."""
    inputs = {value.name: value.shape for value in ort.InferenceSession(decoder).get_inputs()}
    past = {name: np.zeros((1, shape[1], 0, shape[3]), np.float32) for name, shape in inputs.items() if name.startswith("past")}
    return {"input_ids": np.array([[2]]), "position_ids": np.array([[0]]), "attention_mask": np.array([[1]]), **past}


@OPENVINO
@pytest.mark.parametrize("graph", ["clip/vision.onnx", "clip/text.onnx", "blip/vision.onnx", "blip/decoder.onnx"])
def test_openvino_runs_every_graph_as_a_whole(graph: str) -> None:
    session = open_session(GRAPHS / graph, read_board("openvino"))
    assert session.get_providers()[0] == PROVIDERS["openvino"]


@OPENVINO
def test_embeddings_of_openvino_and_of_the_cpu_are_close() -> None:
    assert np.abs(embedded(read_board("openvino")) - embedded(read_board("cpu"))).max() < TOLERANCE
