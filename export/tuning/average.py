"""Several tunings of one judge averaged into one adapter: what one seed learned by chance weighs less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from export.models.llm.gguf_file import LlmError, write_lora


def average(adapters: Sequence[Path], target: Path) -> None:
    """Write the mean of what `adapters` change, GGUF LoRAs of the same matrices, as one GGUF adapter.

    Exact: the A (r, in) are stacked, and so are the B (out, r), scaled; the rank is the sum of theirs and alpha over rank is 1.

    Raises:
        LlmError: the adapters do not change the same matrices, or one of them has several ranks.
    """
    read = [_read(adapter) for adapter in adapters]
    for adapter, one in zip(adapters, read, strict=True):
        if one.matrices.keys() != read[0].matrices.keys():
            differ = sorted(one.matrices.keys() ^ read[0].matrices.keys())
            msg = f"adapters {adapters[0]} and {adapter} do not change the same matrices ({differ[0]}): average tunings of one recipe"
            raise LlmError(msg)
    stacked = []
    for name in sorted(read[0].matrices):
        if name.endswith("lora_a"):
            stacked.append((name, np.concatenate([one.matrices[name] for one in read], 0)))
        else:
            stacked.append((name, np.concatenate([one.matrices[name] * np.float32(one.scale / len(read)) for one in read], 1)))
    write_lora(stacked, target, alpha=float(sum(one.rank for one in read)))


@dataclass(frozen=True, slots=True)
class _Adapter:
    """The matrices by name, A (r, in) and B (out, r), and alpha."""

    matrices: Mapping[str, NDArray[np.float32]]
    rank: int
    alpha: float

    @property
    def scale(self) -> float:
        return self.alpha / self.rank


def _read(path: Path) -> _Adapter:
    reader = gguf.GGUFReader(path)
    matrices = {tensor.name: np.array(tensor.data, np.float32) for tensor in reader.tensors}
    ranks = {array.shape[0] for name, array in matrices.items() if name.endswith("lora_a")}
    if len(ranks) != 1:
        msg = f"adapter {path} has matrices of rank {', '.join(map(str, sorted(ranks))) or 'none'}: average adapters of one rank each"
        raise LlmError(msg)
    return _Adapter(matrices, ranks.pop(), float(reader.fields[gguf.Keys.Adapter.LORA_ALPHA].contents()))
