from __future__ import annotations

import ctypes
import json
import shutil
from pathlib import Path

import gguf
import llama_cpp
import numpy as np
import pytest
import sentencepiece
import torch
import tqdm
from peft import LoraConfig, get_peft_model
from transformers import GemmaConfig, GemmaForCausalLM, PreTrainedModel, Qwen2ForCausalLM

from edge.bundle.gguf_header import require_sound
from export.checkpoint.adapter import read_adapter
from export.errors import LlmError, SpecError
from export.models.llm.convert import INSTRUCTION, convert_adapter, convert_model, plain_template, read_llm
from tests.support.tiny_qwen import CHAT, SIZES, write_qwen

MATRICES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
F16_TOLERANCE = 2e-2


@pytest.fixture(scope="module", autouse=True)
def no_monitor() -> None:
    """tqdm watches its bars from a thread that never ends."""
    tqdm.tqdm.monitor_interval = 0


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_qwen(tmp_path_factory.mktemp("qwen"))


@pytest.fixture(scope="module")
def qwen_gguf(qwen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("qwen-gguf") / "model.gguf"
    convert_model(read_llm(qwen), target)
    return target


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gemma")
    text = folder / "text"
    text.write_text("".join(f"part {number} has a scratch near the rim\n" for number in range(400)))
    sentencepiece.SentencePieceTrainer.Train(
        input=str(text), model_prefix=str(folder / "tokenizer"), vocab_size=330, byte_fallback=True, model_type="bpe",
        pad_id=0, eos_id=1, bos_id=2, unk_id=3, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    text.unlink()
    size = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model")).vocab_size()
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<bos>", "eos_token": "<eos>"}))
    torch.manual_seed(1)
    GemmaForCausalLM(GemmaConfig(**SIZES, head_dim=16, vocab_size=size)).save_pretrained(folder)
    return folder


def logits(model: Path, tokens: list[int], adapter: Path | None = None) -> np.ndarray:
    """Logits after each token by llama.cpp, float32 (T, V), all computed in one batch."""
    settings = llama_cpp.llama_model_default_params()
    loaded = llama_cpp.llama_model_load_from_file(str(model).encode(), settings)
    context_settings = llama_cpp.llama_context_default_params()
    context_settings.n_ctx = context_settings.n_batch = context_settings.n_ubatch = 128
    context_settings.n_threads = context_settings.n_threads_batch = 1
    context = llama_cpp.llama_init_from_model(loaded, context_settings)
    if adapter is not None:
        lora = llama_cpp.llama_adapter_lora_init(loaded, str(adapter).encode())
        assert lora
        llama_cpp.llama_set_adapters_lora(context, (llama_cpp.llama_adapter_lora_p_ctypes * 1)(lora), 1, (ctypes.c_float * 1)(1.0))
    batch = llama_cpp.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for index, token in enumerate(tokens):
        batch.token[index], batch.pos[index], batch.n_seq_id[index], batch.seq_id[index][0], batch.logits[index] = token, index, 1, 0, 1
    assert llama_cpp.llama_decode(context, batch) == 0
    width = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(loaded))
    found = np.stack([np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, i), (width,)).copy() for i in range(len(tokens))])
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(context)
    llama_cpp.llama_model_free(loaded)
    return found


def expected(model: PreTrainedModel, tokens: list[int]) -> np.ndarray:
    with torch.no_grad():
        row: np.ndarray = model.eval()(torch.tensor([tokens])).logits[0].numpy()
    return row


