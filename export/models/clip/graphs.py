"""CLIP and SigLIP from Hugging Face to two ONNX graphs, each ending in embeddings of unit length, through Optimum.

Optimum exports all outputs of the two towers. A box needs one vector of each, normalised, so that a cosine is a dot product, and features
of the patches, by which it knows a familiar picture. Hence two configurations of our own: one for pictures, one for words.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from optimum.exporters.onnx.base import OnnxConfig
from optimum.exporters.onnx.convert import export
from optimum.utils import NormalizedConfig
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPModel, SiglipModel

from export.checkpoint import Checkpoint
from export.checkpoint.weights import loaded

OPSET = 17


def load_clip(checkpoint: Checkpoint) -> CLIPModel | SiglipModel:
    """Load the original model in fp32.

    Raises:
        SpecError: it cannot be loaded, or a weight is missing or not finite.
    """
    return loaded(checkpoint, clip_class(checkpoint))


def clip_class(checkpoint: Checkpoint) -> type[CLIPModel | SiglipModel]:
    """The class of transformers that a checkpoint is of."""
    return SiglipModel if checkpoint.model_type == "siglip" else CLIPModel


class ClipVision(nn.Module):
    """Pixels to an embedding of unit length, and to features of the picture's patches."""

    def __init__(self, model: CLIPModel | SiglipModel) -> None:
        super().__init__()
        self.config = model.config
        self.model = model

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        """`pixel_values` float32 (B, 3, S, S) to the embedding, float32 (B, D), and the patch features, float32 (B, 2 W).

        Patch features are mean and standard deviation, over all patches, of the states (W) in the middle of the tower. They say what
        the picture is made of: states near the end of the tower know only what the model was trained to tell.
        """
        embedding, patches = self._siglip(pixel_values) if self.config.model_type == "siglip" else self._clip(pixel_values)
        return functional.normalize(embedding, dim=-1), _mean_and_deviation(patches)

    def _clip(self, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        """The embedding (B, D), and the states of the patches in the middle of the tower (B, P, W)."""
        tower = self.model.vision_model
        states = [tower.pre_layrnorm(tower.embeddings(pixel_values))]
        *layers, last = tower.encoder.layers
        for layer in layers:
            states.append(layer(states[-1], None, None)[0])
        return self.model.visual_projection(tower.post_layernorm(_first_row(last, states[-1]))), _middle(states)[:, 1:]

    def _siglip(self, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        """As `_clip`; SigLIP has no class token, its head attends to the last states of all patches."""
        tower = self.model.vision_model
        states = [tower.embeddings(pixel_values)]
        for layer in tower.encoder.layers:
            states.append(layer(states[-1], None))
        return tower.head(tower.post_layernorm(states[-1])), _middle(states[:-1])


def _middle(states: list[Tensor]) -> Tensor:
    """The states half way up a tower; `states` are those before its first layer and after each layer but the last."""
    return states[len(states) // 2]


def _mean_and_deviation(patches: Tensor) -> Tensor:
    """Mean and standard deviation over the patches, float32 (B, P, W) to (B, 2 W)."""
    mean = patches.mean(1)
    return torch.cat([mean, (patches - mean[:, None]).square().mean(1).sqrt()], -1)


def _first_row(layer: nn.Module, states: Tensor) -> Tensor:
    """The output of a layer for its first row only: float32 (B, T, D) to (B, D). CLIP reads no other row of its last layer."""
    attention, seen = layer.self_attn, layer.layer_norm1(states)
    rows = (attention.q_proj(seen[:, :1]), attention.k_proj(seen), attention.v_proj(seen))
    query, key, value = (row.unflatten(-1, (attention.num_heads, attention.head_dim)).transpose(1, 2) for row in rows)
    weights = torch.softmax(query @ key.transpose(-1, -2) * attention.scale, -1)
    # Keep the row axis: products stay MatMul, which all precisions support, and are not folded into Gemm.
    first = states[:, :1] + attention.out_proj((weights @ value).reshape(-1, 1, attention.embed_dim))
    return (first + layer.mlp(layer.layer_norm2(first)))[:, 0]


class ClipText(nn.Module):
    """Tokens, padded to the context length, to an embedding of unit length."""

    def __init__(self, model: CLIPModel | SiglipModel) -> None:
        super().__init__()
        self.config = model.config
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """`input_ids` and `attention_mask` int64 (B, T) to float32 (B, D)."""
        return functional.normalize(self.model.get_text_features(input_ids=input_ids, attention_mask=attention_mask), dim=-1)


class ClipVisionOnnxConfig(OnnxConfig):
    """Inputs and outputs of the vision graph."""

    DEFAULT_ONNX_OPSET = OPSET
    NORMALIZED_CONFIG_CLASS = NormalizedConfig

    @property
    def inputs(self) -> dict[str, dict[int, str]]:
        """Any number of pictures, all of the tower's size."""
        return OrderedDict(pixel_values={0: "batch"})

    @property
    def outputs(self) -> dict[str, dict[int, str]]:
        """One embedding and the features of its patches for each picture."""
        return OrderedDict(image_embeds={0: "batch"}, patch_features={0: "batch"})

    def generate_dummy_inputs(self, framework: str = "pt", **_: Any) -> dict[str, Tensor]:  # noqa: ANN401, ARG002 -- optimum's signature
        """Two grey pictures."""
        size = self._config.vision_config.image_size
        return {"pixel_values": torch.zeros(2, 3, size, size)}


class ClipTextOnnxConfig(OnnxConfig):
    """Inputs and outputs of the text graph.

    SigLIP was trained on padded sentences without a mask and reads their last token. So its graph has no mask, and its input is padded.
    """

    DEFAULT_ONNX_OPSET = OPSET
    NORMALIZED_CONFIG_CLASS = NormalizedConfig

    @property
    def _masked(self) -> bool:
        return self._config.model_type != "siglip"

    @property
    def inputs(self) -> dict[str, dict[int, str]]:
        """Any number of sentences."""
        axes: dict[str, dict[int, str]] = OrderedDict(input_ids={0: "batch", 1: "tokens"})
        if self._masked:
            axes["attention_mask"] = {0: "batch", 1: "tokens"}
        return axes

    @property
    def outputs(self) -> dict[str, dict[int, str]]:
        """One embedding for each sentence."""
        return OrderedDict(text_embeds={0: "batch"})

    def generate_dummy_inputs(self, framework: str = "pt", **_: Any) -> dict[str, Tensor]:  # noqa: ANN401, ARG002 -- optimum's signature
        """Two sentences that end with their last token."""
        text = self._config.text_config
        ids = torch.zeros(2, text.max_position_embeddings, dtype=torch.int64)
        ids[:, -1] = min(text.eos_token_id or 1, text.vocab_size - 1)
        return {"input_ids": ids} | ({"attention_mask": torch.ones_like(ids)} if self._masked else {})


def export_clip(model: CLIPModel | SiglipModel, folder: Path) -> None:
    """Write `vision.onnx` and `text.onnx` as `firmware_config.bundle.Clip` describes them."""
    folder.mkdir(parents=True, exist_ok=True)
    model = model.eval()
    for name, module, config in (
        ("vision", ClipVision(model), ClipVisionOnnxConfig(model.config, task="feature-extraction")),
        ("text", ClipText(model), ClipTextOnnxConfig(model.config, task="feature-extraction")),
    ):
        export(module, config, folder / f"{name}.onnx", opset=OPSET)
