"""A llama-family model in torch with trainable LoRA matrices, read from the GGUF that the box runs.

Training uses the quantized weights, so the adapter adapts to them. One forward pass judges a batch as the box does: the prefix is computed
once, each description once, and the tokens of each label attend to the prefix and their own description only (on the box, a tree of
sequences in one decode). Only the upper layers are trained. The hidden states of the lower layers never change, so they are computed once
for each example.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import gguf
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from export.models.llm.adapter_file import ADAPTED, deinterleave

WEIGHT = torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32  # noqa: SLF001
"""Type of frozen weights and activations: bfloat16 on a processor with instructions for it, otherwise float32, which is eight times as
fast there. LoRA matrices, norms and the softmax over the vocabulary are always float32."""


class Lora(nn.Module):
    """A frozen matrix W (out, in) with a trainable low-rank change: W x + alpha / rank * B A x."""

    def __init__(self, weight: Tensor, *, rank: int, alpha: float) -> None:
        super().__init__()
        out, width = weight.shape
        self.register_buffer("weight", weight, persistent=False)
        self.a = nn.Parameter(torch.empty(rank, width))
        self.b = nn.Parameter(torch.empty(out, rank))
        self._scale = alpha / rank
        self.restart()

    def restart(self) -> None:
        """Initialise again: A at random, B zero, so that the change is zero."""
        nn.init.kaiming_uniform_(self.a, a=5**0.5)
        nn.init.zeros_(self.b)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in) to (N, out)."""
        change = functional.linear(functional.linear(x, self.a.to(WEIGHT)), self.b.to(WEIGHT))
        return functional.linear(x, self.weight) + self._scale * change


class Frozen(nn.Module):
    """A frozen matrix W (out, in)."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in) to (N, out)."""
        return functional.linear(x, self.weight)


