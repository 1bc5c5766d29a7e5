"""A specification with artefacts of random weights, from which a whole bundle that runs can be built in seconds."""

from __future__ import annotations

import atexit
import shutil
import warnings
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import cv2
import numpy as np

from export.eye.tokenizer import make_tokenizer
from export.starter.convert import convert
from export.starter.words import tokenizer_corpus
from tests.support import tiny_llama, tiny_models
from tests.support.station_files import station_toml

SIZE = 224
"""What the starter's preprocessing gives."""

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
    tokenizer = make_tokenizer(tokenizer_corpus(np.random.default_rng(0)))
    vocabulary = tokenizer.get_vocab_size()
    tiny_models.clip(size=SIZE, vocabulary=vocabulary).save_pretrained(folder / "clip")
    tiny_models.blip(size=SIZE, vocabulary=vocabulary).save_pretrained(folder / "blip")
    pictures = np.random.default_rng(0).standard_normal((2, 3, SIZE, SIZE)).astype(np.float32)
    root = folder / "spec"
    with warnings.catch_warnings():  # torch's and transformers' own: traced constants, the old exporter, tuple caches
        warnings.simplefilter("ignore")
        convert(folder / "clip", folder / "blip", tokenizer, pictures, root / "artefacts")
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


def write_spec(root: Path) -> Path:
    """Write a copy into the new folder `root`; returns the specification's file."""
    shutil.copytree(_made_once() / "spec", root)
    return root / "tiny.toml"
