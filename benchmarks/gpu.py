"""`python -m benchmarks.gpu`: on an NVIDIA card, our fp16 graphs on CUDA beside PyTorch in fp16, and llama.cpp on the card beside the CPU.

Run where torch, onnxruntime (`pip install 'kotoba-edge[gpu]'`) and llama-cpp-python are CUDA builds: each part says what it lacks, and does
not go on without a card. `--rehearse` runs every line in fp32 on the CPU instead, to see that the script works; its times say nothing.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from transformers import BlipForConditionalGeneration, CLIPModel

from benchmarks.checkpoints import write_pictures
from benchmarks.export import (
    BLIP_GFLOP,
    BLIP_NAME,
    CAPTIONS,
    CLIP_GFLOP,
    CLIP_NAME,
    LOOSE,
    TOKEN_GFLOP,
    TOKENS,
    TOP_K,
    bench_captioner,
    checkpoint,
    foreseeing,
    inference,
    read_blip,
    require_same_length,
    unit,
)
from benchmarks.judge import labels_of, prompt_of, words_of
from benchmarks.machine import described_machine, measured_roof
from benchmarks.rounds import compare
from edge.judges.label_judge import LabelJudge
from edge.judges.llama import LlamaModel
from edge.judges.prompt import description_text
from edge.judges.token_tree import TokenTree
from edge.picture.decode import read_picture
from edge.picture.preprocess import pixel_values
from edge.records import Scores, Words
from edge.runtime.onnx import PROVIDERS, Graph
from export.cache import Cache
from export.model_sources import BlipSource, ClipSource
from export.models.blip.make import check_blip
from export.models.clip.make import check_clip
from export.models.steps import blip_part, clip_part
from export.proof.figures import cosine
from firmware_config.board import Board, Precision, read_board
from firmware_config.station import Describe

PARTS = ("graphs", "llm")
LABELS = (2, 8, 32)
PICTURES = 8
"""Descriptions that are judged by turns."""
LLM_GFLOP_PER_TOKEN = 0.21
"""SmolLM2-135M."""
SAME_WORK = 0.99
"""Cosine of two ways' embeddings of one picture, below which they do not do the same work."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what this machine can; 1 where it can run nothing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".kotoba/bench"), help="checkpoints and graphs, 4 GB (default: %(default)s)")
    parser.add_argument("--model", type=Path, default=Path(".kotoba/starter/llm/model.gguf"), help="of a bundle (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", choices=PARTS, help="leave out the other part")
    parser.add_argument("--rehearse", action="store_true", help="run every line on the CPU; its times say nothing")
    options = parser.parse_args(arguments)
    runs = {"graphs": _graphs, "llm": _llm}
    lacking = {} if options.rehearse else {"graphs": _graphs_lack(), "llm": _llm_lacks(options.model)}
    wanted = [options.only] if options.only else PARTS
    for part in wanted:
        if lacking.get(part):
            print(f"{part}: {lacking[part]}", file=sys.stderr)
    able = [runs[part] for part in wanted if not lacking.get(part)]
    if not able:
        return 1
    print(described_machine())
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


def _llm_lacks(model: Path) -> str:
    if not model.is_file():
        return f"there is no {model}: build a bundle, or name another model with --model"
    if not llama_cpp.llama_supports_gpu_offload():
        return "this llama-cpp-python was built without CUDA: build it with CMAKE_ARGS=-DGGML_CUDA=on"
    return ""


def _graphs(options: argparse.Namespace) -> None:
    device, board = ("cpu", read_board("cpu")) if options.rehearse else ("cuda", read_board("gpu"))
    precision: Precision = "fp32" if options.rehearse else "fp16"
    options.work.mkdir(parents=True, exist_ok=True)
    pictures = write_pictures(options.work / "pictures", count=4)
    roof = measured_roof(device)
    print("roof: " + ", ".join(f"{name} {value:.0f} GFLOP/s" for name, value in roof.items()))
    clips = _clip_ways(options.work, pictures, board, precision, device)
    seen = [unit(way()) for way in clips.values()]
    found = cosine(*seen)
    if found < SAME_WORK:
        msg = f"CLIP's embeddings have a cosine of {found:.5f}, expected {SAME_WORK}: the ways do not do the same work"
        raise ValueError(msg)
    print(f"cosine of the two ways' embeddings: {found:.6f}")
    compare(f"{CLIP_NAME}, one picture", clips, options.rounds, gflop=CLIP_GFLOP, roof=roof, device=device)
    for captions in (1, CAPTIONS):
        ways = _blip_ways(options.work, pictures, board, precision, device, captions=captions)
        work = BLIP_GFLOP + TOKEN_GFLOP * TOKENS * captions
        require_same_length(ways, captions, like=f"PyTorch {precision}")
        compare(f"{BLIP_NAME}, {captions} captions of {TOKENS} tokens", ways, options.rounds, gflop=work, roof=roof, device=device)


