"""The vision tower of a user's own CLIP, SigLIP or BLIP as a trunk: frozen, at the picture's own scale; a small tail learns on its states.

A vision transformer sees a picture as patches. Its states in the middle of the tower say what is there, the last ones what the model was
trained to tell; the tail reads both, as maps. Positions are interpolated to the picture's side, so that a hairline is not resized away.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BlipForConditionalGeneration

from export.checkpoint import Checkpoint, read_checkpoint
from export.checkpoint.processor import read_processor
from export.checkpoint.weights import check_weights, loaded
from export.errors import SpecError
from export.eye.trunk import FAR, NEAR, Work, map_side, point_wise
from export.models.clip.graphs import clip_class
from firmware_config.describers import ImagePreprocess

MOST_WEIGHTS = 500_000_000
"""An ONNX file holds 2 GB, which are so many weights in fp32."""
MIXED = 128
"""Channels of the tail between its two layers."""
COPIES_OF_STATES = 12
"""States of one layer that are in memory at once, as counted from the layer: its input, its norms, keys, values, the wide middle."""


@dataclass(frozen=True, slots=True)
class VisionTower:
    """The vision tower of a checkpoint, checked, for pictures of `preprocess.size`. It satisfies `export.eye.trunk.Trunk`."""

    checkpoint: Checkpoint
    preprocess: ImagePreprocess
    config: Any
    weights: int

    batch = 1

    @property
    def title(self) -> str:
        """Its folder and its size."""
        patch = self.config.patch_size
        return f"{self.checkpoint.folder}: {self.weights / 1e6:,.0f} million weights, patches of {patch}x{patch} pixels"

    @property
    def shape(self) -> tuple[int, int, int]:
        """The states of the middle, then the last ones, one place for each patch."""
        side = self.preprocess.size // self.config.patch_size
        return 2 * self.config.hidden_size, side, side

    @property
    def known(self) -> int:
        """The states of the middle."""
        return int(self.config.hidden_size)

    @property
    def work(self) -> Work:
        """Each weight meets each patch, and in each layer each patch each other."""
        channels, rows, columns = self.shape
        places, width = rows * columns + 1, channels // 2
        products = places * self.weights + 2 * self.config.num_hidden_layers * places**2 * width
        attention = 3 * self.config.num_attention_heads * places**2
        return Work(self.weights, products, 4 * (attention + COPIES_OF_STATES * places * width))

    @property
    def files(self) -> tuple[Path, ...]:
        """Those of the checkpoint."""
        return self.checkpoint.files

    def front(self) -> nn.Module:
        """All layers of the tower.

        Raises:
            SpecError: the checkpoint cannot be loaded, or a weight is not finite.
        """
        return TowerFront(loaded(self.checkpoint, _class_of(self.checkpoint)).vision_model, side=self.preprocess.size)

    def tail(self) -> TowerTail:
        """Two layers that know nothing yet."""
        return TowerTail(self.shape[0], side=map_side(self.preprocess.size))


def read_vision_tower(folder: Path, *, side_px: int, gain: Literal["none", "median"]) -> VisionTower:
    """Check a checkpoint for a product's pictures of this side and `gain`; no weight is read.

    Raises:
        SpecError: it is no CLIP, SigLIP or BLIP, is not whole, does not fit the size of the pictures, or is too large.
    """
    checkpoint = read_checkpoint(folder, kind="CLIP or BLIP")
    kind = _class_of(checkpoint)
    config = kind.config_class.from_dict(dict(checkpoint.config))
    check_weights(checkpoint, kind, config)
    processor, vision = read_processor(checkpoint, size=config.vision_config.image_size), config.vision_config
    patch, below = vision.patch_size, side_px - side_px % vision.patch_size
    if side_px != below:
        what = f"checkpoint {folder} sees patches of {patch} pixels, and the product's side_px of {side_px} is no multiple of that"
        msg = f"{what}: give its product.toml side_px = {below} or {below + patch}, or give another checkpoint"
        raise SpecError(msg)
    weights = sum(prod(shape) for name, shape in checkpoint.shapes.items() if "vision_model." in name)
    if weights > MOST_WEIGHTS:
        what = f"checkpoint {folder} has a vision tower of {weights / 1e6:,.0f} million weights"
        msg = f"{what}, and {MOST_WEIGHTS / 1e6:,.0f} million fit into an ONNX file: give a smaller checkpoint"
        raise SpecError(msg)
    preprocess = processor.preprocess.model_copy(update={"size": side_px, "gain": gain})
    return VisionTower(checkpoint, preprocess, vision, weights)


def _class_of(checkpoint: Checkpoint) -> Any:  # noqa: ANN401 -- a class of transformers
    return BlipForConditionalGeneration if checkpoint.model_type == "blip" else clip_class(checkpoint)


class TowerFront(nn.Module):
    """`pixel_values` float32 (B, 3, side, side) to the states of the middle and of the end, (B, 2 W, side / patch, side / patch). Frozen.

    The states of each place have mean 0 and deviation 1 (the middle), or are those of the tower's own last norm.
    """

    def __init__(self, tower: Any, *, side: int) -> None:  # noqa: ANN401 -- a vision model of transformers
        super().__init__()
        embeddings = tower.embeddings
        self.rows = side // embeddings.patch_size
        self.patches = embeddings.patch_embedding
        first = getattr(embeddings, "class_embedding", None)  # SigLIP has none
        self.class_tokens = 0 if first is None else 1
        width = self.patches.out_channels
        self.first = nn.Parameter(torch.empty(1, 0, width) if first is None else first.detach().reshape(1, 1, width))
        places = torch.zeros(1, self.rows**2 + self.class_tokens, width)
        self.positions = nn.Parameter(embeddings.interpolate_pos_encoding(places, side, side).detach())
        self.before = getattr(tower, "pre_layrnorm", nn.Identity())  # CLIP alone
        layers = list(tower.encoder.layers)
        self.lower, self.upper = (nn.ModuleList(part) for part in (layers[: len(layers) // 2], layers[len(layers) // 2 :]))
        self.standard, self.after = nn.LayerNorm(width, elementwise_affine=False), tower.post_layernorm
        self.requires_grad_(requires_grad=False)
        self.eval()

    def forward(self, pixel_values: Tensor) -> Tensor:
        """See the class."""
        patches = self.patches(pixel_values).flatten(2).transpose(1, 2)
        states = self.before(torch.cat([self.first.expand(patches.shape[0], -1, -1), patches], 1) + self.positions)
        for layer in self.lower:
            states = _through(layer, states)
        middle = self.standard(states)
        for layer in self.upper:
            states = _through(layer, states)
        both = torch.cat([middle, self.after(states)], -1)[:, self.class_tokens :]
        return both.transpose(1, 2).unflatten(2, (self.rows, self.rows))


def _through(layer: Any, states: Tensor) -> Tensor:  # noqa: ANN401 -- a layer of transformers
    """One layer, which all three kinds of tower have in the same form; what their own `forward` takes and returns differs."""
    states = states + layer.self_attn(layer.layer_norm1(states))[0]
    return states + layer.mlp(layer.layer_norm2(states))


class TowerTail(nn.Module):
    """States as maps, (B, channels, h, h), to two maps: near float32 (B, 96, h, h) and far float32 (B, 192, side, side), both >= 0.

    A few channels of a transformer are far larger than the others, so each is standardised first.
    """

    def __init__(self, channels: int, *, side: int) -> None:
        super().__init__()
        self.side = side
        self.blocks = nn.Sequential()  # nothing was trained before
        self.standard = nn.BatchNorm2d(channels, affine=False)
        self.near = point_wise(channels, NEAR)
        self.mixed = point_wise(channels, MIXED)
        self.around = nn.Sequential(nn.Conv2d(MIXED, MIXED, 3, padding=1, bias=False), nn.BatchNorm2d(MIXED), nn.ReLU())
        self.far = point_wise(MIXED, FAR)

    def forward(self, front: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        states = self.standard(front)
        mixed = self.around(self.mixed(states))
        if mixed.shape[-1] != self.side:
            mixed = functional.interpolate(mixed, (self.side, self.side), mode="bilinear", align_corners=False)
        return self.near(states), self.far(mixed)
