"""BLIP from Hugging Face to two ONNX graphs, through Optimum's extension points.

Optimum has no BLIP (optimum #1818, #1229). One graph reads the picture and computes the cross-attention keys and values of every layer
once. The other takes tokens, its own past keys and values, and the cross-attention tensors at batch 1, so that all captions of a picture
share them. A decoder that recomputes cross-attention for every token does sixty times the work.
"""

from __future__ import annotations

import math
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from optimum.exporters.onnx.base import OnnxConfig
from optimum.exporters.onnx.convert import export
from optimum.exporters.tasks import TasksManager
from optimum.utils import NormalizedConfig
from torch import Tensor, nn
from transformers import BlipConfig, BlipForConditionalGeneration
from transformers.cache_utils import DynamicCache

from export.checkpoint import Checkpoint
from export.checkpoint.weights import loaded
from firmware_config.describers import ImagePreprocess

OPSET = 17
VISION_TASK, DECODER_TASK = ("blip_vision_model", "feature-extraction"), ("blip", "image-to-text")
"""Model type and task under which Optimum finds the two configurations."""

MASKED = -10_000.0
"""Added to the attention score of a masked token, as in BLIP itself."""

_register = TasksManager.create_register("onnx")


def load_blip(checkpoint: Checkpoint) -> BlipForConditionalGeneration:
    """Load the original model in fp32.

    Raises:
        SpecError: it cannot be loaded, or a weight is missing or not finite.
    """
    return loaded(checkpoint, BlipForConditionalGeneration)


class BlipVision(nn.Module):
    """Pixels to the cross-attention keys and values of every text layer."""

    def __init__(self, blip: BlipForConditionalGeneration) -> None:
        super().__init__()
        self.config = blip.config
        self.vision_model = blip.vision_model
        self.layers = nn.ModuleList(layer.crossattention.self for layer in blip.text_decoder.bert.encoder.layer)

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, ...]:
        """`pixel_values` float32 (1, 3, S, S) to cross_key.0, cross_value.0, ... float32 (1, heads, patches + 1, head_dim)."""
        states = self.vision_model(pixel_values=pixel_values).last_hidden_state
        return tuple(_heads(project(states), layer) for layer in self.layers for project in (layer.key, layer.value))


