"""The published sizes, exported in fp32 and int8; prints the lines of docs/export.md. Twenty minutes and 8 GB: `make soak`."""

# ruff: noqa: T201 -- its figures are read by people
from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BlipForConditionalGeneration

from benchmarks.checkpoints import BLIPS, CLIPS, DECODE, END, PAD, write, write_pictures
from edge.bundle.open import Bundle
from edge.daemon.metrics import peak_bytes
from edge.describers.blip import BlipCaptioner
from edge.picture.decode import read_picture
from export.cache import Cache
from export.model_sources import BlipSource, ClipSource
from export.models.blip.graphs import load_blip
from export.models.blip.make import BlipJob, check_blip
from export.models.clip.make import check_clip
from export.models.steps import Part, blip_part, clip_part
from export.spec import read_models
from firmware_config.board import Precision, read_board
from firmware_config.bundle import Manifest
from firmware_config.station import Describe
from tests.support.tiny_bundle import manifest_of, sound_files

pytestmark = [
    pytest.mark.soak,
    pytest.mark.filterwarnings("ignore"),  # torch's and transformers', of traced constants and the old exporter
]

FP32_TOLERANCE = 1e-4
INT8_COSINE = 0.999
PICTURES = 2
MAX_TOKENS = 16
BEAMS, SAMPLES, TOP_K = 3, 4, 50
MEMORY = 8e9
BOTH_INT8 = ("CLIP ViT-B/32", "BLIP base 384, 12 heads, tied")
"""The models that are also exported in `int8-full`."""

LOOSE = {"agreement": 0.0, "overlap": 0.0, "edit_distance": 1.0, "max_difference": 1e9}


def quiet(_: str) -> None:
    pass


def printed_figures(name: str, part: Part) -> dict[str, float]:
    for one in part.figures:  # as soon as it is known: the test takes twenty minutes
        print(f"| {name} | {one.stage} | {one.kind} | {one.precision} | {one.value:.6g} |", flush=True)
    return {one.name: one.value for one in part.figures}


@pytest.mark.parametrize("name", CLIPS)
def test_clip(name: str, tmp_path: Path) -> None:
    folder, pictures = write(name, tmp_path / "model"), write_pictures(tmp_path / "pictures", count=PICTURES)
    words = tmp_path / "words.txt"
    words.write_text("".join(f"w{number}\n" for number in range(200, 216)))
    found: dict[str, float] = {}
    for precision in ("fp32", "int8", *(("int8-full",) if name in BOTH_INT8 else ())):
        wanted = ClipSource(folder=folder, precision=precision, tags=(words,), attributes=(words,), prompts=("{}",), limits=LOOSE)
        found |= printed_figures(name, clip_part(check_clip(wanted, pictures), cache=Cache(tmp_path / "cache"), report=quiet))
    assert found["clip_image_max_difference_fp32"] <= FP32_TOLERANCE
    assert found["clip_text_max_difference_fp32"] <= FP32_TOLERANCE
    assert found["clip_image_cosine_int8"] >= INT8_COSINE


