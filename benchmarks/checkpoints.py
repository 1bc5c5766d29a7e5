"""Checkpoints of the published sizes with random weights, as Hugging Face writes them: what a model knows does not change its speed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    BlipTextConfig,
    BlipVisionConfig,
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPVisionConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipModel,
    SiglipTextConfig,
    SiglipVisionConfig,
)

BASE = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
LARGE = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
SMALL = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12, "num_attention_heads": 8}
BLIP_WORDS, DECODE, END, PAD = 30_524, 30_522, 102, 0
CLIP_WORDS, CLIP_START, CLIP_END = 49_408, 49_406, 49_407
SIGLIP_WORDS = 32_000


def clip_b32() -> CLIPModel:
    """As openai/clip-vit-base-patch32: 151 M weights."""
    return _clip(BASE, SMALL, patch=32, projection=512)


def clip_l14() -> CLIPModel:
    """As openai/clip-vit-large-patch14: 428 M weights."""
    return _clip(LARGE, BASE, patch=14, projection=768)


def siglip_base() -> SiglipModel:
    """As google/siglip-base-patch16-224: 203 M weights."""
    vision = SiglipVisionConfig(**BASE, image_size=224, patch_size=16)
    text = SiglipTextConfig(**BASE, vocab_size=SIGLIP_WORDS, max_position_embeddings=64, projection_size=768)
    return SiglipModel(SiglipConfig(text_config=text.to_dict(), vision_config=vision.to_dict()))


def blip(tower: Mapping[str, int], *, image: int, heads: int = 12, tied: bool = True) -> BlipForConditionalGeneration:
    """As Salesforce/blip-image-captioning-base (224 M weights) or -large (470 M): the text decoder is the same, `tower` is the vision's."""
    vision = BlipVisionConfig(**tower, image_size=image, patch_size=16)
    # The published checkpoints have 12 heads; BlipTextConfig's own default is 8.
    text = BlipTextConfig(
        vocab_size=BLIP_WORDS,
        hidden_size=768,
        encoder_hidden_size=tower["hidden_size"],
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=heads,
        bos_token_id=DECODE,
        eos_token_id=2,
        sep_token_id=END,
        pad_token_id=PAD,
    )
    return BlipForConditionalGeneration(BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), tie_word_embeddings=tied))


CLIPS: Mapping[str, Callable[[], PreTrainedModel]] = {"CLIP ViT-B/32": clip_b32, "CLIP ViT-L/14": clip_l14, "SigLIP base": siglip_base}
BLIPS: Mapping[str, Callable[[], PreTrainedModel]] = {
    "BLIP base 384, 12 heads, tied": lambda: blip(BASE, image=384),
    "BLIP base 384, 12 heads, untied": lambda: blip(BASE, image=384, tied=False),
    "BLIP base 224, 12 heads, tied": lambda: blip(BASE, image=224),
    "BLIP base 480, 16 heads, tied": lambda: blip(BASE, image=480, heads=16),
    "BLIP large 384, 12 heads, tied": lambda: blip(LARGE, image=384),
    "BLIP large 384, 16 heads, untied": lambda: blip(LARGE, image=384, heads=16, tied=False),
}


def write(name: str, folder: Path) -> Path:
    """Write the checkpoint of that name in CLIPS or BLIPS; returns its folder."""
    torch.manual_seed(0)
    model = {**CLIPS, **BLIPS}[name]().eval()
    _enliven(model)
    model.save_pretrained(folder)
    words = {"blip": BLIP_WORDS, "clip": CLIP_WORDS, "siglip": SIGLIP_WORDS}[model.config.model_type]
    tokenizer = Tokenizer(models.WordLevel({f"w{number}": number for number in range(words)}, unk_token="w1"))  # noqa: S106 -- a token of text
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="w0", unk_token="w1").save_pretrained(folder)  # noqa: S106 -- tokens of text
    side = model.config.vision_config.image_size
    processor = {"size": {"height": side, "width": side}, "do_center_crop": False}
    settings = processor | {"image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28]}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


def write_pictures(folder: Path, *, count: int) -> tuple[Path, ...]:
    """Pictures of coloured noise at several scales, seeded."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        coarse = rng.integers(0, 256, (12, 16, 3)).astype(np.uint8)
        picture = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)
        noise = rng.normal(0, 12, picture.shape)
        paths.append(folder / f"{number}.png")
        cv2.imwrite(str(paths[-1]), np.clip(picture + noise, 0, 255).astype(np.uint8))
    return tuple(paths)


def _clip(vision: Mapping[str, int], text: Mapping[str, int], *, patch: int, projection: int) -> CLIPModel:
    seeing = CLIPVisionConfig(**vision, image_size=224, patch_size=patch, projection_dim=projection)
    reading = CLIPTextConfig(
        **text,
        vocab_size=CLIP_WORDS,
        max_position_embeddings=77,
        projection_dim=projection,
        bos_token_id=CLIP_START,
        eos_token_id=CLIP_END,
        pad_token_id=1,
    )
    return CLIPModel(CLIPConfig(text_config=reading.to_dict(), vision_config=seeing.to_dict(), projection_dim=projection))


@torch.no_grad()  # type: ignore[untyped-decorator]
def _enliven(model: PreTrainedModel) -> None:
    """Fresh biases are zero, the picture hardly counts beside the words, and a caption may end at once: parity would then prove little."""
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and "crossattention" in name:
            parameter.mul_(2.0)
        elif parameter.ndim == 1 and "bias" in name:
            parameter.normal_(0, 0.02)
        if name.endswith("cls.predictions.bias"):
            parameter[END] = -5.0