class LoraLlama(nn.Module):
    """The whole model.

    `adapted` names the matrices that get a LoRA, as Hugging Face does; they get one in the last `trained_layers` layers (None: in all).
    """

    def __init__(self, model: Path, *, rank: int, alpha: float, adapted: Sequence[str], trained_layers: int | None = None) -> None:
        super().__init__()
        reader = gguf.GGUFReader(model)
        fields = {name: field.contents() for name, field in reader.fields.items() if name.startswith("llama.")}
        self.heads, self.kv_heads = int(fields["llama.attention.head_count"]), int(fields["llama.attention.head_count_kv"])
        self._epsilon = float(fields["llama.attention.layer_norm_rms_epsilon"])
        self._base = float(fields.get("llama.rope.freq_base", 10_000.0))
        tensors = {tensor.name: tensor for tensor in reader.tensors}

        def matrix(name: str) -> NDArray[np.float32]:
            return np.array(gguf.dequantize(tensors[name].data, tensors[name].tensor_type), np.float32)

        self.register_buffer("embedding", torch.from_numpy(matrix("token_embd.weight")).to(WEIGHT), persistent=False)
        head = "output.weight" if "output.weight" in tensors else "token_embd.weight"
        self.register_buffer("head", torch.from_numpy(matrix(head)).to(WEIGHT), persistent=False)
        self.register_buffer("norm", torch.from_numpy(matrix("output_norm.weight")), persistent=False)
        self.layers = nn.ModuleList()
        count = int(fields["llama.block_count"])
        self._frozen = count - min(count, count if trained_layers is None else trained_layers)
        for number in range(count):
            layer = nn.ModuleDict()
            for name, gguf_name in ADAPTED.items():
                weight = matrix(f"blk.{number}.{gguf_name}.weight")
                if name in {"q_proj", "k_proj"}:
                    weight = deinterleave(weight, self.heads if name == "q_proj" else self.kv_heads)
                tensor = torch.from_numpy(weight).to(WEIGHT)
                layer[name] = Lora(tensor, rank=rank, alpha=alpha) if name in adapted and number >= self._frozen else Frozen(tensor)
            for name in ("attn_norm", "ffn_norm"):
                layer.register_buffer(name, torch.from_numpy(matrix(f"blk.{number}.{name}.weight")), persistent=False)
            self.layers.append(layer)

    def lora(self) -> Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """The LoRA matrices for `export.models.llm.adapter_file.write_adapter`: "LAYER.q_proj" to A (r, in) and B (out, r), float32."""
        return {
            f"{number}.{name}": (part.a.detach().numpy(), part.b.detach().numpy())
            for number, layer in enumerate(self.layers)
            for name, part in layer.items()
            if isinstance(part, Lora)
        }

    def restart(self) -> None:
        """Initialise all LoRA matrices again, by torch's random generator."""
        for part in self.modules():
            if isinstance(part, Lora):
                part.restart()

    def forward(self, prefix: Tensor, ids: Tensor, positions: Tensor, visible: Tensor) -> Tensor:
        """Hidden states after the last norm, (B, L, H).

        `prefix` int64 (P,) is shared by all rows. `ids` and `positions` int64 (B, L); positions count from the start of the prefix.
        `visible` bool (B, L, L): the tokens of its own row to which each token attends, besides the whole prefix.
        """
        prefix_states, rows = self.lower(prefix, ids, positions, visible)
        return self.upper(prefix_states, rows, positions, visible)

    @torch.no_grad()
    def lower(self, prefix: Tensor, ids: Tensor, positions: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden states after the frozen layers: of the prefix, (P, H), and of the rows, (B, L, H). Arguments as for `forward`."""
        x = functional.embedding(torch.cat([prefix, ids.flatten()]), self.embedding)
        x = self._through(self.layers[: self._frozen], x, len(prefix), positions, visible)
        return x[: len(prefix)], x[len(prefix) :].unflatten(0, ids.shape)

    def upper(self, prefix: Tensor, rows: Tensor, positions: Tensor, visible: Tensor) -> Tensor:
        """Hidden states after the trained layers and the last norm, (B, L, H), from the results of `lower`: (P, H) and (B, L, H)."""
        x = torch.cat([prefix, rows.flatten(0, 1)])
        x = self._through(self.layers[self._frozen :], x, len(prefix), positions, visible)
        return self._rms(x[len(prefix) :], self.norm).unflatten(0, rows.shape[:2])

    def _through(self, layers: Iterable[nn.Module], x: Tensor, count: int, positions: Tensor, visible: Tensor) -> Tensor:
        rotation = self._rotation(torch.cat([torch.arange(count), positions.flatten()]))
        mask = torch.cat([torch.ones(*positions.shape, count, dtype=torch.bool), visible], -1)[:, None]
        for layer in layers:
            x = x + self._attend(layer, self._rms(x, layer.attn_norm), rotation, count, mask)
            y = self._rms(x, layer.ffn_norm)
            x = x + layer["down_proj"](functional.silu(layer["gate_proj"](y)) * layer["up_proj"](y))
        return x

    def _attend(self, layer: nn.Module, x: Tensor, rotation: tuple[Tensor, Tensor], count: int, mask: Tensor) -> Tensor:
        batch, length = mask.shape[0], mask.shape[2]
        q = _rotate(layer["q_proj"](x).unflatten(-1, (self.heads, -1)), rotation)
        k = _rotate(layer["k_proj"](x).unflatten(-1, (self.kv_heads, -1)), rotation)
        v = layer["v_proj"](x).unflatten(-1, (self.kv_heads, -1))
        k, v = (part.repeat_interleave(self.heads // self.kv_heads, 1) for part in (k, v))
        q, k, v = (part.transpose(0, 1) for part in (q, k, v))  # (heads, tokens, head_dim)
        first = functional.scaled_dot_product_attention(q[None, :, :count], k[None, :, :count], v[None, :, :count], is_causal=True)[0]
        own_q, own_k, own_v = (part[:, count:].unflatten(1, (batch, length)).transpose(0, 1) for part in (q, k, v))
        keys, values = (torch.cat([part[None, :, :count].expand(batch, -1, -1, -1), own], 2) for part, own in ((k, own_k), (v, own_v)))
        rest = functional.scaled_dot_product_attention(own_q, keys, values, attn_mask=mask)
        attended = torch.cat([first.transpose(0, 1), rest.transpose(1, 2).flatten(0, 1)])
        return layer["o_proj"](attended.flatten(1))

    def _rms(self, x: Tensor, weight: Tensor) -> Tensor:
        wide = x.float()
        return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self._epsilon) * weight).to(WEIGHT)

    def _rotation(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        half = self.embedding.shape[1] // self.heads // 2
        angles = positions[:, None].float() * self._base ** (-torch.arange(half).float() / half)
        return torch.cat([angles.cos()] * 2, -1)[:, None].to(WEIGHT), torch.cat([angles.sin()] * 2, -1)[:, None].to(WEIGHT)


def _rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary position embedding on (tokens, heads, head_dim), in halves as Hugging Face has it; `rotation` is cosine and sine."""
    first, second = x.chunk(2, -1)
    return x * rotation[0] + torch.cat([-second, first], -1) * rotation[1]
