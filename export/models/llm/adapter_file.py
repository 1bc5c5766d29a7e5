"""LoRA weights as a GGUF adapter, which llama.cpp and our graph can add to a model. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from export.errors import LlmError

BASE_KEY = "kotoba.base"
"""Key of a GGUF adapter: the fingerprint of its model (`GgufWeights.fingerprint`)."""

ADAPTED = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}
"""The matrices that a LoRA may adapt: names in Hugging Face to names in GGUF."""


def write_adapter(
    weights: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]],
    target: Path,
    *,
    alpha: float,
    heads: int,
    key_value_heads: int,
    base: str | None = None,
) -> None:
    """Write a LoRA of a llama-family model as a GGUF adapter.

    `weights` maps names such as "0.q_proj" (layer and matrix) to A float32 (r, in) and B float32 (out, r). llama.cpp interleaves
    the two rotary halves of a head in the rows of q and k; for a LoRA these are the rows of B. `base` is the fingerprint of the model.

    Raises:
        LlmError: a LoRA may not adapt one of the matrices.
    """
    tensors: list[tuple[str, NDArray[np.float32]]] = []
    for name, (a, b) in sorted(weights.items()):
        layer, matrix = name.split(".")
        if matrix not in ADAPTED:
            msg = f"LoRA matrix {name!r} is not known: use {', '.join(ADAPTED)}"
            raise LlmError(msg)
        if matrix in {"q_proj", "k_proj"}:
            b = interleave(b, heads if matrix == "q_proj" else key_value_heads)  # noqa: PLW2901
        stem = f"blk.{layer}.{ADAPTED[matrix]}.weight"
        tensors += [(f"{stem}.lora_a", a), (f"{stem}.lora_b", b)]
    write_lora(tensors, target, alpha=alpha, base=base)


def write_lora(tensors: Iterable[tuple[str, NDArray[np.float32]]], target: Path, *, alpha: float, base: str | None = None) -> None:
    """Write LoRA matrices, float32 with GGUF's names and order of rows, as a GGUF adapter; the file appears when it is complete.

    `base` is the fingerprint of the model that it was tuned on, if that is known.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{target.name}.unfinished")
    writer = gguf.GGUFWriter(unfinished, arch="llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    if base is not None:
        writer.add_string(BASE_KEY, base)
    for name, matrix in tensors:
        writer.add_tensor(name, np.ascontiguousarray(matrix, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    unfinished.replace(target)


def base_of(adapter: Path) -> str | None:
    """The fingerprint of the model that a GGUF adapter was tuned on; None if the file does not say."""
    found = gguf.GGUFReader(adapter).fields.get(BASE_KEY)
    return None if found is None else str(found.contents())


def interleave(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Reorder the rows of each head from Hugging Face's order (two rotary halves) to llama.cpp's (pairs): float32 (out, n) to (out, n)."""
    out, width = rows.shape
    return np.ascontiguousarray(rows.reshape(heads, 2, out // heads // 2, width).swapaxes(1, 2).reshape(out, width))


def deinterleave(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """The inverse of `interleave`: float32 (out, n) to (out, n)."""
    out, width = rows.shape
    return np.ascontiguousarray(rows.reshape(heads, out // heads // 2, 2, width).swapaxes(1, 2).reshape(out, width))
