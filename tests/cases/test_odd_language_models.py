"""Language models that are odd but legal: llama.cpp computes what transformers computes, or the model is refused in one sentence."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import tqdm
from transformers import (
    Gemma2Config,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PhiConfig,
    PretrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

from export.cli import main
from export.errors import ExportError
from export.model_sources import LlmSource
from export.models.llm.gguf_process import ask_llama_cpp
from export.models.steps import check_llm
from tests.support.odd_checkpoints import LIBRARY_WARNINGS, edit_json, edit_weights
from tests.support.odd_language_models import write_language_model
from tests.support.tiny_bundle import is_one_sentence
from tests.support.tiny_llama import write_llama
from tests.support.tiny_qwen import smollm_tokenizer

pytestmark = LIBRARY_WARNINGS

CONTEXT = 256


@pytest.fixture(scope="module", autouse=True)
def no_monitor() -> None:
    """tqdm watches its bars from a thread that never ends."""
    tqdm.tqdm.monitor_interval = 0


def refusal(folder: Path, *, context_tokens: int = CONTEXT) -> str:
    """What is said of a model before any long work."""
    with pytest.raises(ExportError) as caught:
        check_llm(LlmSource(folder=folder, context_tokens=context_tokens), folder)
    assert is_one_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


def export(folder: Path, out: Path, *more: str) -> int:
    arguments = ["--quantisation", "F16", "--context-tokens", str(CONTEXT), "--cache", str(out.with_name("cache"))]
    return main(["llm", str(folder), "--out", str(out), *arguments, *more])


UNLIKE: dict[str, tuple[type[PretrainedConfig], dict[str, Any], str]] = {
    "gelu": (LlamaConfig, {"hidden_act": "gelu"}, "hidden_act is 'gelu', and llama.cpp computes silu for a llama"),
    "relu": (Qwen2Config, {"hidden_act": "relu"}, "hidden_act is 'relu', and llama.cpp computes silu for a qwen2"),
    "a tanh gelu": (Phi3Config, {"hidden_act": "gelu_new", "pad_token_id": 0}, "hidden_act is 'gelu_new'"),
    "a window of 8": (MistralConfig, {"sliding_window": 8}, "sliding_window is 8, less than the 256 tokens of context_tokens"),
    "a window of some layers": (
        Qwen2Config,
        {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1},
        "sliding_window is 16",
    ),
    "a window of qwen3": (Qwen3Config, {"use_sliding_window": True, "sliding_window": 32, "max_window_layers": 0}, "sliding_window is 32"),
    "dynamic positions": (
        LlamaConfig,
        {"rope_scaling": {"rope_type": "dynamic", "factor": 4.0}, "max_position_embeddings": 128},
        "rope_scaling is 'dynamic' beyond 128 tokens",
    ),
}


@pytest.mark.parametrize("name", UNLIKE)
def test_what_llama_cpp_would_leave_out_is_refused_before_the_conversion(tmp_path: Path, name: str) -> None:
    kind, values, said = UNLIKE[name]
    assert said in refusal(write_language_model(tmp_path / "model", kind, **values))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (MistralConfig, {"sliding_window": CONTEXT}),
        (MistralConfig, {"sliding_window": None}),
        (Qwen2Config, {"use_sliding_window": False, "sliding_window": 8}),
        (LlamaConfig, {"rope_scaling": {"rope_type": "dynamic", "factor": 4.0}}),
        (LlamaConfig, {"tie_word_embeddings": True}),
    ],
)
def test_a_window_or_a_scale_that_no_prompt_reaches_is_accepted(
    tmp_path: Path, kind: type[PretrainedConfig], values: dict[str, Any]
) -> None:
    folder = write_language_model(tmp_path / "model", kind, **values)
    assert check_llm(LlmSource(folder=folder, context_tokens=CONTEXT), folder).checkpoint.folder == folder


def _without(name: str) -> Callable[[Path], None]:
    return lambda folder: edit_weights(folder, lambda weights: {key: one for key, one in weights.items() if key != name})


def _tied_key_missing(folder: Path) -> None:
    """As a model with a tied head was saved, by a config.json that does not say so."""
    _without("lm_head.weight")(folder)


def _narrow(folder: Path) -> None:
    edit_json(folder / "config.json", lambda config: config.update(intermediate_size=96))


def _more_layers(folder: Path) -> None:
    edit_json(folder / "config.json", lambda config: config.update(num_hidden_layers=3))


def _fewer_layers(folder: Path) -> None:
    edit_json(folder / "config.json", lambda config: config.update(num_hidden_layers=1))


def _unknown(folder: Path) -> None:
    edit_json(folder / "config.json", lambda config: config.update(model_type="nobody"))


def _scaled_in_an_unknown_way(folder: Path) -> None:
    edit_json(folder / "config.json", lambda config: config.update(rope_scaling={"rope_type": "mystery", "factor": 2.0}))


INCOMPLETE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a tied head that config.json does not name": (_tied_key_missing, r"lacks 1 weight \(lm_head.weight\) of a LlamaForCausalLM, which"),
    "a norm less": (_without("model.norm.weight"), r"lacks 1 weight \(model.norm.weight\)"),
    "another width": (_narrow, r"the weight model.layers.0.mlp.\w+.weight has the shape .* by config.json"),
    "a layer too few": (_more_layers, r"lacks 9 weights \(model.layers.2"),
    "a layer too many": (_fewer_layers, r"holds 9 weights \(model.layers.1.* which a LlamaForCausalLM does not have"),
    "an unknown type": (_unknown, "is not known to transformers"),
    "an unknown scale of positions": (_scaled_in_an_unknown_way, "config.json"),
}


@pytest.mark.parametrize("name", INCOMPLETE)
def test_a_model_that_is_not_whole_is_refused_before_the_conversion(tmp_path: Path, name: str) -> None:
    change, said = INCOMPLETE[name]
    folder = write_language_model(tmp_path / "model", LlamaConfig)
    change(folder)
    assert re.search(said, refusal(folder))


# ---------------------------------------------------------------- conversions: each runs llama.cpp's converter, which takes seconds

LIKE: dict[str, tuple[type[PretrainedConfig], dict[str, Any]]] = {
    "llama 3's positions, wide heads and biases": (
        LlamaConfig,
        {
            "rope_scaling": {
                "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            },
            "head_dim": 32,
            "attention_bias": True,
        },
    ),
    "stretched positions of qwen2": (
        Qwen2Config,
        {"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512}, "tie_word_embeddings": True},
    ),
    "norms of queries and keys": (Qwen3Config, {"head_dim": 32}),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("name", LIKE)
def test_an_odd_model_gives_the_logits_of_transformers(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    kind, values = LIKE[name]
    folder, out = write_language_model(tmp_path / "model", kind, **values), tmp_path / "out"
    assert export(folder, out) == 0
    table = capsys.readouterr().out
    assert re.search(r"llm\.tokens +edit_distance +gguf +0\.00000", table)
    assert float(re.search(r"llm\.logits +error +gguf +([\d.]+)", table)[1]) < 0.02  # type: ignore[index]
    assert (out / "llm/model.gguf").is_file()


@pytest.mark.long
def test_a_model_that_llama_cpp_computes_in_another_way_fails_its_proof(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another scale of all queries, written into the weights after they were checked: as a key that nobody knows would do it."""
    folder, out = write_language_model(tmp_path / "model", LlamaConfig, rope_theta=1e6), tmp_path / "out"
    assert export(folder, out, "--quantisation", "F16") == 0
    cached = next((tmp_path / "cache").glob("llm-[0-9a-f]*")) / "model.gguf"
    fields = gguf.GGUFReader(cached, "r+")
    fields.fields["llama.rope.freq_base"].parts[-1][0] = 1e4
    fields.data.flush()
    shutil.rmtree(next((tmp_path / "cache").glob("llm-proof-*")))
    assert export(folder, tmp_path / "again") == 1
    said = capsys.readouterr().err
    assert re.search(r"worst llm.logits \(error \d\.\d+, limit 0.05\) in gguf: try another model", said)
    assert not (tmp_path / "again").exists()


