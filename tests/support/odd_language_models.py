"""Language models of the real classes in legal variants, small and random, with a sentencepiece vocabulary of a few hundred tokens."""

from __future__ import annotations

import atexit
import json
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import sentencepiece
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

SIZES = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
TOKENIZER = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "legacy": False}
MATRICES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
WORDS = "the part has a scratch near the rim of the cell and no dark line: 0.25 mm, number"


@cache
def vocabulary() -> Path:
    """The path of a sentencepiece model, trained once."""
    folder = Path(mkdtemp(prefix="kotoba-words-"))
    atexit.register(shutil.rmtree, folder)
    (folder / "text").write_text("".join(f"{WORDS} {number}\n" for number in range(400)))
    sentencepiece.SentencePieceTrainer.Train(
        input=str(folder / "text"), model_prefix=str(folder / "tokenizer"), vocab_size=340, byte_fallback=True, model_type="bpe",
        unk_id=0, bos_id=1, eos_id=2, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    return folder / "tokenizer.model"


def write_language_model(folder: Path, kind: type[PretrainedConfig], **values: Any) -> Path:  # noqa: ANN401 -- of a configuration
    """Write a model with the configuration `kind` and its tokenizer; weights are large enough that what is left out shows."""
    size = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary())).vocab_size()
    torch.manual_seed(0)
    settings = {**SIZES, "vocab_size": size, "max_position_embeddings": 2048, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None}
    model = AutoModelForCausalLM.from_config(kind(**{**settings, **values}))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1 and "bias" in name:
                parameter.normal_(0, 0.1)
            elif parameter.ndim == 2 and "embed" not in name and "lm_head" not in name:
                parameter.mul_(4)
    model.save_pretrained(folder)
    shutil.copy(vocabulary(), folder / "tokenizer.model")
    (folder / "tokenizer_config.json").write_text(json.dumps(TOKENIZER))
    return folder


def write_adapter(folder: Path, base: Path, **values: Any) -> Path:  # noqa: ANN401 -- of a LoraConfig
    """Write a LoRA of `base` as PEFT does, with random numbers in everything that it trains."""
    torch.manual_seed(1)
    usual: Mapping[str, Any] = {"r": 4, "lora_alpha": 4, "target_modules": MATRICES, "task_type": "CAUSAL_LM"}
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(base)
    tuned = get_peft_model(model, LoraConfig(**{**usual, **values}))
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * (0.2 if "lora_" in name else 0.05))
    tuned.save_pretrained(folder)
    return folder
