from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from export.eye.tokenizer import DECODE_ID
from export.models.blip.graphs import cross_names, export_blip, past_names
from export.models.quantize import quantize
from export.models.tied_embedding import find_tied, store_once
from firmware_config.board import Precision
from tests.support import tiny_models

pytestmark = [
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),  # shapes that are constants on purpose
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's, of its own exporter
    pytest.mark.filterwarnings("ignore::UserWarning"),  # torch's, of constants that it does not fold
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # transformers', of the tuple caches of older versions
]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blip")
    export_blip(tiny_models.blip(), folder)
    return folder


def logits(folder: Path, graph: Path) -> np.ndarray:
    rng = np.random.default_rng(0)
    pixels = rng.standard_normal((1, 3, tiny_models.SIZE, tiny_models.SIZE)).astype(np.float32)
    cross = ort.InferenceSession(str(folder / "vision.onnx")).run(cross_names(tiny_models.LAYERS), {"pixel_values": pixels})
    past = {name: np.zeros((2, tiny_models.HEADS, 0, tiny_models.HEAD_DIM), np.float32) for name in past_names(tiny_models.LAYERS)}
    ids = np.array([[DECODE_ID, 9, 17], [DECODE_ID, 30, 8]])
    inputs = {"input_ids": ids, "position_ids": np.arange(3)[None].repeat(2, 0), "attention_mask": np.ones_like(ids)}
    crosses = dict(zip(cross_names(tiny_models.LAYERS), cross, strict=True))
    found: np.ndarray = ort.InferenceSession(str(graph)).run(["logits"], {**inputs, **past, **crosses})[0]
    return found


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("int8", 0.05)])
def test_a_tied_matrix_is_stored_once_and_the_logits_stay(full: Path, tmp_path: Path, precision: Precision, tolerance: float) -> None:
    tied = find_tied(full / "decoder.onnx")
    assert tied is not None
    quantize(full / "decoder.onnx", tmp_path / "decoder.onnx", precision)
    before, size = logits(full, tmp_path / "decoder.onnx"), (tmp_path / "decoder.onnx").stat().st_size
    store_once(tmp_path / "decoder.onnx", tied)
    after = logits(full, tmp_path / "decoder.onnx")
    assert np.abs(after - before).max() <= tolerance * np.abs(before).max()
    rows = tiny_models.tokenizer().get_vocab_size()
    assert (tmp_path / "decoder.onnx").stat().st_size < size - 0.7 * 4 * rows * tiny_models.HEADS * tiny_models.HEAD_DIM
    big = [t for t in onnx.load(tmp_path / "decoder.onnx").graph.initializer if sorted(t.dims) == sorted((rows, 48))]
    assert len(big) == 1


def test_a_head_of_its_own_is_left_alone(tmp_path: Path) -> None:
    blip = tiny_models.blip()
    head = blip.text_decoder.cls.predictions.decoder
    head.weight = type(head.weight)(head.weight.detach().clone() + 0.1)
    export_blip(blip, tmp_path)
    assert find_tied(tmp_path / "decoder.onnx") is None
