"""Quantize a GGUF with llama.cpp's own quantizer. No torch."""

from __future__ import annotations

import ctypes
import tempfile
from pathlib import Path

import gguf
import llama_cpp

from export.errors import LlmError

FILE_TYPES = {
    "F16": llama_cpp.LLAMA_FTYPE_MOSTLY_F16,
    "Q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0,
    "Q4_1": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_1,
    "Q4_K_M": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
    "Q5_K_M": llama_cpp.LLAMA_FTYPE_MOSTLY_Q5_K_M,
    "Q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
}
CHAT_TEMPLATE = "tokenizer.chat_template"


def write_quantized(source: Path, target: Path, quantisation: str) -> None:
    """Write `source` in `quantisation`, a key of FILE_TYPES or "keep", and without its chat template.

    Raises:
        LlmError: an unknown quantisation, or llama.cpp refuses the file.
    """
    if quantisation == "keep":
        strip_chat_template(source, target)
    else:
        requantize(source, target, quantisation)


def requantize(source: Path, target: Path, quantisation: str) -> None:
    """Write `source` in another quantisation and without its chat template.

    A source that is already quantized is allowed; what it has lost is not restored.

    Raises:
        LlmError: an unknown quantisation, or llama.cpp refuses the file.
    """
    if quantisation not in FILE_TYPES:
        msg = f"quantisation {quantisation!r} is not known: use one of {', '.join(FILE_TYPES)}"
        raise LlmError(msg)
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = FILE_TYPES[quantisation]
    parameters.allow_requantize = True
    parameters.nthread = 0  # all cores
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        with_template = Path(scratch) / "model.gguf"
        llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
        code = llama_cpp.llama_model_quantize(str(source).encode(), str(with_template).encode(), ctypes.byref(parameters))
        if code:
            msg = f"quantizing {source} to {quantisation}: llama.cpp refused it (code {code}): give a GGUF of a model that it knows"
            raise LlmError(msg)
        strip_chat_template(with_template, target)


@llama_cpp.llama_log_callback
def silent(_level: int, _text: bytes, _data: ctypes.c_void_p) -> None:
    """Discard llama.cpp's log: it writes one line for each tensor to stderr, and returns a code where it fails."""


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
