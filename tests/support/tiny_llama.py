"""A llama of two layers with random weights and a vocabulary of letters, as GGUF: llama.cpp loads it in milliseconds."""

from __future__ import annotations

import string
from pathlib import Path

import gguf
import numpy as np

WIDTH, FEED_FORWARD, LAYERS, HEADS, KEY_VALUE_HEADS = 64, 128, 2, 4, 2
SPACE = "\u2581"
TEMPLATE = "Answers:\n{labels}\n{description}Answer:\n"
"""Short: each letter is a token."""


def write_llama(path: Path, *, chat_template: bool = False, seed: int = 0, spoilt: float | None = None, stretched: bool = False) -> None:
    """`spoilt`: what the logit of one word of the vocabulary always is; `stretched`: its rotary positions are scaled."""
    rng = np.random.default_rng(seed)
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), SPACE, *string.printable.strip()]
    kinds = [gguf.TokenType.UNKNOWN, *[gguf.TokenType.CONTROL] * 2, *[gguf.TokenType.BYTE] * 256]
    kinds += [gguf.TokenType.NORMAL] * (len(tokens) - len(kinds))
    writer = gguf.GGUFWriter(path, arch="llama")
    writer.add_context_length(2048)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_VALUE_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(index) for index in range(len(tokens))])
    writer.add_token_types(kinds)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if stretched:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(2.0)
    if chat_template:
        writer.add_chat_template("{{ messages }}")
    shapes = {"token_embd": (len(tokens), WIDTH), "output": (len(tokens), WIDTH)}
    for layer in range(LAYERS):
        narrow = WIDTH // HEADS * KEY_VALUE_HEADS
        shapes |= {
            f"blk.{layer}.attn_q": (WIDTH, WIDTH),
            f"blk.{layer}.attn_k": (narrow, WIDTH),
            f"blk.{layer}.attn_v": (narrow, WIDTH),
            f"blk.{layer}.attn_output": (WIDTH, WIDTH),
            f"blk.{layer}.ffn_gate": (FEED_FORWARD, WIDTH),
            f"blk.{layer}.ffn_up": (FEED_FORWARD, WIDTH),
            f"blk.{layer}.ffn_down": (WIDTH, FEED_FORWARD),
        }
    for name, (out, width) in shapes.items():
        spread = 1.0 if name == "token_embd" else 1.0 / width**0.5
        weight = (rng.standard_normal((out, width)) * spread).astype(np.float32)
        if name == "output" and spoilt is not None:
            weight[len(tokens) // 2] = spoilt
        writer.add_tensor(f"{name}.weight", weight)
    for name in ("output_norm", *(f"blk.{layer}.{kind}" for layer in range(LAYERS) for kind in ("attn_norm", "ffn_norm"))):
        writer.add_tensor(f"{name}.weight", rng.uniform(0.5, 1.5, WIDTH).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