@pytest.mark.parametrize("name", BLIPS)
def test_blip(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, pictures = write(name, tmp_path / "model"), write_pictures(tmp_path / "pictures", count=PICTURES)
    found: dict[str, float] = {}
    seconds, peak = _exported_alone(folder, pictures, tmp_path / "cache")
    print(f"{name}: exported, quantized to int8 and proven in {seconds:.0f} s, peak memory {peak / 1e9:.2f} GB", flush=True)
    assert peak < MEMORY
    for precision in ("int8", *(("int8-full",) if name in BOTH_INT8 else ()), "fp32"):
        job = check_blip(_wanted(folder, precision), pictures)
        part = blip_part(job, cache=Cache(tmp_path / "cache"), report=quiet)
        found |= printed_figures(name, part)
    assert found["blip_decoder_max_difference_fp32"] <= FP32_TOLERANCE
    assert found["blip_captions_edit_distance_fp32"] == 0
    assert found["blip_vision_cosine_int8"] >= INT8_COSINE
    assert found["blip_decoder_cosine_int8"] >= INT8_COSINE
    _captions_are_those_of_transformers(job, part.artefacts, pictures, monkeypatch)


def _wanted(folder: Path, precision: Precision) -> BlipSource:
    return BlipSource(folder=folder, precision=precision, decoder_precision=precision, limits=LOOSE | {"cosine": 0.9})


def _captions_are_those_of_transformers(job: BlipJob, artefacts: Path, pictures: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Greedy, beam and sampled, by the device's own code and by `generate`, whose draws are made with our numbers."""
    files = sound_files() | {"blip/drafts.txt": b""}
    blip = read_models(artefacts).blip
    assert blip is not None
    bundle = Bundle(artefacts, Manifest.model_validate(manifest_of(files)), "sha256:" + "0" * 64, unsigned=True)
    captioner = BlipCaptioner(bundle, blip, board=read_board("cpu"))
    model = load_blip(job.checkpoint)
    for path, values in zip(pictures, job.pictures.boxed, strict=True):
        pixels = read_picture(path, max_pixels=10**7, max_bytes=10**8)
        for beams in (1, BEAMS):
            settings = Describe(samples=SAMPLES if beams == 1 else 0, beams=beams, max_tokens=MAX_TOKENS, top_k=TOP_K, seed=5)
            mine = captioner.captions(pixels, settings)
            assert mine[0] == _generated(job, model, values, num_beams=beams, do_sample=False)[0]
            print(f"  {'beam' if beams > 1 else 'greedy'}: {mine[0]}")
            if settings.samples:
                monkeypatch.setattr(torch, "multinomial", _draws(np.random.default_rng(settings.seed)))
                theirs = _generated(job, model, values, do_sample=True, top_k=TOP_K, num_return_sequences=SAMPLES)
                monkeypatch.undo()
                assert mine[1:] == theirs
                print(f"  sampled: {mine[1:]}")


def _generated(job: BlipJob, model: BlipForConditionalGeneration, values: np.ndarray, **how: object) -> tuple[str, ...]:
    with torch.no_grad():
        seen = model.vision_model(pixel_values=torch.from_numpy(values)).last_hidden_state
        rows = model.text_decoder.generate(
            input_ids=torch.tensor([[DECODE]]),
            encoder_hidden_states=seen,
            encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.int64),
            eos_token_id=END,
            pad_token_id=PAD,
            max_new_tokens=MAX_TOKENS,
            **how,
        )
    texts = []
    for row in rows.tolist():
        tokens = row[1:]
        tokens = tokens[: tokens.index(END)] if END in tokens else tokens
        texts.append(job.tokenizer.decode(tokens))
    return tuple(texts)


def _draws(rng: np.random.Generator) -> object:
    """`torch.multinomial` for one draw a row, in the order of the tokens' ids, with the numbers that the device takes."""

    def multinomial(chances: torch.Tensor, num_samples: int) -> torch.Tensor:
        assert num_samples == 1
        reached = chances.double().cumsum(-1)
        draws = torch.from_numpy(rng.random((len(chances), 1)))
        return torch.searchsorted(reached, draws * reached[:, -1:], right=True).clamp(max=chances.shape[-1] - 1)

    return multinomial


def _exported_alone(folder: Path, pictures: tuple[Path, ...], cache: Path) -> tuple[float, int]:
    """Seconds and peak bytes of an export by a process that does nothing else; what it made is in the cache."""
    context = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[tuple[float, int]] = context.Queue()
    child = context.Process(target=_export, args=(folder, pictures, cache, queue))
    child.start()
    seconds_and_bytes = queue.get(timeout=1_800)
    child.join()
    return seconds_and_bytes


def _export(folder: Path, pictures: tuple[Path, ...], cache: Path, queue: multiprocessing.Queue[tuple[float, int]]) -> None:
    started = time.monotonic()
    blip_part(check_blip(_wanted(folder, "int8"), pictures), cache=Cache(cache), report=quiet)
    queue.put((time.monotonic() - started, peak_bytes()))
