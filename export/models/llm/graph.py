"""A language model as one ONNX graph for processors: one run scores all labels of a picture.

Rows are tokens in any order. An input decides which row sees which, so that one run reads a tree of answers.

| input | type | shape | |
|---|---|---|---|
| `tokens`, `positions` | int64 | (T,) | the tokens of this run |
| `attention_bias` | float32 | (T, P + T) | added to the attention scores of the P tokens before and of the T tokens of this run |
| `rows` | int64 | (R,) | the tokens whose logits are wanted |
| `past_key.i`, `past_value.i` | float32 | (heads, P, head_dim) | of layer i, for the P tokens before |
| `NAME.lora_a` | float32 | (in, rank) | of a tensor that adapters change, named as in their GGUF |
| `NAME.lora_b` | float32 | (rank, out) | with alpha / rank multiplied in; zeros change nothing |

| output | type | shape | |
|---|---|---|---|
| `logits` | float32 | (R, V) | after the tokens `rows` |
| `present_key.i`, `present_value.i` | float32 | (heads, T, head_dim) | of layer i, for the tokens of this run |

Each adapted tensor has a rank of its own. In int8 the first two thirds of the layers have rotated products, the last third and the head
activations in two parts: see `export.models.llm.products`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import onnx

from edge.errors import EdgeError
from edge.judges.lora import read_lora
from export.errors import LlmError
from export.models.llm.gguf_weights import GgufWeights
from export.models.llm.transformer import INTERLEAVED, Transformer
from firmware_config.board import GraphPrecision

MAX_BYTES = 2_000_000_000
"""The largest graph with its weights inside; protobuf ends at 2 GiB."""

MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
"""The matrices of a layer, which adapters may change; each may have a bias."""


def graph_obstacle(model: Path, precision: GraphPrecision, adapters: Iterable[Path] = ()) -> str | None:
    """Why a GGUF with these LoRAs cannot be a graph, as a clause such as "it has experts"; None if it can."""
    return next(_obstacles(GgufWeights(model), precision, adapters, max_bytes=MAX_BYTES), None)


def write_graph(
    model: Path,
    target: Path,
    precision: GraphPrecision,
    *,
    context_tokens: int,
    adapters: Iterable[Path] = (),
    max_bytes: int = MAX_BYTES,
) -> None:
    """Write the model of a GGUF as a graph that can take any of the LoRAs `adapters`, for at most `context_tokens` positions.

    Raises:
        LlmError: the model cannot be a graph (see `graph_obstacle`), or a weight is not finite.
    """
    source, loras = GgufWeights(model), tuple(adapters)
    obstacle = next(_obstacles(source, precision, loras, max_bytes=max_bytes), None)
    if obstacle is not None:
        msg = f"{model} cannot be a graph in {precision}: {obstacle}: use graph = 'none'"
        raise LlmError(msg)
    adapted = {name for lora in loras for name in _targets(lora)}
    onnx.save(Transformer(source, precision, adapted=adapted, context_tokens=context_tokens).model(), target)


def _obstacles(source: GgufWeights, precision: GraphPrecision, adapters: Iterable[Path], *, max_bytes: int) -> Iterator[str]:
    if source.architecture not in INTERLEAVED:
        yield f"its architecture is {source.architecture}, known are {', '.join(INTERLEAVED)}"
        return
    heads = [source.setting(f"attention.{name}") for name in ("head_count", "head_count_kv")]
    head_dims = [source.setting(f"attention.{name}") for name in ("key_length", "value_length")]
    scaled = [source.setting(f"rope.{name}", 1) for name in ("scale_linear", "scaling.factor")]
    if source.setting("rope.scaling.type", "none") != "none" or scaled != [1, 1]:
        yield "it scales its rotary positions"
    if source.setting("expert_count", 0):
        yield "it has experts"
    if any(isinstance(count, list) for count in heads) or (head_dims[1] is not None and head_dims[0] != head_dims[1]):
        yield "its heads differ from each other"
    layers = range(int(source.setting("block_count")))
    matrices = {f"blk.{layer}.{name}.weight" for layer in layers for name in MATRICES}
    known = matrices | {name.replace(".weight", ".bias") for name in matrices}
    known |= {f"blk.{layer}.{norm}.weight" for layer in layers for norm in ("attn_norm", "ffn_norm")}
    known |= {"token_embd.weight", "output_norm.weight", "output.weight", "rope_freqs.weight"}
    for name in sorted(source.tensors.keys() - known):
        yield f"its tensor {name} is not known"
    size = sum(int(tensor.n_elements) for tensor in source.tensors.values()) * (4 if precision == "fp32" else 1)
    if size > max_bytes:
        yield f"it would have {size / 1e9:.1f} GB, and a file may have {max_bytes / 1e9:.0f}"
    for adapter in adapters:
        try:
            unknown = sorted(_targets(adapter) - matrices)
        except EdgeError as err:
            yield str(err)
        else:
            yield from (f"adapter {adapter.name} changes {name}, for which a graph has no place" for name in unknown)


def _targets(adapter: Path) -> set[str]:
    """The tensors that a LoRA changes.

    Raises:
        BundleError: the file is no sound LoRA.
    """
    return {name.rpartition(".lora_")[0] for name in read_lora(adapter)[1]}
