"""Several tunings of one judge averaged into one adapter: what one seed learned by chance weighs less."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from export.llm import write_lora

Matrices = dict[str, NDArray[np.float32]]


def average(adapters: Sequence[Path], target: Path) -> None:
    """Write the mean of what `adapters` change, GGUF LoRAs of the same matrices, as one GGUF adapter.

    Exact: the A (r, in) are stacked, and so are the B (out, r), scaled; the rank is the sum of theirs and alpha over rank is 1.
    """
    read = [_read(adapter) for adapter in adapters]
    rank = sum(next(array.shape[0] for name, array in matrices.items() if name.endswith("lora_a")) for matrices, _ in read)
    stacked = []
    for name in sorted(read[0][0]):
        parts = [matrices[name] for matrices, _ in read]
        if name.endswith("lora_b"):
            parts = [part * np.float32(alpha / part.shape[1] / len(read)) for part, (_, alpha) in zip(parts, read, strict=True)]
        stacked.append((name, np.concatenate(parts, axis=0 if name.endswith("lora_a") else 1)))
    write_lora(stacked, target, alpha=float(rank))


def _read(adapter: Path) -> tuple[Matrices, float]:
    """The matrices by name, and alpha."""
    reader = gguf.GGUFReader(adapter)
    matrices = {tensor.name: np.array(tensor.data, np.float32) for tensor in reader.tensors}
    return matrices, float(reader.fields[gguf.Keys.Adapter.LORA_ALPHA].contents())
