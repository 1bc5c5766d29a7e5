"""Each kind of refusal in docs/export.md is what the code says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import tqdm
from transformers import BlipForQuestionAnswering, LlamaConfig, MistralConfig

from export.bundle.verify import require_board
from export.checkpoint import read_checkpoint
from export.checkpoint.adapter import read_adapter
from export.checkpoint.processor import read_processor
from export.errors import ExportError
from export.model_sources import BlipSource, ClipSource, LlmSource
from export.models.artefacts import pictures_of
from export.models.blip.make import check_blip
from export.models.clip.graphs import load_clip
from export.models.clip.make import check_clip
from export.models.llm.gguf_process import ask_llama_cpp
from export.models.proof_pictures import read_proof_pictures
from export.models.steps import check_llm
from firmware_config.board import read_board
from tests.support import odd_checkpoints, tiny_models
from tests.support.odd_checkpoints import edit_json, edit_weights, write_blip, write_clip, write_pictures, write_siglip
from tests.support.odd_language_models import write_adapter, write_language_model
from tests.support.repository import ROOT
from tests.support.tiny_bundle import is_one_sentence

pytestmark = odd_checkpoints.LIBRARY_WARNINGS

Case = Callable[[Path], object]


@pytest.fixture(scope="module", autouse=True)
def no_monitor() -> None:
    """tqdm watches its bars from a thread that never ends."""
    tqdm.tqdm.monitor_interval = 0


def documented() -> dict[str, str]:
    """The rows of the table: what, and the example of its sentence."""
    text = (ROOT / "docs/export.md").read_text(encoding="utf-8")
    section = text[text.index("## What is refused") : text.index("## Precisions")]
    return dict(re.findall(r"^\| (.+?) \| `(.+)` \| .+ \|$", section, re.MULTILINE))


def clip(root: Path, change: Callable[[Path], object] = lambda _: None, **processor: Any) -> object:  # noqa: ANN401 -- JSON
    """Check a CLIP that was changed."""
    folder = write_clip(root / "clip", **processor)
    change(folder)
    return checked(root, folder)


def checked(root: Path, folder: Path) -> object:
    words = root / "words.txt"
    words.write_text("word3 word4\nword5\n")
    source = ClipSource(folder=folder, tags=(words,), attributes=(words,), prompts=("{}",))
    return check_clip(source, pictures_of(write_pictures(root / "pictures", count=1)))


def llm(root: Path, kind: Any = LlamaConfig, change: Callable[[Path], object] = lambda _: None, **values: Any) -> object:  # noqa: ANN401
    """Check a language model that was changed."""
    folder = write_language_model(root / "llm", kind, **values)
    change(folder)
    return check_llm(LlmSource(folder=folder, context_tokens=256), folder)


def adapter(root: Path, change: Callable[[Path], object] = lambda _: None, **values: Any) -> object:  # noqa: ANN401 -- of a LoraConfig
    """Read an adapter that was changed."""
    base = write_language_model(root / "llm", LlamaConfig)
    folder = write_adapter(root / "lora", base, **values)
    change(folder)
    return read_adapter(folder, read_checkpoint(base, kind="language model"))


def without(*names: str) -> Callable[[Path], object]:
    return lambda folder: edit_weights(folder, lambda weights: {name: one for name, one in weights.items() if name not in names})


def config(**values: object) -> Callable[[Path], object]:
    return lambda folder: edit_json(folder / "config.json", lambda found: found.update(values))


def spoilt(root: Path) -> object:
    folder = write_clip(root / "clip")
    edit_weights(folder, lambda weights: weights | {"logit_scale": torch.tensor(float("inf"))})
    return load_clip(read_checkpoint(folder, kind="CLIP"))


def padded_on_the_left(root: Path) -> object:
    folder = write_siglip(root / "siglip", pad="<pad>")
    edit_json(folder / "tokenizer_config.json", lambda found: found.update(padding_side="left"))
    return checked(root, folder)


def another_tokenizer(root: Path) -> object:
    folder = write_clip(root / "clip")
    # Transformers adds this token to what tokenizer.json holds.
    edit_json(folder / "tokenizer_config.json", lambda found: found.update(additional_special_tokens=["word3 word4"]))
    return checked(root, folder)


def other_pixels(root: Path) -> object:
    processor = read_processor(read_checkpoint(write_clip(root / "clip"), kind="CLIP"), size=tiny_models.SIZE)
    processor.own.do_rescale = False
    return read_proof_pictures(pictures_of(write_pictures(root / "pictures", count=1)), processor)


def questions(root: Path) -> object:
    folder = write_blip(root / "blip", model=BlipForQuestionAnswering(tiny_models.blip().config))
    return check_blip(BlipSource(folder=folder), pictures_of(write_pictures(root / "pictures", count=1)))


def no_gguf(root: Path) -> object:
    (root / "model.gguf").write_bytes(b"GGUF" + bytes(64))
    return ask_llama_cpp(root / "model.gguf")


CASES: dict[str, Case] = {
    "a value of the processor that no box follows, or an unknown key": lambda root: clip(root, do_flip_channel_order=True),
    "a processor that cuts off the rim of a square picture": lambda root: clip(root, size={"shortest_edge": 40}),
    "a processor for another tower": lambda root: clip(root, size={"shortest_edge": 224}, crop_size=224),
    "a processor that makes other pixels than the box": other_pixels,
    "another class of model": questions,
    "weights that are missing": lambda root: clip(root, without("visual_projection.weight", "text_projection.weight")),
    "weights that are left over": lambda root: clip(
        root, lambda folder: edit_weights(folder, lambda found: found | {"a.b": torch.ones(1)})
    ),
    "weights of another shape": lambda root: clip(root, config(projection_dim=20)),
    "weights that are not finite": spoilt,
    "quantized weights": lambda root: clip(root, config(quantization_config={"quant_method": "gptq"})),
    "padding that the box does not do": padded_on_the_left,
    "a tokenizer that is not tokenizer.json": another_tokenizer,
    "an activation that llama.cpp does not compute": lambda root: llm(root, hidden_act="gelu"),
    "a window shorter than the prompts": lambda root: llm(root, MistralConfig, sliding_window=8),
    "stretched positions that llama.cpp does not compute": lambda root: llm(
        root, rope_scaling={"rope_type": "dynamic", "factor": 2.0}, max_position_embeddings=128
    ),
    "a head that is neither there nor tied": lambda root: llm(root, change=without("lm_head.weight")),
    "an adapter with more than matrices: trained norms, embeddings, biases, DoRA": lambda root: adapter(
        root, modules_to_save=["input_layernorm"]
    ),
    "an adapter whose start changed the model (PiSSA, OLoRA)": lambda root: adapter(root, init_lora_weights="pissa"),
    "an adapter of another model": lambda root: adapter(
        root,
        lambda folder: edit_json(folder / "adapter_config.json", lambda found: found.update(base_model_name_or_path="somebody/other")),
    ),
    "a GGUF or an adapter that llama.cpp cannot load": no_gguf,
    "a board that this machine cannot run": lambda _: require_board(read_board("gpu"), "line3"),
}


def test_every_documented_refusal_has_a_case() -> None:
    assert set(documented()) == set(CASES)


@pytest.mark.parametrize("what", CASES)
def test_a_refusal_is_the_documented_sentence(tmp_path: Path, what: str) -> None:
    with pytest.raises(ExportError) as caught:
        CASES[what](tmp_path)
    assert documented()[what] in str(caught.value)
    assert is_one_sentence(str(caught.value)), str(caught.value)