@pytest.mark.parametrize("family", ["qwen", "gemma"])
def test_the_f16_gguf_gives_the_logits_of_transformers(family: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    folder = request.getfixturevalue(family)
    checkpoint = read_llm(folder)
    convert_model(checkpoint, tmp_path / "model.gguf")
    require_sound(tmp_path / "model.gguf")
    model = (Qwen2ForCausalLM if family == "qwen" else GemmaForCausalLM).from_pretrained(folder)
    tokens = np.random.default_rng(0).integers(4, model.config.vocab_size, 64).tolist()
    found, wanted = logits(tmp_path / "model.gguf", tokens), expected(model, tokens)
    assert wanted.std() > 0.05
    assert np.abs(found - wanted).max() <= F16_TOLERANCE


def test_the_gguf_of_an_adapter_gives_the_logits_of_the_merged_model(qwen: Path, tmp_path: Path) -> None:
    model = Qwen2ForCausalLM.from_pretrained(qwen)
    tokens = np.random.default_rng(1).integers(4, model.config.vocab_size, 64).tolist()
    plain = expected(model, tokens)
    tuned = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules=MATRICES, task_type="CAUSAL_LM"))
    torch.manual_seed(2)
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    tuned.save_pretrained(tmp_path / "adapter")
    convert_model(read_llm(qwen), tmp_path / "model.gguf")
    checkpoint = read_llm(qwen)
    convert_adapter(read_adapter(tmp_path / "adapter", checkpoint), checkpoint, tmp_path / "adapter.gguf")

    merged = expected(tuned.merge_and_unload(), tokens)
    assert np.abs(merged - plain).max() > 10 * F16_TOLERANCE
    assert np.abs(logits(tmp_path / "model.gguf", tokens, tmp_path / "adapter.gguf") - merged).max() <= F16_TOLERANCE


def test_the_chat_format_becomes_a_plain_template_and_leaves_the_model(qwen: Path, qwen_gguf: Path) -> None:
    assert plain_template(read_llm(qwen), qwen_gguf) == f"<|im_start|><|im_start|>user\n{INSTRUCTION}<|im_end|>\n<|im_start|>assistant\n"
    assert "tokenizer.chat_template" not in gguf.GGUFReader(qwen_gguf).fields


def test_the_template_leaves_out_a_first_token_that_the_model_adds_itself(gemma: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(gemma, tmp_path / "model")
    (folder / "chat_template.jinja").write_text(CHAT)
    convert_model(read_llm(gemma), tmp_path / "model.gguf")
    assert plain_template(read_llm(folder), tmp_path / "model.gguf").startswith("<|im_start|>user")


def test_a_chat_template_that_reaches_for_python_is_not_run(qwen: Path, qwen_gguf: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(qwen, tmp_path / "model")
    (folder / "chat_template.jinja").write_text("{{ ''.__class__.__mro__[1].__subclasses__() }}")
    with pytest.raises(LlmError, match="cannot be read"):
        plain_template(read_llm(folder), qwen_gguf)


def test_a_model_without_a_chat_format_gets_the_plain_instruction(gemma: Path, qwen_gguf: Path) -> None:
    assert plain_template(read_llm(gemma), qwen_gguf) == INSTRUCTION + "\n"


def test_an_architecture_that_the_converter_does_not_know_is_refused_in_one_sentence(qwen: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(qwen, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["NobodyForCausalLM"]}))
    with pytest.raises(LlmError, match=r"converter refused it .*NobodyForCausalLM") as caught:
        convert_model(read_llm(folder), tmp_path / "out.gguf")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out.gguf").exists()


def test_an_adapter_of_another_kind_or_with_pickles_is_refused(qwen: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter_model.bin").write_bytes(b"pickle")
    with pytest.raises(LlmError, match=r"no adapter_model\.safetensors"):
        read_adapter(tmp_path, read_llm(qwen))
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "IA3"}')
    with pytest.raises(LlmError, match="of the type 'IA3'"):
        read_adapter(tmp_path, read_llm(qwen))


def test_a_language_model_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"language model checkpoint .* is no folder"):
        read_llm(tmp_path / "nowhere")


def test_a_missing_converter_is_refused_with_the_variable_to_set(qwen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTOBA_LLAMA_CPP", str(tmp_path))
    with pytest.raises(LlmError, match=r"set KOTOBA_LLAMA_CPP to a checkout of llama\.cpp"):
        convert_model(read_llm(qwen), tmp_path / "out.gguf")
