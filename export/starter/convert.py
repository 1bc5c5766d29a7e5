"""From the trained towers to the artefacts of the starter bundle: int8 graphs, vocabularies with their embeddings, models.json."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import BlipForConditionalGeneration, CLIPModel

from export.eye.tokenizer import PAD_ID
from export.models.blip.graphs import blip_section, export_blip
from export.models.clip.graphs import export_clip
from export.models.quantize import quantize
from export.models.vocabulary import embeddings
from export.proof.figures import cosine
from export.starter.batches import PREPROCESS
from export.starter.train_clip import CONTEXT_TOKENS
from export.starter.words import ATTRIBUTES, TAGS

TEXT_TOWER: dict[str, Any] = {"prompts": ("{}",), "context_tokens": CONTEXT_TOKENS, "pad_token_id": PAD_ID}


def convert(clip_folder: Path, blip_folder: Path, tokenizer: Tokenizer, pictures: NDArray[np.float32], out: Path) -> dict[str, float]:
    """Write the folder `out` that `kotoba-export build` reads; return the parity figures, which models.json holds too.

    `pictures` are pixel_values, float32 (N, 3, S, S): on them the int8 graphs are compared with the fp32 graphs.
    """
    clip = CLIPModel.from_pretrained(clip_folder)
    blip = BlipForConditionalGeneration.from_pretrained(blip_folder)
    parity: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        full = Path(scratch)
        export_clip(clip, full / "clip")
        export_blip(blip, full / "blip")
        for name in ("clip/vision", "clip/text", "blip/vision", "blip/decoder"):
            quantize(full / f"{name}.onnx", out / f"{name}.onnx", "int8")
        parity["clip_image_cosine_int8"] = cosine(*(_run(folder / "clip/vision.onnx", pictures) for folder in (full, out)))
        parity["blip_cross_cosine_int8"] = cosine(*(_run(folder / "blip/vision.onnx", pictures) for folder in (full, out)))
    for kind in ("clip", "blip"):
        tokenizer.save(str(out / kind / "tokenizer.json"))
    for name, words in (("tags", TAGS), ("attributes", ATTRIBUTES)):
        (out / "clip" / f"{name}.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
        np.save(out / "clip" / f"{name}.npy", embeddings(out / "clip/text.onnx", tokenizer, words, **TEXT_TOWER))
    models = {
        "clip": {
            "vision": "clip/vision.onnx",
            "text": "clip/text.onnx",
            "tokenizer": "clip/tokenizer.json",
            "context_tokens": CONTEXT_TOKENS,
            "preprocess": PREPROCESS.model_dump(mode="json"),
            "tags": {"words": "clip/tags.txt", "embeddings": "clip/tags.npy"},
            "attributes": {"words": "clip/attributes.txt", "embeddings": "clip/attributes.npy"},
        },
        "blip": blip_section(blip.config, PREPROCESS),
        "parity": {name: round(value, 6) for name, value in parity.items()},
    }
    (out / "models.json").write_text(json.dumps(models, indent=1) + "\n")
    return parity


def _run(graph: Path, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """All outputs of a vision graph, concatenated, float32 (N, values)."""
    session = ort.InferenceSession(str(graph))
    rows = [np.concatenate([value.ravel() for value in session.run(None, {"pixel_values": picture[None]})]) for picture in pictures]
    return np.stack(rows).astype(np.float32)
