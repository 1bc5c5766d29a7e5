"""The settings and weights of a GGUF, in float32."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import gguf
import numpy as np
from numpy.typing import NDArray

from export.errors import LlmError

Weights: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class GgufWeights:
    """A GGUF, read tensor by tensor. No slots, for `cached_property`."""

    path: Path

    @cached_property
    def reader(self) -> gguf.GGUFReader:
        """The file, mapped into memory."""
        return gguf.GGUFReader(self.path)

    @cached_property
    def architecture(self) -> str:
        """`general.architecture`, such as "llama"."""
        return str(self.reader.fields["general.architecture"].contents())

    @cached_property
    def tensors(self) -> dict[str, gguf.ReaderTensor]:
        """The tensors by name, still quantized."""
        return {tensor.name: tensor for tensor in self.reader.tensors}

    @property
    def vocabulary_size(self) -> int:
        """The number of tokens."""
        return len(self.reader.fields["tokenizer.ggml.tokens"].data)

    @cached_property
    def fingerprint(self) -> str:
        """`sha256:` of the norms, which every quantisation keeps in F32: models of one size that were trained apart differ in them."""
        digest = hashlib.sha256()
        for name in sorted(name for name in self.tensors if name.endswith("norm.weight")):
            digest.update(name.encode() + np.ascontiguousarray(self.weights(name)).tobytes())
        return f"sha256:{digest.hexdigest()}"

    def setting(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 -- a GGUF key holds anything
        """The value of the key ARCHITECTURE.`name`, or `default` if the file does not have the key."""
        field = self.reader.fields.get(f"{self.architecture}.{name}")
        return default if field is None else field.contents()

    def weights(self, name: str) -> Weights:
        """A tensor in float32: a matrix (out, in), a norm or bias (n,).

        Raises:
            LlmError: the file has no such tensor, or a weight is not finite.
        """
        if name not in self.tensors:
            msg = f"{self.path} has no tensor {name}: give a whole model, or use graph = 'none'"
            raise LlmError(msg)
        weights = np.array(gguf.dequantize(self.tensors[name].data, self.tensors[name].tensor_type), np.float32)
        if not np.isfinite(weights).all():
            msg = f"{self.path} has weights in {name} that are not finite: take the model from its source again"
            raise LlmError(msg)
        return weights
