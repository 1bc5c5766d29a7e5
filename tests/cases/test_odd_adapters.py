"""LoRA adapters of PEFT that are odd but legal: llama.cpp adds what PEFT adds, or the adapter is refused in one sentence."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import tqdm
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig

from export.checkpoint import read_checkpoint
from export.checkpoint.adapter import Adapter, read_adapter
from export.cli import main
from export.errors import ExportError
from tests.support.odd_checkpoints import LIBRARY_WARNINGS, edit_json
from tests.support.odd_language_models import write_adapter, write_language_model
from tests.support.tiny_bundle import is_one_sentence

pytestmark = LIBRARY_WARNINGS


@pytest.fixture(scope="module", autouse=True)
def no_monitor() -> None:
    """tqdm watches its bars from a thread that never ends."""
    tqdm.tqdm.monitor_interval = 0


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_language_model(tmp_path_factory.mktemp("models") / "llama", LlamaConfig)


def read(folder: Path, base: Path) -> Adapter:
    return read_adapter(folder, read_checkpoint(base, kind="language model"))


def refusal(folder: Path, base: Path) -> str:
    with pytest.raises(ExportError) as caught:
        read(folder, base)
    assert is_one_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


PATTERNS: dict[str, dict[str, Any]] = {
    "scales": {
        "use_rslora": True,
        "rank_pattern": {"down_proj": 2, "v_proj": 9},
        "alpha_pattern": {"o_proj": 16, "^model.layers.0.self_attn.q_proj": 3},
    },
    "head": {"layers_to_transform": [1], "target_modules": ["v_proj", "up_proj", "lm_head"], "layers_pattern": "layers"},
}


@pytest.mark.long
def test_every_scale_of_peft_is_that_of_llama_cpp(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [str(write_adapter(tmp_path / name, base, **values)) for name, values in PATTERNS.items()]
    options = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache"), "--context-tokens", "256", "--quantisation", "F16"]
    assert main(["llm", str(base), *options, "--adapters", *folders]) == 0
    table = capsys.readouterr().out
    for name in PATTERNS:
        found = re.search(rf"llm\.{name} +error +adapter +([\d.]+)", table)
        assert found is not None, table
        assert float(found[1]) < 0.02
        assert f"adapter {name} was trained on {base}" in table
        assert (tmp_path / f"out/adapters/{name}.gguf").is_file()


@pytest.mark.parametrize(
    ("values", "factors"),
    [
        ({"r": 16, "use_rslora": True}, {4.0}),
        ({"alpha_pattern": {"q_proj": 16}}, {1.0, 4.0}),
        ({"rank_pattern": {"q_proj": 8}}, {1.0}),
        ({"rank_pattern": {"q_proj": 16}, "alpha_pattern": {"q_proj": 8}, "use_rslora": True}, {2.0, 8.0}),
    ],
)
def test_what_llama_cpp_does_not_scale_is_scaled_in_the_matrix(
    base: Path, tmp_path: Path, values: dict[str, Any], factors: set[float]
) -> None:
    adapter = read(write_adapter(tmp_path / "lora", base, **values), base)
    assert {round(factor, 6) for factor in adapter.factors.values()} == factors


UNCARRIED: dict[str, tuple[dict[str, Any], str]] = {
    "trained norms": ({"modules_to_save": ["input_layernorm"]}, r"modules_to_save is .*input_layernorm.*, which a GGUF adapter cannot"),
    "a trained head": ({"modules_to_save": ["lm_head"]}, "modules_to_save is .*lm_head"),
    "trained embeddings": ({"modules_to_save": ["embed_tokens"]}, "modules_to_save is .*embed_tokens"),
    "adapted embeddings": ({"target_modules": ["q_proj", "embed_tokens"]}, r"embed_tokens.lora_embedding_A is no matrix of a LoRA"),
    "some trained tokens": ({"trainable_token_indices": [5, 6]}, r"trainable_token_indices is '.*5, 6"),
    "trained biases": ({"bias": "all"}, "bias is 'all', and a GGUF adapter carries no biases"),
    "biases of the adapted": ({"bias": "lora_only"}, "bias is 'lora_only'"),
    "biases of the matrices": ({"lora_bias": True}, "lora_bias is 'True'"),
    "magnitudes (DoRA)": ({"use_dora": True}, "use_dora is 'True', which a GGUF adapter cannot carry: merge it into the model"),
    "another start (PiSSA)": ({"init_lora_weights": "pissa"}, "init_lora_weights is 'pissa', which changes the weights of the model"),
    "another start (OLoRA)": ({"init_lora_weights": "olora"}, "init_lora_weights is 'olora'"),
    "no alpha": ({"lora_alpha": 0}, "lora_alpha .* is 0, expected a number above 0"),
}


@pytest.mark.parametrize("name", UNCARRIED)
def test_what_a_gguf_adapter_cannot_carry_is_refused_by_its_name(base: Path, tmp_path: Path, name: str) -> None:
    values, said = UNCARRIED[name]
    assert re.search(said, refusal(write_adapter(tmp_path / "lora", base, **values), base))


def _edit(**values: object) -> Callable[[Path], None]:
    return lambda folder: edit_json(folder / "adapter_config.json", lambda config: config.update(values))


def _drop_half(folder: Path) -> None:
    weights = load_file(folder / "adapter_model.safetensors")
    weights.pop("base_model.model.model.layers.0.mlp.down_proj.lora_B.weight")
    save_file(weights, folder / "adapter_model.safetensors")


def _another_layer(folder: Path) -> None:
    weights = load_file(folder / "adapter_model.safetensors")
    weights["base_model.model.model.layers.9.mlp.down_proj.lora_A.weight"] = torch.zeros(4, 128)
    save_file(weights, folder / "adapter_model.safetensors")


def _norm(folder: Path) -> None:
    """As mergekit writes it."""
    weights = load_file(folder / "adapter_model.safetensors")
    weights["base_model.model.model.norm.weight"] = torch.zeros(64)
    save_file(weights, folder / "adapter_model.safetensors")


EDITED: dict[str, tuple[Callable[[Path], None], str]] = {
    "parameters of experts": (_edit(target_parameters=["mlp.experts.gate_up_proj"]), "target_parameters is"),
    "layers that are copied": (_edit(layer_replication=[[0, 2], [1, 2]]), "layer_replication is"),
    "tokens that switch it on": (_edit(alora_invocation_tokens=[5]), r"alora_invocation_tokens is '\[5\]'"),
    "matrices that are turned": (_edit(fan_in_fan_out=True), "fan_in_fan_out is 'True'"),
    "a key of tomorrow": (_edit(use_tomorrow={"a": 1}), "use_tomorrow is"),
    "another rank than its weights": (_edit(r=8), "has for model.layers.0.*, expected"),
    "half of a matrix": (_drop_half, "has for model.layers.0.mlp.down_proj the shapes"),
    "a layer that the model does not have": (_another_layer, "changes model.layers.9.mlp.down_proj, which is no matrix of the model"),
    "a norm among the matrices": (_norm, r"the tensor base_model.model.model.norm.weight is no matrix of a LoRA"),
    "another model by name": (_edit(base_model_name_or_path="somebody/llama-chat"), r"was trained on 'somebody/llama-chat' \(base_model"),
}


@pytest.mark.parametrize("name", EDITED)
def test_an_adapter_that_does_not_fit_is_refused_by_what_is_wrong(base: Path, tmp_path: Path, name: str) -> None:
    change, said = EDITED[name]
    folder = write_adapter(tmp_path / "lora", base)
    change(folder)
    assert re.search(said, refusal(folder, base))


def test_an_adapter_of_another_model_of_the_same_size_is_refused(base: Path, tmp_path: Path) -> None:
    other = write_language_model(tmp_path / "other", LlamaConfig)
    weights = load_file(other / "model.safetensors")
    weights["model.norm.weight"] += 0.1
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    folder = write_adapter(tmp_path / "lora", other)
    assert f"was trained on '{other}'" in refusal(folder, base)


@pytest.mark.parametrize("named", ["", "hub/llama", "/models/LLaMA", "copy"])
def test_an_adapter_of_the_same_model_under_another_path_is_accepted(base: Path, tmp_path: Path, named: str) -> None:
    folder = write_adapter(tmp_path / "lora", base)
    if named == "copy":
        shutil.copytree(base, tmp_path / "copy")
        named = str(tmp_path / "copy")
    _edit(base_model_name_or_path=named)(folder)
    assert read(folder, base).base == named
    assert json.loads((folder / "adapter_config.json").read_text())["r"] == 4


def test_an_adapter_of_a_tied_head_is_refused(tmp_path: Path) -> None:
    tied = write_language_model(tmp_path / "tied", LlamaConfig, tie_word_embeddings=True)
    folder = write_adapter(tmp_path / "lora", tied, target_modules=["q_proj", "lm_head"])
    assert re.search("lm_head", refusal(folder, tied))
