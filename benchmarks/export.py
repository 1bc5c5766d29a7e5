"""`python -m benchmarks.export`: exported graphs beside PyTorch, Optimum and OpenVINO, on checkpoints of the published sizes, in one run.

Rounds are interleaved; medians are told with their ratio to the first way, and the roof of this machine is measured beside them. Nothing
here speaks of accuracy. OpenVINO and NNCF are rivals, not dependencies: `pip install 'kotoba-edge[bench]'`; without them they are left out.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from transformers import BlipForConditionalGeneration, CLIPModel, CLIPVisionModelWithProjection

from benchmarks.checkpoints import write, write_pictures
from edge.bundles import Bundle
from edge.describers.blip import BlipCaptioner
from edge.picture.decode import read_picture
from edge.records import Pixels
from export.make import blip_part, clip_part
from export.make_blip import BlipWork, decode, open_blip
from export.make_clip import ClipWork, open_clip
from export.quantize import Inputs
from export.spec import BlipSource, ClipSource, Limits, read_models
from firmware_config.board import read_board
from firmware_config.bundle import Clip, ImagePreprocess, Llm, Manifest, Vocabulary
from firmware_config.station import Describe

CLIP_NAME, BLIP_NAME = "CLIP ViT-B/32", "BLIP base 384, 12 heads, tied"
CLIP_GFLOP, BLIP_GFLOP, TOKEN_GFLOP = 8.8, 127.0, 0.27
"""Work of one picture through CLIP's tower, of one through BLIP's with cross-attention keys and values, and of one token of a caption."""
TOKENS, CAPTIONS, TOP_K = 20, 5, 50
LOOSE: Limits = {"cosine": 0.9, "agreement": 0.0, "overlap": 0.0, "edit_distance": 1.0, "max_difference": 1e9}
ROOF_SIDE = 2048

Array = NDArray[np.float32]
Way = Callable[[], object]


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".kotoba/bench"), help="checkpoints and graphs, 4 GB (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    pictures = write_pictures(options.work / "pictures", count=4)
    roof = measured_roof()
    print(
        f"roof of this machine, {torch.get_num_threads()} threads: "
        + ", ".join(f"{name} {value:.0f} GFLOP/s" for name, value in roof.items())
    )
    clips = clip_ways(options.work, pictures)
    compare(f"{CLIP_NAME}, one picture", clips, options.rounds, gflop=CLIP_GFLOP, roof=roof)
    for captions in (1, CAPTIONS):
        ways = blip_ways(options.work, pictures, captions=captions)
        work = BLIP_GFLOP + TOKEN_GFLOP * TOKENS * captions
        compare(f"{BLIP_NAME}, {captions} captions of {TOKENS} tokens", ways, options.rounds, gflop=work, roof=roof)


def measured_roof() -> dict[str, float]:
    """GFLOP/s of a large matrix product by the best library at hand, for each type of number."""
    flop, found = 2 * ROOF_SIDE**3 / 1e9, {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        a = torch.randn(ROOF_SIDE, ROOF_SIDE).to(dtype)
        found[name] = flop / min(_seconds(lambda a=a: a @ a) for _ in range(8))
    eight = torch.randint(-127, 127, (ROOF_SIDE, ROOF_SIDE)).to(torch.int8)
    found["int8"] = flop / min(_seconds(lambda: torch._int_mm(eight, eight)) for _ in range(8))  # noqa: SLF001 -- the only int8 product of torch
    return found


def compare(title: str, ways: Mapping[str, Way], rounds: int, *, gflop: float, roof: Mapping[str, float]) -> None:
    """Print the median of each way, its ratio to the first, and its share of the roof of its type of number."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            seconds = _seconds(way)
            if turn:  # the first round warms up
                times[name].append(seconds)
    print(f"\n{title}: {gflop:.0f} GFLOP\n| way | ms | time by the first | share of the roof |\n|---|---|---|---|")
    first = statistics.median(next(iter(times.values())))
    for name, some in times.items():
        middle = statistics.median(some)
        kind = "int8" if "int8" in name else "bf16" if "bf16" in name else "fp32"
        print(f"| {name} | {middle * 1e3:.1f} | {middle / first:.2f} | {gflop / middle / roof[kind]:.0%} of {kind} |", flush=True)


