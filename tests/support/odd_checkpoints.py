"""Checkpoints of the real classes in legal variants, small and random, as Hugging Face writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipModel, SiglipTextConfig, SiglipVisionConfig

from export.cli import main
from export.models.artefacts import decoded
from tests.support import tiny_models
from tests.support.tiny_bundle import is_one_sentence

LIBRARY_WARNINGS = [
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),  # shapes that are constants on purpose
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's, of its own exporter
    pytest.mark.filterwarnings("ignore::UserWarning"),  # torch's, of constants that it does not fold
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # transformers', of the tuple caches of older versions
]

PROCESSORS = {"clip": "CLIPImageProcessor", "siglip": "SiglipImageProcessor", "blip": "BlipImageProcessor"}
SQUARE = {"size": {"height": tiny_models.SIZE, "width": tiny_models.SIZE}, "do_center_crop": False}
"""Values of a processor that squeezes a whole picture into the tiny models' square."""

MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


def write_clip(folder: Path, *, model: nn.Module | None = None, side: int = tiny_models.SIZE, **processor: Any) -> Path:  # noqa: ANN401 -- JSON
    """Write a CLIP with its tokenizer and its processor; `processor` are more values of preprocessor_config.json."""
    (tiny_models.clip(size=side) if model is None else model).save_pretrained(folder)
    write_tokenizer(folder)
    crop = {"do_center_crop": True, "crop_size": {"height": side, "width": side}}
    write_processor(folder, "CLIPImageProcessor", {"size": {"shortest_edge": side}, **crop, **processor})
    return folder


def write_blip(folder: Path, *, model: nn.Module | None = None, side: int = tiny_models.SIZE, **processor: Any) -> Path:  # noqa: ANN401 -- JSON
    """Write a BLIP with its tokenizer and its processor; `processor` are more values of preprocessor_config.json."""
    (tiny_models.blip(size=side) if model is None else model).save_pretrained(folder)
    write_tokenizer(folder)
    write_processor(folder, "BlipImageProcessor", {"size": {"height": side, "width": side}, **processor})
    return folder


def write_siglip(folder: Path, *, pad: str, length: int = tiny_models.CONTEXT_TOKENS) -> Path:
    """Write a SigLIP padded with `pad` that reads `length` tokens; its text_config names no padding, as that of published ones."""
    words = [f"word{number}" for number in range(40)]
    vocabulary = {word: index for index, word in enumerate(["<pad>", "</s>", "<unk>", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106 -- a token of text
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", vocabulary["</s>"])])
    names = {"pad_token": pad, "eos_token": "</s>", "unk_token": "<unk>", "model_max_length": length}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    towers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = SiglipTextConfig(**towers, vocab_size=len(vocabulary), max_position_embeddings=tiny_models.CONTEXT_TOKENS, projection_size=32)
    vision = SiglipVisionConfig(**towers, image_size=tiny_models.SIZE, patch_size=16)
    torch.manual_seed(0)
    model = SiglipModel(SiglipConfig(text_config=text.to_dict(), vision_config=vision.to_dict()))
    tiny_models.spread(model).save_pretrained(folder)
    write_processor(folder, "SiglipImageProcessor", {"size": SQUARE["size"], "image_mean": [0.5] * 3, "image_std": [0.5] * 3})
    return folder


def write_tokenizer(folder: Path) -> None:
    """Write the tokenizer of the tiny models."""
    PreTrainedTokenizerFast(tokenizer_object=tiny_models.tokenizer(), pad_token="[PAD]").save_pretrained(folder)  # noqa: S106 -- a token of text


def write_processor(folder: Path, kind: str, values: dict[str, Any]) -> None:
    """Write preprocessor_config.json with CLIP's published values and `values`."""
    settings = {
        "image_processor_type": kind,
        "do_resize": True,
        "resample": 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": MEAN,
        "image_std": STD,
        "do_convert_rgb": True,
        **values,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))


def edit_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file of a checkpoint in place."""
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def edit_weights(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    """Replace the weights of a checkpoint by what `change` makes of them."""
    weights = change(load_file(folder / "model.safetensors"))
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, folder / "model.safetensors", metadata={"format": "pt"})


def write_pictures(folder: Path, *, count: int = 3) -> Path:
    """Write pictures with smooth shades, edges and a little noise, as of parts: a long one, an upright one, and squares."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        height, width = ((90, 120), (110, 80), (96, 96))[number % 3]
        y, x = np.mgrid[:height, :width]
        rng = np.random.default_rng(number)
        shade = 90 + 60 * np.sin(x / (17 + number)) * np.cos(y / 23)
        pixels = np.stack([shade + 25 * channel for channel in range(3)], -1) + rng.normal(0, 4, (height, width, 1))
        pixels[height // 3 : height // 2, width // 4 : width // 2] = 230 - 40 * number
        cv2.imwrite(str(folder / f"part-{number}.png"), np.clip(pixels, 0, 255).astype(np.uint8))
    return folder


def export(verb: str, folder: Path, pictures: Path, out: Path, *more: str) -> int:
    """Run `kotoba-export clip` or `blip` in fp32 on twelve words."""
    words = out.with_name("words.txt")
    words.write_text("".join(f"word{number}\n" for number in range(12)))
    options = ["--precision", "fp32", "--pictures", str(pictures), "--out", str(out), "--cache", str(out.with_name("cache"))]
    own = ["--tags", str(words), "--attributes", str(words), "--prompts", "word30 {}", "{}"] if verb == "clip" else []
    return main([verb, str(folder), *options, *own, *more])


def one_sentence(said: str) -> str:
    """What a command said on stderr, which must be one sentence."""
    assert said.count("\n") == 1, said
    assert is_one_sentence(said.removeprefix("kotoba-export: ").rstrip("\n")), said
    return said


def square(picture: Path) -> np.ndarray:
    """The square in the middle of a picture: the part that CLIP's own processor leaves."""
    (pixels,) = decoded([picture])
    side, (height, width) = min(pixels.shape[:2]), pixels.shape[:2]
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[top : top + side, left : left + side]
