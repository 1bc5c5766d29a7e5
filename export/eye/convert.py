"""From the taught towers to the artefacts of a bundle: int8 graphs, vocabularies with their embeddings, foils, models.json."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from optimum.exporters.onnx.convert import export
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer
from transformers import BlipForConditionalGeneration

from export.eye.graph import write_graph
from export.eye.tokenizer import PAD_ID
from export.eye.tower import ImageTower
from export.eye.words import CONTEXT_TOKENS, WordTower, clip_config
from export.models.blip.graphs import BlipVision, blip_section, cross_names, export_decoder
from export.models.clip.graphs import OPSET, ClipText, ClipTextOnnxConfig
from export.models.foils import choose_foils, write_foils
from export.models.quantize import quantize
from export.models.vocabulary import embeddings
from export.proof.figures import cosine
from firmware_config.describers import ImagePreprocess


@dataclass(frozen=True, slots=True, eq=False)
class TaughtEye:
    """What was taught: the image tower, the word tower, the captioner, their tokenizer and the preprocessing of a picture."""

    image: ImageTower
    words: WordTower
    captions: BlipForConditionalGeneration
    tokenizer: Tokenizer
    preprocess: ImagePreprocess


@dataclass(frozen=True, slots=True)
class Vocabularies:
    """The tags and the attributes, each word with its Japanese gloss."""

    tags: Mapping[str, str]
    attributes: Mapping[str, str]

    @property
    def words(self) -> tuple[str, ...]:
        """All words, tags first."""
        return (*self.tags, *self.attributes)


def convert(
    eye: TaughtEye, vocabularies: Vocabularies, pictures: NDArray[np.float32], truths: NDArray[np.int8], drafts: Sequence[str], out: Path
) -> dict[str, float]:
    """Write the artefacts that `kotoba-export build` reads; return the parity figures, which models.json holds too.

    `pictures` are pixel_values, float32 (N, 3, S, S), and `truths` int8 (N, words) what is true of them (-1: doubtful). On them int8 is
    compared with fp32, the foils are found, and the cosine at which a word is as likely true as false. `drafts` are likely captions.
    """
    parity: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        full = Path(scratch)
        _export(eye, full)
        for name in ("clip/vision", "clip/text", "blip/vision", "blip/decoder"):
            quantize(full / f"{name}.onnx", out / f"{name}.onnx", "int8")
        some = pictures[:64]
        parity["clip_image_cosine_int8"] = cosine(*(_outputs(folder / "clip/vision.onnx", some) for folder in (full, out)))
        parity["blip_cross_cosine_int8"] = cosine(*(_outputs(folder / "blip/vision.onnx", some) for folder in (full, out)))
    for kind in ("clip", "blip"):
        eye.tokenizer.save(str(out / kind / "tokenizer.json"))
    clip = {
        "vision": "clip/vision.onnx",
        "text": "clip/text.onnx",
        "tokenizer": "clip/tokenizer.json",
        "context_tokens": CONTEXT_TOKENS,
        "preprocess": eye.preprocess.model_dump(mode="json"),
    }
    for name, glosses in (("tags", vocabularies.tags), ("attributes", vocabularies.attributes)):
        clip[name] = _write_vocabulary(out, name, glosses, eye.tokenizer)
    clip |= _calibrated(out, vocabularies, pictures, truths)
    (out / "blip/drafts.txt").write_text("\n".join(drafts) + "\n", encoding="utf-8")
    models = {
        "clip": clip,
        "blip": blip_section(eye.captions.config, eye.preprocess, drafts=True),
        "parity": {name: round(value, 6) for name, value in parity.items()},
    }
    (out / "models.json").write_text(json.dumps(models, indent=1) + "\n", encoding="utf-8")
    return parity


def _export(eye: TaughtEye, folder: Path) -> None:
    """Write the four fp32 graphs."""
    for name in ("clip", "blip"):
        (folder / name).mkdir()
    picture, layers = torch.zeros(1, 3, eye.preprocess.size, eye.preprocess.size), eye.captions.config.text_config.num_hidden_layers
    write_graph(eye.image, picture, folder / "clip/vision.onnx", inputs="pixel_values", outputs=["image_embeds", "patch_features"])
    write_graph(BlipVision(eye.captions), picture, folder / "blip/vision.onnx", inputs="pixel_values", outputs=cross_names(layers))
    config = clip_config(eye.tokenizer.get_vocab_size(), image_size=eye.preprocess.size)
    export(ClipText(eye.words).eval(), ClipTextOnnxConfig(config, task="feature-extraction"), folder / "clip/text.onnx", opset=OPSET)
    export_decoder(eye.captions, folder / "blip")


def _write_vocabulary(out: Path, name: str, glosses: Mapping[str, str], tokenizer: Tokenizer) -> dict[str, object]:
    """Write words, Japanese and embeddings of one vocabulary; returns its section."""
    (out / f"clip/{name}.txt").write_text("\n".join(glosses) + "\n", encoding="utf-8")
    (out / f"clip/{name}.ja.txt").write_text("\n".join(glosses.values()) + "\n", encoding="utf-8")
    rows = embeddings(out / "clip/text.onnx", tokenizer, list(glosses), prompts=("{}",), context_tokens=CONTEXT_TOKENS, pad_token_id=PAD_ID)
    np.save(out / f"clip/{name}.npy", rows)
    return {"words": f"clip/{name}.txt", "embeddings": f"clip/{name}.npy", "translations": {"ja": f"clip/{name}.ja.txt"}}


def _calibrated(out: Path, vocabularies: Vocabularies, pictures: NDArray[np.float32], truths: NDArray[np.int8]) -> dict[str, object]:
    """Write the foils; returns their entry and the threshold of the cosines."""
    session = ort.InferenceSession(str(out / "clip/vision.onnx"))
    embeds = np.concatenate([session.run(["image_embeds"], {"pixel_values": picture[None]})[0] for picture in pictures])
    words = np.concatenate([np.load(out / f"clip/{name}.npy") for name in ("tags", "attributes")])
    entry: dict[str, object] = dict(write_foils(choose_foils(vocabularies.words, words, embeds), out))
    cosines, known = embeds @ words.T, truths >= 0
    curve = LogisticRegression(C=1e4).fit(cosines[known][:, None], truths[known])
    return entry | {"threshold": round(float(-curve.intercept_[0] / curve.coef_[0, 0]), 3)}


def _outputs(graph: Path, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """All outputs of a vision graph, concatenated, float32 (N, values)."""
    session = ort.InferenceSession(str(graph))
    rows = [np.concatenate([value.ravel() for value in session.run(None, {"pixel_values": picture[None]})]) for picture in pictures]
    return np.stack(rows).astype(np.float32)
