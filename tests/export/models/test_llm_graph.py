"""A language model as a graph beside its GGUF on llama.cpp, and the properties of its int8 products."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from edge.errors import BundleError, JudgeError
from edge.judges.graph import GraphModel
from edge.judges.label_judge import LabelJudge
from edge.judges.language_model import LanguageModel
from edge.judges.llama import LlamaModel
from edge.judges.lora import read_lora
from edge.judges.prompt import Prompt
from edge.judges.token_tree import TokenTree
from export.errors import LlmError
from export.models.llm.adapter_file import write_adapter, write_lora
from export.models.llm.convert import convert_model, read_llm
from export.models.llm.graph import graph_obstacle, write_graph
from export.models.llm.products import hadamard
from firmware_config.board import Board, GraphPrecision
from firmware_config.labels import Label
from tests.support.processor import needs_exact_byte_products
from tests.support.sample_records import words
from tests.support.tiny_bundle import is_one_sentence
from tests.support.tiny_llama import HEADS, KEY_VALUE_HEADS, TEMPLATE, WIDTH, write_llama
from tests.support.tiny_qwen import write_qwen

BOARD = Board(name="test", providers=("cpu",), threads=1)
CONTEXT = 512
SHAPE: dict[str, Any] = {"alpha": 8, "heads": HEADS, "key_value_heads": KEY_VALUE_HEADS}
LABELS = tuple(Label(name=name, decision="ng") for name in ("good", "crack", "dark area"))
WORDS = words("a dark line", "an even cell")


def scores(model: LanguageModel, adapter: Path | None = None) -> np.ndarray:
    judge = LabelJudge(model, labels=LABELS, prompt=Prompt.parse(TEMPLATE, LABELS), adapter=adapter, temperature=None)
    return np.array(judge.score(WORDS).log_likelihoods)


def graph_of(model: Path, precision: GraphPrecision, *adapters: Path) -> GraphModel:
    target = model.with_name(f"{precision}.onnx")
    write_graph(model, target, precision, context_tokens=CONTEXT, adapters=adapters)
    return GraphModel(target, vocabulary=model, board=BOARD, context_tokens=CONTEXT)


def noise(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
    return (rng.normal(size=shape) / 8).astype(np.float32)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llama")
    write_llama(folder / "model.gguf")
    rng = np.random.default_rng(1)
    sizes = {
        "q_proj": (WIDTH, WIDTH),
        "k_proj": (WIDTH, WIDTH // HEADS * KEY_VALUE_HEADS),
        "gate_proj": (WIDTH, 128),
        "down_proj": (128, WIDTH),
    }
    matrices = {
        f"{layer}.{part}": (
            noise(rng, (4, wide)),
            noise(rng, (out, 4)),
        )
        for layer, (part, (wide, out)) in product(range(2), sizes.items())
    }
    write_adapter(matrices, folder / "lora.gguf", **SHAPE)
    return folder / "model.gguf"


@pytest.mark.parametrize("adapted", [False, True])
@pytest.mark.parametrize(
    ("precision", "nats"), [("fp32", 2e-3), ("int8", 0.5), pytest.param("int8-full", 0.3, marks=needs_exact_byte_products)]
)
def test_a_graph_scores_as_its_gguf_does(llama: Path, precision: GraphPrecision, nats: float, adapted: bool) -> None:  # noqa: FBT001
    """llama.cpp keeps keys and values in F16, which is most of the difference in fp32."""
    adapter = llama.with_name("lora.gguf")
    wanted = scores(LlamaModel(llama, board=BOARD, context_tokens=CONTEXT), adapter if adapted else None)

    found = scores(graph_of(llama, precision, adapter), adapter if adapted else None)

    assert np.abs(found - wanted).max() < nats


def test_qwen_with_its_biases_and_its_own_order_of_rotary_pairs_is_known(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    convert_model(read_llm(write_qwen(tmp_path / "qwen")), model)
    with_biases = [tensor.name for tensor in gguf.GGUFReader(model).tensors if tensor.name.endswith("attn_q.bias")]

    assert with_biases
    assert graph_obstacle(model, "fp32") is None
    # llama.cpp rounds activations to F16 beside F16 weights.
    assert np.abs(scores(graph_of(model, "fp32")) - scores(LlamaModel(model, board=BOARD, context_tokens=CONTEXT))).max() < 1e-2


@pytest.mark.parametrize("precision", ["int8", "int8-full"])
def test_a_token_s_numbers_do_not_hang_on_tokens_that_it_does_not_see(llama: Path, precision: GraphPrecision) -> None:
    model = graph_of(llama, precision)
    prefix, stem = model.tokenize("Judge.", begin=True), model.tokenize("a dark line ")
    labels = [model.tokenize(text) for text in ("good", "crack")]
    tree, other = (TokenTree([stem], [labels[0], second]) for second in (labels[1], [token + 1 for token in labels[1]]))

    found, again = (model.ask(prefix, some, None) for some in (tree, other))

    own = tree.paths[0]
    assert len(own) > 3
    assert own == other.paths[0]
    assert [found[row][place] for row, place in own] == [again[row][place] for row, place in own]


@pytest.mark.parametrize("precision", ["int8", "int8-full"])
def test_other_descriptions_in_the_run_are_not_seen_in_a_score(llama: Path, precision: GraphPrecision) -> None:
    judge = LabelJudge(graph_of(llama, precision), labels=LABELS, prompt=Prompt.parse(TEMPLATE, LABELS), adapter=None, temperature=None)
    many = [words("a dark line", *["an even cell"] * count) for count in range(6)]

    apart = [
        np.abs(np.subtract(judge.score(one).log_likelihoods, other.log_likelihoods)).max()
        for one, other in zip(many, judge.score_each(many), strict=True)
    ]

    assert max(apart) < 0.02


@pytest.mark.parametrize("spoilt", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_not_rounded_away(llama: Path, spoilt: float) -> None:
    graph_of(llama, "int8")
    graph = onnx.load(llama.with_name("int8.onnx"))
    (scale,) = (tensor for tensor in graph.graph.initializer if tensor.name == "token_embd.scale")
    scale.CopyFrom(numpy_helper.from_array(np.full(list(scale.dims), spoilt, np.float32), scale.name))
    onnx.save(graph, llama.with_name("spoilt.onnx"))

    with pytest.raises(JudgeError, match="not finite"):
        scores(GraphModel(llama.with_name("spoilt.onnx"), vocabulary=llama, board=BOARD, context_tokens=CONTEXT))


def test_an_adapter_with_numbers_that_are_not_finite_is_refused(tmp_path: Path) -> None:
    matrices = {"0.q_proj": (np.full((4, WIDTH), np.nan, np.float32), np.ones((WIDTH, 4), np.float32))}
    write_adapter(matrices, tmp_path / "spoilt.gguf", **SHAPE)

    with pytest.raises(BundleError, match=r"adapter .*spoilt\.gguf holds numbers that are not finite: tune it again"):
        read_lora(tmp_path / "spoilt.gguf")


def test_no_sum_of_two_int8_products_overflows_16_bits(llama: Path) -> None:
    graph_of(llama, "int8")
    tensors = onnx.load(llama.with_name("int8.onnx")).graph.initializer
    rounded = [numpy_helper.to_array(tensor) for tensor in tensors if tensor.data_type == onnx.TensorProto.INT8]

    assert len(rounded) == 2 * 7 + 2
    assert max(int(np.abs(weights).max()) for weights in rounded) == 63
    assert 2 * 255 * 63 < 2**15


def test_a_tied_head_is_stored_once(tmp_path: Path) -> None:
    convert_model(read_llm(write_qwen(tmp_path / "qwen")), tmp_path / "model.gguf")

    graph_of(tmp_path / "model.gguf", "int8")

    large = [
        tensor.name for tensor in onnx.load(tmp_path / "int8.onnx").graph.initializer if 49_152 in tensor.dims and len(tensor.dims) == 2
    ]
    assert sorted(large) == ["token_embd.scale", "token_embd.weight"]


@pytest.mark.parametrize(("columns", "block"), [(576, 64), (1536, 64), (96, 32), (7, 1)])
def test_the_turn_is_its_own_inverse(columns: int, block: int) -> None:
    matrix = hadamard(columns)

    assert matrix.shape == (block, block)
    assert np.allclose(matrix @ matrix, np.eye(block), atol=1e-6)


def test_an_adapter_that_the_graph_was_not_written_for_is_refused(llama: Path) -> None:
    with pytest.raises(BundleError, match="does not fit the language model") as caught:
        scores(graph_of(llama, "fp32"), llama.with_name("lora.gguf"))
    assert is_one_sentence(str(caught.value))


def write_kind(path: Path, *, arch: str = "llama", scaling: str | None = None) -> Path:
    writer = gguf.GGUFWriter(path, arch=arch)
    if scaling is not None:
        writer.add_string(f"{arch}.rope.scaling.type", scaling)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_model_that_cannot_be_a_graph_is_refused_with_the_reason(tmp_path: Path, llama: Path) -> None:
    write_adapter({"0.o_proj": (np.ones((4, WIDTH), np.float32), np.ones((WIDTH, 4), np.float32))}, tmp_path / "lora.gguf", **SHAPE)
    head = tmp_path / "head.gguf"
    write_lora(
        [("output.weight.lora_a", np.ones((4, WIDTH), np.float32)), ("output.weight.lora_b", np.ones((9, 4), np.float32))], head, alpha=8
    )
    (tmp_path / "broken.gguf").write_bytes(b"GGUF but not really")
    cases: list[tuple[Path, tuple[Path, ...], str]] = [
        (write_kind(tmp_path / "gemma.gguf", arch="gemma"), (), "its architecture is gemma, known are llama, qwen2"),
        (write_kind(tmp_path / "stretched.gguf", scaling="yarn"), (), "it scales its rotary positions"),
        (llama, (tmp_path / "lora.gguf", head), "adapter head.gguf changes output.weight, for which a graph has no place"),
        (llama, (tmp_path / "broken.gguf",), "broken.gguf is no sound GGUF file"),
    ]
    for model, adapters, reason in cases:
        assert reason in str(graph_obstacle(model, "int8", adapters))
        with pytest.raises(LlmError, match=r"cannot be a graph in int8: .*: use graph = 'none'") as caught:
            write_graph(model, tmp_path / "model.onnx", "int8", context_tokens=CONTEXT, adapters=adapters)
        assert is_one_sentence(str(caught.value))


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_adapters_of_other_matrices_and_ranks_are_taken_by_one_graph(tmp_path: Path, llama: Path, precision: GraphPrecision) -> None:
    rng = np.random.default_rng(3)
    ranks = {"narrow": {"0.q_proj": 3}, "mixed": {"0.q_proj": 8, "0.o_proj": 2, "1.o_proj": 5, "1.q_proj": 4}}
    for name, parts in ranks.items():
        matrices = {
            part: (
                noise(rng, (rank, WIDTH)),
                noise(rng, (WIDTH, rank)),
            )
            for part, rank in parts.items()
        }
        write_adapter(matrices, tmp_path / f"{name}.gguf", **SHAPE)
    adapters = [llama.with_name("lora.gguf"), *(tmp_path / f"{name}.gguf" for name in ranks)]
    gguf_model, graph = LlamaModel(llama, board=BOARD, context_tokens=CONTEXT), graph_of(llama, precision, *adapters)

    for adapter in (*adapters, None, *adapters):
        assert np.abs(scores(graph, adapter) - scores(gguf_model, adapter)).max() < (2e-3 if precision == "fp32" else 0.5)


@pytest.mark.parametrize("part", ["0.q_proj", "1.q_proj", "1.gate_proj"])
def test_an_overflow_inside_the_model_is_not_rounded_away(tmp_path: Path, llama: Path, part: str) -> None:
    out = 128 if part.endswith("gate_proj") else WIDTH
    rows = np.zeros((out, 4), np.float32)
    rows[-8:] = 1e37
    write_adapter({part: (np.full((4, WIDTH), 1e3, np.float32), rows)}, tmp_path / "huge.gguf", **SHAPE)

    with pytest.raises(JudgeError, match="not finite"):
        scores(graph_of(llama, "int8", tmp_path / "huge.gguf"), tmp_path / "huge.gguf")


def test_a_model_that_is_too_large_or_not_finite_is_refused(tmp_path: Path, llama: Path) -> None:
    write_llama(tmp_path / "spoilt.gguf", spoilt=float("nan"))
    with pytest.raises(LlmError, match=r"weights in output\.weight that are not finite"):
        write_graph(tmp_path / "spoilt.gguf", tmp_path / "model.onnx", "int8", context_tokens=CONTEXT)
    with pytest.raises(LlmError, match=r"it would have 0\.0 GB, and a file may have 0: use graph = 'none'"):
        write_graph(llama, tmp_path / "model.onnx", "int8", context_tokens=CONTEXT, max_bytes=1000)
