"""CLIP from Hugging Face to two ONNX graphs, each ending in embeddings of unit length."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPModel

OPSET = 17


class _Vision(nn.Module):
    def __init__(self, clip: CLIPModel) -> None:
        super().__init__()
        self.clip = clip

    def forward(self, pixel_values: Tensor) -> Tensor:
        return functional.normalize(self.clip.get_image_features(pixel_values=pixel_values), dim=-1)


class _Text(nn.Module):
    def __init__(self, clip: CLIPModel) -> None:
        super().__init__()
        self.clip = clip

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return functional.normalize(self.clip.get_text_features(input_ids=input_ids, attention_mask=attention_mask), dim=-1)


def export_clip(clip: CLIPModel, folder: Path) -> None:
    """Write `vision.onnx` (pixel_values to image_embeds) and `text.onnx` (input_ids, attention_mask to text_embeds); sizes are free."""
    folder.mkdir(parents=True, exist_ok=True)
    clip = clip.eval()
    size = clip.config.vision_config.image_size
    ids = torch.tensor([[clip.config.text_config.bos_token_id, clip.config.text_config.eos_token_id]] * 2)
    with torch.no_grad():
        torch.onnx.export(
            _Vision(clip),
            (torch.zeros(2, 3, size, size),),
            folder / "vision.onnx",
            input_names=["pixel_values"],
            output_names=["image_embeds"],
            dynamic_axes={"pixel_values": {0: "batch"}, "image_embeds": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
        torch.onnx.export(
            _Text(clip),
            (ids, torch.ones_like(ids)),
            folder / "text.onnx",
            input_names=["input_ids", "attention_mask"],
            output_names=["text_embeds"],
            dynamic_axes={name: {0: "batch", 1: "tokens"} for name in ("input_ids", "attention_mask")} | {"text_embeds": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