def clip_ways(work: Path, pictures: Sequence[Path]) -> dict[str, Way]:
    """CLIP's vision tower."""
    folder = _checkpoint(work / "clip", CLIP_NAME)
    words = work / "words.txt"
    words.write_text("".join(f"w{number}\n" for number in range(200, 216)), encoding="utf-8")
    opened, made = {}, {}
    for precision in ("fp32", "int8", "int8-full"):
        wanted = ClipSource(folder=folder, precision=precision, tags=(words,), attributes=(words,), prompts=("{}",), limits=LOOSE)
        opened[precision] = open_clip(wanted, pictures)
        made[precision] = clip_part(opened[precision], cache=work / "cache", say=print)
    pixels = opened["fp32"].pixels[0]
    ways: dict[str, Way] = {}
    for precision in ("int8", "int8-full", "fp32"):
        session = _session(made[precision].artefacts / "clip/vision.onnx")
        ways[f"ours {precision} (onnxruntime)"] = lambda session=session: session.run(None, {"pixel_values": pixels})
    ways |= _torch_clip(opened["fp32"], pixels)
    ways |= _optimum_clip(folder, work / "optimum", pixels)
    graph = made["fp32"].original / "vision.onnx"
    samples = [{"pixel_values": one} for one in opened["fp32"].pixels]
    ways |= {name: lambda model=model: model.run(None, {"pixel_values": pixels}) for name, model in openvino(graph, samples).items()}
    return ways


def blip_ways(work: Path, pictures: Sequence[Path], *, captions: int) -> dict[str, Way]:
    """A picture and its captions: ours by the device's own code, OpenVINO by the same code on its own compiled graphs."""
    folder = _checkpoint(work / "blip", BLIP_NAME)
    pixels = read_picture(pictures[0], max_pixels=10**7, max_bytes=10**8)
    settings = Describe(samples=captions - 1, max_tokens=TOKENS, top_k=TOP_K)
    ways: dict[str, Way] = {}
    made, opened = {}, {}
    for precision in ("int8", "int8-full", "fp32"):
        wanted = BlipSource(folder=folder, precision=precision, decoder_precision=precision, limits=LOOSE)
        opened[precision] = open_blip(wanted, pictures)
        made[precision] = blip_part(opened[precision], cache=work / "cache", say=print)
        captioner = BlipCaptioner(_bundle(made[precision].artefacts), settings=settings, board=read_board("cpu"))
        ways[f"ours {precision} (onnxruntime)"] = _saying(captioner, pixels)
    ways |= _torch_blip(opened["fp32"], captions)
    ways |= _openvino_blip(opened["fp32"], made["fp32"].original, made["fp32"].artefacts, settings, pixels)
    return ways