class BlipDecoder(nn.Module):
    """Tokens and the keys and values of earlier tokens to logits."""

    def __init__(self, blip: BlipForConditionalGeneration) -> None:
        super().__init__()
        self.config = blip.config
        self.text_decoder = blip.text_decoder

    def forward(
        self, input_ids: Tensor, position_ids: Tensor, attention_mask: Tensor, past: list[Tensor], cross: list[Tensor]
    ) -> tuple[Tensor, ...]:
        """Logits float32 (B, T, V), then the present keys and values, float32 (B, heads, P + T, head_dim) each.

        `input_ids` and `position_ids` are int64 (B, T), `attention_mask` int64 (B, P + T). `past` float32 (B, heads, P, head_dim) and
        `cross` float32 (1, heads, patches + 1, head_dim) hold the key and the value of each layer in turn.
        """
        own = DynamicCache()
        for layer in range(len(past) // 2):
            own.update(past[2 * layer], past[2 * layer + 1], layer)
        tokens, width = input_ids.shape[1], attention_mask.shape[1]
        rows = torch.arange(tokens)[:, None] + (width - tokens)
        causal = (torch.arange(width)[None, :] <= rows)[None, None] & attention_mask[:, None, None, :].bool()
        mask = (1.0 - causal.float()) * MASKED
        states = self.text_decoder.bert.embeddings(input_ids=input_ids, position_ids=position_ids)
        for layer, key, value in zip(self.text_decoder.bert.encoder.layer, cross[::2], cross[1::2], strict=True):
            states = layer.attention(states, attention_mask=mask, past_key_values=own)[0]
            seen = _look(layer.crossattention.self, states, key, value)
            states = layer.feed_forward_chunk(layer.crossattention.output(seen, states))
        logits = self.text_decoder.cls(states)
        return (logits, *(tensor for layer in own.layers for tensor in (layer.keys, layer.values)))


def _look(attention: nn.Module, states: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Cross-attention of `states` float32 (B, T, D) to the `key` and `value` (1, heads, P, head_dim) of one picture: (B, T, D).

    The batch is folded into the rows, so that the picture's tensors are read once for all captions, not once for each.
    """
    batch, tokens, _ = states.shape
    heads, head_dim = attention.num_attention_heads, attention.attention_head_size
    query = _heads(attention.query(states), attention).transpose(0, 1).reshape(1, heads, batch * tokens, head_dim)
    weights = torch.softmax(query @ key.transpose(-1, -2) / math.sqrt(head_dim), -1)
    return (weights @ value).view(heads, batch, tokens, head_dim).permute(1, 2, 0, 3).reshape(batch, tokens, heads * head_dim)


def _heads(states: Tensor, attention: nn.Module) -> Tensor:
    """(B, P, D) to (B, heads, P, D / heads)."""
    batch, patches, _ = states.shape
    return states.view(batch, patches, attention.num_attention_heads, attention.attention_head_size).transpose(1, 2)


@_register(*VISION_TASK)
class BlipVisionOnnxConfig(OnnxConfig):
    """Inputs and outputs of the vision graph."""

    DEFAULT_ONNX_OPSET = OPSET
    NORMALIZED_CONFIG_CLASS = NormalizedConfig

    @property
    def inputs(self) -> dict[str, dict[int, str]]:
        """One picture at a time."""
        return OrderedDict(pixel_values={})

    @property
    def outputs(self) -> dict[str, dict[int, str]]:
        """The key and the value of each layer in turn, all of fixed shape."""
        return OrderedDict((name, {}) for name in cross_names(self._config.text_config.num_hidden_layers))

    def generate_dummy_inputs(self, framework: str = "pt", **_: Any) -> dict[str, Tensor]:  # noqa: ANN401, ARG002 -- optimum's signature
        """A grey picture."""
        size = self._config.vision_config.image_size
        return {"pixel_values": torch.zeros(1, 3, size, size)}


@_register(*DECODER_TASK)
class BlipDecoderOnnxConfig(OnnxConfig):
    """Inputs and outputs of the decoder graph. The cross-attention tensors have batch 1, however many captions there are."""

    DEFAULT_ONNX_OPSET = OPSET
    NORMALIZED_CONFIG_CLASS = NormalizedConfig
    use_past = True

    @property
    def _layers(self) -> int:
        return int(self._config.text_config.num_hidden_layers)

    @property
    def torch_to_onnx_input_map(self) -> dict[str, str]:
        """`past.3` of the module is `past_value.1` of the graph."""
        names = {f"past.{i}": name for i, name in enumerate(past_names(self._layers))}
        return names | {f"cross.{i}": name for i, name in enumerate(cross_names(self._layers))}

    @property
    def inputs(self) -> dict[str, dict[int, str]]:
        """Free batch and lengths; one picture."""
        axes: dict[str, dict[int, str]] = OrderedDict(
            input_ids={0: "batch", 1: "tokens"}, position_ids={0: "batch", 1: "tokens"}, attention_mask={0: "batch", 1: "width"}
        )
        axes |= {f"past.{i}": {0: "batch", 2: "past"} for i in range(2 * self._layers)}
        return axes | {f"cross.{i}": {} for i in range(2 * self._layers)}

    @property
    def outputs(self) -> dict[str, dict[int, str]]:
        """The logits after each token, and the past with this run's tokens appended."""
        present = (name.replace("past", "present") for name in past_names(self._layers))
        return OrderedDict(logits={0: "batch", 1: "tokens"}) | {name: {0: "batch", 2: "width"} for name in present}

    def generate_dummy_inputs(self, framework: str = "pt", **_: Any) -> dict[str, Any]:  # noqa: ANN401, ARG002 -- optimum's signature
        """Two captions, three tokens so far, two new ones."""
        text, vision = self._config.text_config, self._config.vision_config
        head_dim = text.hidden_size // text.num_attention_heads
        states = getattr(vision, "states", (vision.image_size // vision.patch_size) ** 2 + 1)
        return {
            "input_ids": torch.ones(2, 2, dtype=torch.int64),
            "position_ids": torch.tensor([[3, 4]] * 2),
            "attention_mask": torch.ones(2, 5, dtype=torch.int64),
            "past": [torch.zeros(2, text.num_attention_heads, 3, head_dim) for _ in range(2 * self._layers)],
            "cross": [torch.zeros(1, text.num_attention_heads, states, head_dim) for _ in range(2 * self._layers)],
        }


def past_names(layers: int) -> list[str]:
    """Names of the past self-attention tensors in the order of the graph."""
    return [f"past_{kind}.{layer}" for layer in range(layers) for kind in ("key", "value")]


def cross_names(layers: int) -> list[str]:
    """Names of the cross-attention tensors in the order of the graph."""
    return [f"cross_{kind}.{layer}" for layer in range(layers) for kind in ("key", "value")]


def export_blip(blip: BlipForConditionalGeneration, folder: Path) -> None:
    """Write `vision.onnx` and `decoder.onnx` as `firmware_config.bundle.Blip` describes them."""
    _export(BlipVision(blip.eval()), VISION_TASK, folder / "vision.onnx")
    export_decoder(blip, folder)


def export_decoder(blip: BlipForConditionalGeneration, folder: Path) -> None:
    """Write `decoder.onnx` alone."""
    _export(BlipDecoder(blip.eval()), DECODER_TASK, folder / "decoder.onnx")


def _export(module: nn.Module, names: tuple[str, str], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    model_type, task = names
    config = TasksManager.get_exporter_config_constructor("onnx", model_type=model_type, task=task, library_name="transformers")
    with tempfile.TemporaryDirectory() as scratch:
        export(module, config(module.config), Path(scratch) / path.name, opset=OPSET)
        path.write_bytes((Path(scratch) / path.name).read_bytes())


def blip_section(config: BlipConfig, preprocess: ImagePreprocess, *, prompt: str = "", drafts: bool = False) -> dict[str, Any]:
    """The section `blip` of models.json. `drafts` tells whether `blip/drafts.txt` exists."""
    text = config.text_config
    return {
        "vision": "blip/vision.onnx",
        "decoder": "blip/decoder.onnx",
        "tokenizer": "blip/tokenizer.json",
        "preprocess": preprocess.model_dump(mode="json"),
        "layers": text.num_hidden_layers,
        "heads": text.num_attention_heads,
        "head_dim": text.hidden_size // text.num_attention_heads,
        "bos_token_id": text.bos_token_id,
        "eos_token_id": text.sep_token_id,
        "pad_token_id": text.pad_token_id,
        "prompt": prompt,
        "drafts": "blip/drafts.txt" if drafts else None,
    }
