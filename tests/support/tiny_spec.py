"""A specification with artefacts of random weights, from which a whole bundle that runs can be built in seconds."""

from __future__ import annotations

import atexit
import json
import shutil
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import cv2
import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

from export.eye.tokenizer import PAD_ID, make_tokenizer
from export.models.blip.graphs import blip_section, export_blip
from export.models.clip.graphs import export_clip
from export.models.quantize import quantize
from export.models.vocabulary import embeddings
from export.products.product import read_product
from export.products.wording import wording_of
from export.proof.figures import cosine
from firmware_config.describers import ImagePreprocess
from tests.support import tiny_llama, tiny_models
from tests.support.station_files import station_toml

SIZE = 224
PREPROCESS = ImagePreprocess(size=SIZE, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), gain="median")
"""As the starter's."""

STATION = station_toml("""
[describe]
tags = 2
attributes = 2
samples = 1
max_tokens = 4
""")

SPEC = """
name = "tiny"
version = 3
artefacts = "artefacts"
templates = "templates"
golden = "golden"

[llm]
path = "model.gguf"
quantisation = "Q4_0"
context_tokens = 1024

[[licences]]
files = ["*"]
licence = "Apache-2.0"
origin = "made in a test"
notice = "For tests only."
"""


@cache
def _made_once() -> Path:
    folder = Path(mkdtemp(prefix="kotoba-tiny-"))
    atexit.register(shutil.rmtree, folder)
    root = folder / "spec"
    with warnings.catch_warnings():  # torch's and transformers' own: traced constants, the old exporter, tuple caches
        warnings.simplefilter("ignore")
        _write_artefacts(root / "artefacts", folder / "full")
    (root / "templates").mkdir()
    (root / "templates" / "default.txt").write_text(tiny_llama.TEMPLATE)
    (root / "golden").mkdir()
    (root / "golden" / "station.toml").write_text(STATION)
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        cv2.imwrite(str(root / "golden" / f"{name}.png"), rng.integers(0, 256, (48, 64), np.uint8))
    tiny_llama.write_llama(root / "model.gguf", chat_template=True)
    (root / "tiny.toml").write_text(SPEC)
    return folder


def _write_artefacts(out: Path, full: Path) -> None:
    """Write int8 graphs of random weights with the words of the product solar_cell; the fp32 graphs go to `full`."""
    wording = wording_of(read_product("solar_cell"))
    tokenizer = make_tokenizer(wording.corpus(np.random.default_rng(0)))
    vocabulary = tokenizer.get_vocab_size()
    blip = tiny_models.blip(size=SIZE, vocabulary=vocabulary)
    export_clip(tiny_models.clip(size=SIZE, vocabulary=vocabulary), full / "clip")
    export_blip(blip, full / "blip")
    for graph in ("clip/vision", "clip/text", "blip/vision", "blip/decoder"):
        quantize(full / f"{graph}.onnx", out / f"{graph}.onnx", "int8")
    for kind in ("clip", "blip"):
        tokenizer.save(str(out / kind / "tokenizer.json"))
    clip = {
        "vision": "clip/vision.onnx",
        "text": "clip/text.onnx",
        "tokenizer": "clip/tokenizer.json",
        "context_tokens": tiny_models.CONTEXT_TOKENS,
        "preprocess": PREPROCESS.model_dump(mode="json"),
        "tags": _write_vocabulary(out, "tags", wording.tags, tokenizer),
        "attributes": _write_vocabulary(out, "attributes", wording.attributes, tokenizer),
    }
    models = {"clip": clip, "blip": blip_section(blip.config, PREPROCESS), "parity": _parity(full, out)}
    (out / "models.json").write_text(json.dumps(models))


def _write_vocabulary(out: Path, name: str, words: Sequence[str], tokenizer: Tokenizer) -> dict[str, str]:
    (out / f"clip/{name}.txt").write_text("".join(f"{word}\n" for word in words))
    rows = embeddings(
        out / "clip/text.onnx", tokenizer, words, prompts=("{}",), context_tokens=tiny_models.CONTEXT_TOKENS, pad_token_id=PAD_ID
    )
    np.save(out / f"clip/{name}.npy", rows)
    return {"words": f"clip/{name}.txt", "embeddings": f"clip/{name}.npy"}


def _parity(full: Path, out: Path) -> dict[str, float]:
    """The cosine of the embeddings of int8 with those of fp32."""
    pictures = np.random.default_rng(0).standard_normal((2, 3, SIZE, SIZE)).astype(np.float32)
    sessions = [ort.InferenceSession(str(folder / "clip/vision.onnx")) for folder in (full, out)]
    embeds = [np.concatenate([one.run(["image_embeds"], {"pixel_values": row[None]})[0] for row in pictures]) for one in sessions]
    return {"clip_image_cosine_int8": round(cosine(*embeds), 6)}


def write_spec(root: Path) -> Path:
    """Write a copy into the new folder `root`; returns the specification's file."""
    shutil.copytree(_made_once() / "spec", root)
    return root / "tiny.toml"