def _phi(root: Path) -> Path:
    """llama.cpp's converter writes four times hidden_size, whatever the width of the feed forward is."""
    sizes = {"intermediate_size": 96, "num_key_value_heads": 4, "hidden_act": "gelu_new", "vocab_size": 49_152}
    folder = write_language_model(root / "phi", PhiConfig, **sizes)
    for name in ("tokenizer.model", "tokenizer_config.json"):
        (folder / name).unlink()
    tokenizer = smollm_tokenizer()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|im_start|>", eos_token="<|im_end|>").save_pretrained(folder)  # noqa: S106 -- a token of text
    return folder


def _phi3(root: Path) -> Path:
    """By the name of the folder llama.cpp expects tokens of Phi-3 that this vocabulary does not have."""
    return write_language_model(root / "phi3", Phi3Config, pad_token_id=0)


def _gemma2(root: Path) -> Path:
    """llama.cpp scales attention by the width of a head, this model by 256, query_pre_attn_scalar."""
    return write_language_model(root / "gemma2", Gemma2Config, pad_token_id=0, head_dim=16)


UNRUNNABLE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a Phi of another width": (_phi, r"language model .*/phi: llama\.cpp refuses it \(.*ffn_down.* has wrong shape.*\): give a model"),
    "a Phi-3 without its tokens": (_phi3, r"language model .*/phi3: llama\.cpp refuses it \(error loading model vocabulary.*\): give"),
    "a Gemma-2 of another scale": (_gemma2, r"worst llm\.\w+ \(.*\) in gguf: try another model"),
}