def _torch_clip(work: ClipWork, pixels: Array) -> dict[str, Way]:
    values, ways = torch.from_numpy(pixels), {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        model = CLIPModel.from_pretrained(work.checkpoint.folder, attn_implementation="eager", torch_dtype=dtype).eval()
        ways[f"transformers eager {name}"] = lambda model=model, dtype=dtype: _inference(model.get_image_features, values.to(dtype))
    return ways


def _optimum_clip(folder: Path, out: Path, pixels: Array) -> dict[str, Way]:
    """Optimum's own export of the tower, in fp32; it has none of BLIP."""
    from optimum.exporters.onnx import main_export

    if not (out / "model.onnx").exists():
        CLIPVisionModelWithProjection.from_pretrained(folder).save_pretrained(out / "tower")
        main_export(str(out / "tower"), output=out, task="feature-extraction", library_name="transformers", do_validation=False)
    session = _session(out / "model.onnx")
    return {"Optimum's export fp32 (onnxruntime)": lambda: session.run(None, {"pixel_values": pixels})}


def _torch_blip(work: BlipWork, captions: int) -> dict[str, Way]:
    values, ways = torch.from_numpy(work.pixels[0]), {}
    how = {"do_sample": captions > 1, "num_return_sequences": captions, "min_new_tokens": TOKENS, "max_new_tokens": TOKENS}
    how |= {"top_k": TOP_K} if captions > 1 else {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        model = BlipForConditionalGeneration.from_pretrained(work.checkpoint.folder, torch_dtype=dtype).eval()
        ways[f"transformers eager {name}"] = lambda model=model, dtype=dtype: _inference(model.generate, values.to(dtype), **how)
    return ways


def _openvino_blip(work: BlipWork, graphs: Path, artefacts: Path, settings: Describe, pixels: Pixels) -> dict[str, Way]:
    eyes = openvino(graphs / "vision.onnx", [{"pixel_values": one} for one in work.pixels])
    if not eyes:
        return {}
    reader = _session(graphs / "vision.onnx")
    names = [output.name for output in reader.get_outputs()]
    seen = [dict(zip(names, reader.run(names, {"pixel_values": one}), strict=True)) for one in work.pixels[:2]]
    samples = [given for cross in seen for given, _ in decode(graphs / "decoder.onnx", work.config, cross)]
    ways = {}
    for name, mouth in openvino(graphs / "decoder.onnx", samples).items():
        captioner = BlipCaptioner(_bundle(artefacts), settings=settings, board=read_board("cpu"))
        captioner._vision, captioner._decoder = eyes[name], mouth  # noqa: SLF001 -- the same code on other graphs
        ways[name] = _saying(captioner, pixels)
    return ways


@dataclass(frozen=True, slots=True)
class OpenVinoSession:
    """A compiled model with onnxruntime's way of being asked."""

    request: Any
    names: tuple[str, ...]

    @dataclass(frozen=True, slots=True)
    class Output:
        """An output as onnxruntime tells it."""

        name: str

    def get_outputs(self) -> list[Output]:
        """The outputs in the order of the graph."""
        return [self.Output(name) for name in self.names]

    def run(self, names: Sequence[str] | None, inputs: Inputs) -> list[Array]:
        """Outputs by name, all where none is named."""
        found = self.request.infer(inputs, share_inputs=True, share_outputs=False)
        return [found[name] for name in names or self.names]


def openvino(graph: Path, samples: Sequence[Inputs]) -> dict[str, OpenVinoSession]:
    """A graph in OpenVINO: fp32, bf16, and int8 by NNCF's quantization for transformers, calibrated on `samples`."""
    try:
        import nncf
        import openvino as ov
    except ImportError:
        print("OpenVINO and NNCF are not installed: left out (pip install 'kotoba-edge[bench]')")
        return {}
    core, made = ov.Core(), {}
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    plain = core.read_model(graph)
    for name, model, hint in (
        ("fp32", plain, "f32"),
        ("bf16", plain, "bf16"),
        ("int8 NNCF", nncf.quantize(core.read_model(graph), nncf.Dataset(list(samples)), model_type=nncf.ModelType.TRANSFORMER), "f32"),
    ):
        compiled = core.compile_model(model, "CPU", settings | {"INFERENCE_PRECISION_HINT": hint})
        names = tuple(output.get_any_name() for output in compiled.outputs)
        made[f"OpenVINO {name}"] = OpenVinoSession(compiled.create_infer_request(), names)
    return made


def _saying(captioner: BlipCaptioner, pixels: Pixels) -> Way:
    return lambda: captioner.captions(pixels)


def _inference(call: Callable[..., object], *arguments: object, **how: object) -> object:
    with torch.inference_mode():
        return call(*arguments, **how)


def _session(graph: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return ort.InferenceSession(str(graph), options)


def _checkpoint(folder: Path, name: str) -> Path:
    return folder if (folder / "preprocessor_config.json").exists() else write(name, folder)


def _bundle(artefacts: Path) -> Bundle:
    """BLIP's artefacts as a bundle of nothing else; every caption is TOKENS long, because no token ends it."""
    blip = read_models(artefacts).blip
    if blip is None:
        msg = f"{artefacts} holds no BLIP"
        raise ValueError(msg)
    none = Vocabulary(words="none", embeddings="none")
    preprocess = ImagePreprocess(size=224, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    clip = Clip(vision="none", text="none", tokenizer="none", context_tokens=2, preprocess=preprocess, tags=none, attributes=none)
    manifest = Manifest.model_construct(
        name="bench", clip=clip, blip=blip.model_copy(update={"eos_token_id": -1}), llm=Llm(model="none"), files=()
    )
    return Bundle(artefacts, manifest, "sha256:" + "0" * 64)


def _seconds(way: Way) -> float:
    started = time.perf_counter()
    way()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
