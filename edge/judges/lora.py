"""Reads a LoRA adapter from its GGUF."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from edge.bundle.gguf_header import sound_header
from edge.errors import BundleError
from firmware_config.verified_file import StoredFile

FLOATS = {0: "<f4", 1: "<f2"}
"""GGUF's tensor types F32 and F16, as numpy names them."""


def read_lora(file: StoredFile) -> tuple[float, dict[str, NDArray[np.float32]]]:
    """Read alpha and the matrices by their GGUF names, float32: `NAME.lora_a` (rank, in) and `NAME.lora_b` (out, rank).

    Raises:
        BundleError: the file is damaged, is not a LoRA in F32 or F16, or holds numbers that are not finite.
        ManifestError: its content is not what the manifest of its bundle lists.
        OSError: the file cannot be read.
    """
    with sound_header(file) as header:
        alpha = header.floats.get(b"adapter.lora.alpha")
        if alpha is None or any(len(shape) != 2 or kind not in FLOATS for shape, kind, _ in header.tensors.values()):
            msg = f"adapter {file} is not a LoRA in F32 or F16: export it again"
            raise BundleError(msg)
        matrices = {
            name.decode(errors="replace"): np.frombuffer(header.raw, FLOATS[kind], prod(shape), at).reshape(shape[::-1]).astype(np.float32)
            for name, (shape, kind, at) in header.tensors.items()
        }
    if not all(np.isfinite(matrix).all() for matrix in matrices.values()):
        msg = f"adapter {file} holds numbers that are not finite: tune it again"
        raise BundleError(msg)
    return alpha, matrices
