"""The mean of several LoRA adapters of one recipe, which reduces the part that each learned by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from export.errors import LlmError
from export.models.llm.adapter_file import base_of, write_lora


def average(adapters: Sequence[Path], target: Path) -> None:
    """Write one GGUF adapter whose change of each matrix is the mean of the changes by `adapters`, which are GGUF LoRAs.

    The mean is exact: the matrices A (r, in) are concatenated, and so are the scaled matrices B (out, r). The rank of the result is the sum
    of the ranks, and its alpha over rank is 1.

    Raises:
        LlmError: the adapters do not change the same matrices or were tuned on different models, or an adapter has matrices of different
            ranks.
    """
    loras = [_read(adapter) for adapter in adapters]
    for adapter, lora in zip(adapters, loras, strict=True):
        if lora.matrices.keys() != loras[0].matrices.keys():
            differ = sorted(lora.matrices.keys() ^ loras[0].matrices.keys())
            msg = f"adapters {adapters[0]} and {adapter} do not change the same matrices ({differ[0]}): average tunings of one recipe"
            raise LlmError(msg)
    stacked = []
    for name in sorted(loras[0].matrices):
        if name.endswith("lora_a"):
            stacked.append((name, np.concatenate([lora.matrices[name] for lora in loras], 0)))
        else:
            stacked.append((name, np.concatenate([lora.matrices[name] * np.float32(lora.scale / len(loras)) for lora in loras], 1)))
    bases = {base_of(adapter) for adapter in adapters}
    if len(bases) > 1:
        msg = f"adapters {', '.join(map(str, adapters))} were tuned on different models: average tunings of one model"
        raise LlmError(msg)
    write_lora(stacked, target, alpha=float(sum(lora.rank for lora in loras)), base=bases.pop())


@dataclass(frozen=True, slots=True)
class _Lora:
    """The matrices by tensor name, A (r, in) and B (out, r), their rank r, and alpha."""

    matrices: Mapping[str, NDArray[np.float32]]
    rank: int
    alpha: float

    @property
    def scale(self) -> float:
        return self.alpha / self.rank


def _read(path: Path) -> _Lora:
    reader = gguf.GGUFReader(path)
    matrices = {tensor.name: np.array(tensor.data, np.float32) for tensor in reader.tensors}
    ranks = {array.shape[0] for name, array in matrices.items() if name.endswith("lora_a")}
    if len(ranks) != 1:
        msg = (
            f"adapter {path} has matrices of rank {', '.join(map(str, sorted(ranks))) or 'none'}: average adapters that have one rank each"
        )
        raise LlmError(msg)
    return _Lora(matrices, ranks.pop(), float(reader.fields[gguf.Keys.Adapter.LORA_ALPHA].contents()))