def _clip_ways(
    work: Path, pictures: Sequence[Path], board: Board, precision: Precision, device: str
) -> dict[str, Callable[[], NDArray[np.float32]]]:
    folder, words = checkpoint(work / "clip", CLIP_NAME), work / "words.txt"
    words.write_text("".join(f"w{number}\n" for number in range(200, 216)), encoding="utf-8")
    wanted = ClipSource(folder=folder, precision=precision, tags=(words,), attributes=(words,), prompts=("{}",), limits=LOOSE)
    opened = check_clip(wanted, pictures)
    part = clip_part(opened, cache=Cache(work / "cache"), report=print)
    graph, pixels = Graph(part.artefacts / "clip/vision.onnx", board), opened.pictures.boxed[0]
    model = _loaded(CLIPModel, folder, precision, device)
    return {
        f"ours {precision} ({board.providers[0]})": lambda: graph.run({"pixel_values": pixels}, read=["image_embeds"])[0][0],
        f"PyTorch {precision}": lambda: inference(model.get_image_features, _values(pixels, precision, device)).float().cpu().numpy(),
    }


def _blip_ways(
    work: Path, pictures: Sequence[Path], board: Board, precision: Precision, device: str, *, captions: int
) -> dict[str, Callable[[], Sequence[str]]]:
    folder = checkpoint(work / "blip", BLIP_NAME)
    opened = check_blip(BlipSource(folder=folder, precision=precision, decoder_precision=precision, limits=LOOSE), pictures)
    part = blip_part(opened, cache=Cache(work / "cache"), report=print)
    settings, preprocess = Describe(samples=captions - 1, max_tokens=TOKENS, top_k=TOP_K), read_blip(part.artefacts).preprocess
    captioner = bench_captioner(part.artefacts, board)
    pixels = read_picture(pictures[0], max_pixels=10**7, max_bytes=10**8)
    model = _loaded(BlipForConditionalGeneration, folder, precision, device)
    how = {"do_sample": captions > 1, "num_return_sequences": captions, "min_new_tokens": TOKENS, "max_new_tokens": TOKENS}
    how |= {"top_k": TOP_K} if captions > 1 else {}

    def theirs() -> list[str]:
        """From the decoded picture to the words, as ours."""
        values = _values(pixel_values(pixels, preprocess), precision, device)
        rows = inference(model.generate, values, **how).tolist()
        captions: list[str] = opened.tokenizer.decode_batch([row[1:] for row in rows])  # the first token is the one that was given
        return captions

    ours = f"ours {precision} ({board.providers[0]})"
    # Beside samples the greedy caption is one of their batch, and nothing is drafted.
    drafted = {f"{ours}, drafts": partial(foreseeing(captioner, pixels).captions, pixels, settings)} if captions == 1 else {}
    return {ours: partial(captioner.captions, pixels, settings), **drafted, f"PyTorch {precision}": theirs}


def _llm(options: argparse.Namespace) -> None:
    boards = [read_board("cpu")] if options.rehearse else [read_board("gpu"), read_board("cpu")]
    models = {
        f"llama.cpp, {board.llm_gpu_layers} layers on a card ({board.name})": LlamaModel(options.model, board=board, context_tokens=2048)
        for board in boards
    }
    for count in LABELS:
        model = next(iter(models.values()))
        prompt, seen = prompt_of(model, count), [words_of(model, number) for number in range(PICTURES)]
        judges = {
            name: LabelJudge(model, labels=labels_of(count), prompt=prompt, adapter=None, temperature=None)
            for name, model in models.items()
        }
        scored = [[judge.score(one) for one in seen] for judge in judges.values()]
        scores, tokens = np.array([[one.log_likelihoods for one in some] for some in scored]), scored[0][0].prompt_tokens
        stem = model.tokenize(description_text(seen[0]) + prompt.suffix)
        computed = len(TokenTree([stem], [model.tokenize(answer) for answer in prompt.answers]).tokens)
        print(
            f"\n{count} labels: log-likelihoods of {PICTURES} descriptions differ by {np.ptp(scores, axis=0).max():.3f} nats at most, "
            f"the likeliest label in {(scores.argmax(-1) != scores[0].argmax(-1)).any(0).sum()} of them"
        )
        ways = {name: partial(_next, judge, itertools.cycle(seen)) for name, judge in judges.items()}
        title = f"{options.model}: {tokens} tokens, {computed} of them computed, and {count} labels"
        compare(title, ways, options.rounds, gflop=LLM_GFLOP_PER_TOKEN * computed, roof={})


def _next(judge: LabelJudge, seen: Iterator[Words]) -> Scores:
    """Other words each time: those of the last call are in the model's memory."""
    return judge.score(next(seen))


def _loaded(kind: Any, folder: Path, precision: Precision, device: str) -> Any:  # noqa: ANN401 -- transformers' classes
    dtype = torch.float16 if precision == "fp16" else torch.float32
    return kind.from_pretrained(folder, torch_dtype=dtype).eval().to(device)


def _values(pixels: NDArray[np.float32], precision: Precision, device: str) -> torch.Tensor:
    return torch.from_numpy(pixels).to(device, torch.float16 if precision == "fp16" else torch.float32)


if __name__ == "__main__":
    sys.exit(main())
