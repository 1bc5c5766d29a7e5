"""The language model: GGUF to the weight type that prefills fastest, LoRA weights to a GGUF adapter. No torch."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import gguf
import llama_cpp
import numpy as np
from numpy.typing import NDArray

from export.errors import ExportError

TYPES = {
    "F16": llama_cpp.LLAMA_FTYPE_MOSTLY_F16,
    "Q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0,
    "Q4_1": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_1,
    "Q4_K_M": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
    "Q5_K_M": llama_cpp.LLAMA_FTYPE_MOSTLY_Q5_K_M,
    "Q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
}
CHAT_TEMPLATE = "tokenizer.chat_template"

ADAPTED = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}
"""Hugging Face's names of the matrices a LoRA may adapt, and GGUF's."""


@llama_cpp.llama_log_callback
def silent(_level: int, _text: bytes, _data: ctypes.c_void_p) -> None:
    """The quantizer writes a line a tensor to stderr; what matters comes back as its code."""


class LlmError(ExportError):
    """A language model could not be made ready; says why in one sentence."""


def requantize(source: Path, target: Path, kind: str) -> None:
    """Write `source` in another weight type, with llama.cpp's own quantizer, and without its chat template.

    A model that is already quantized is allowed: what it lost stays lost.

    Raises:
        LlmError: an unknown type, or llama.cpp refuses the file.
    """
    if kind not in TYPES:
        msg = f"quantisation {kind!r} is not known: use one of {', '.join(TYPES)}"
        raise LlmError(msg)
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = TYPES[kind]
    parameters.allow_requantize = True
    parameters.nthread = 0
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        rough = Path(scratch) / "model.gguf"
        llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
        code = llama_cpp.llama_model_quantize(str(source).encode(), str(rough).encode(), ctypes.byref(parameters))
        if code:
            msg = f"quantizing {source} to {kind}: llama.cpp refused it (code {code}): give a GGUF of a model that it knows"
            raise LlmError(msg)
        strip_chat_template(rough, target)


def strip_chat_template(source: Path, target: Path) -> None:
    """Copy a GGUF without its chat template, which some runtimes execute (CVE-2024-34359)."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, arch=str(reader.fields["general.architecture"].contents()))
    for name, field in reader.fields.items():
        if name.startswith(("GGUF.", CHAT_TEMPLATE)) or name == "general.architecture":
            continue
        kind = field.types[0]
        writer.add_key_value(name, field.contents(), kind, field.types[1] if kind is gguf.GGUFValueType.ARRAY else None)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_adapter(
    weights: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]], target: Path, *, alpha: float, heads: int, key_value_heads: int
) -> None:
    """Write a LoRA of a llama-family model as a GGUF adapter.

    `weights` maps "LAYER.q_proj" and the like to A (r, in) and B (out, r). llama.cpp keeps rotary halves interleaved: rows of q and k are
    permuted as its converter does, which for a LoRA is a permutation of B's rows.

    Raises:
        LlmError: a matrix that is not known.
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
    write_lora(tensors, target, alpha=alpha)


def write_lora(tensors: Iterable[tuple[str, NDArray[np.float32]]], target: Path, *, alpha: float) -> None:
    """Write the matrices of a LoRA, with GGUF's names and order of rows, as a GGUF adapter; it has its name when it is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{target.name}.unfinished")
    writer = gguf.GGUFWriter(unfinished, arch="llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    for name, matrix in tensors:
        writer.add_tensor(name, np.ascontiguousarray(matrix, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    unfinished.replace(target)


def interleave(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Hugging Face's order of a head's rows (two rotary halves) to llama.cpp's (pairs); (out, n) to (out, n)."""
    out, width = rows.shape
    return np.ascontiguousarray(rows.reshape(heads, 2, out // heads // 2, width).swapaxes(1, 2).reshape(out, width))


def deinterleave(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """The way back of `interleave`."""
    out, width = rows.shape
    return np.ascontiguousarray(rows.reshape(heads, out // heads // 2, 2, width).swapaxes(1, 2).reshape(out, width))


def packaged_model(package: str) -> Path:
    """The one GGUF file inside an installed package, found without importing it.

    Raises:
        LlmError: the package is not installed, or does not hold exactly one.
    """
    import importlib.util

    spec = importlib.util.find_spec(package.replace("-", "_"))
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = sorted(path for folder in folders for path in Path(folder).glob("*.gguf"))
    if len(found) != 1:
        what = f"holds {len(found)} GGUF files, expected one" if folders else "is not installed"
        msg = f"package {package!r} {what}: install it with the extra [demo]"
        raise LlmError(msg)
    return found[0]