@pytest.mark.long
@pytest.mark.parametrize("name", UNRUNNABLE)
def test_what_llama_cpp_cannot_run_or_computes_in_another_way_is_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    make, said = UNRUNNABLE[name]
    assert export(make(tmp_path), tmp_path / "out") == 1
    head = capsys.readouterr().err.splitlines()[0]
    assert re.search(said, head), head
    assert is_one_sentence(head.removeprefix("kotoba-export: ")), head
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------- the process of llama.cpp


def test_an_answer_is_tokens_and_logits(tmp_path: Path) -> None:
    write_llama(tmp_path / "model.gguf")
    answer = ask_llama_cpp(tmp_path / "model.gguf", texts=["ab", ""], prompts=[[1, 70, 71], [1] * 40])
    assert len(answer.tokens[0]) >= 2
    assert [rows.shape[0] for rows in answer.logits[0]] == [3, 32]
    assert all(np.isfinite(rows).all() for rows in answer.logits[0])


def _cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60_000])


def _other_file(path: Path) -> None:
    path.write_bytes(b"not a model")


def _gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("spoil", [_cut_off, _other_file, _gone])
def test_a_file_that_is_no_model_is_one_sentence(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    write_llama(tmp_path / "model.gguf")
    spoil(tmp_path / "model.gguf")
    with pytest.raises(ExportError, match=r"language model .*model\.gguf: llama\.cpp refuses it \(.+\): give a model") as caught:
        ask_llama_cpp(tmp_path / "model.gguf")
    assert is_one_sentence(str(caught.value)), str(caught.value)


def test_native_code_that_aborts_is_one_sentence(tmp_path: Path) -> None:
    """llama.cpp asserts that a token is one of the vocabulary."""
    write_llama(tmp_path / "model.gguf")
    with pytest.raises(ExportError, match=r"llama\.cpp (aborted \(SIG|refuses it)") as caught:
        ask_llama_cpp(tmp_path / "model.gguf", prompts=[[10**9]])
    assert is_one_sentence(str(caught.value)), str(caught.value)
