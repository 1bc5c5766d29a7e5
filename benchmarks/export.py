"""`python -m benchmarks.export`: exported graphs beside PyTorch, Optimum and OpenVINO, on checkpoints of the published sizes, in one run.

Rounds are interleaved. Medians are printed with their ratio to the first implementation and to the measured peak of this machine. Before
an implementation is timed, its output is compared with that of PyTorch in fp32. OpenVINO and NNCF are no dependencies of the project: they
are left out unless installed (`pip install 'kotoba-edge[bench]'`). If onnxruntime has the OpenVINO provider, our graphs run on it too.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from transformers import BlipForConditionalGeneration, CLIPModel, CLIPVisionModelWithProjection

from benchmarks.checkpoints import write, write_pictures
from benchmarks.machine import described_machine, dtypes, measured_roof
from benchmarks.rounds import compare
from edge.bundle.open import Bundle
from edge.describers.blip import BlipCaptioner
from edge.describers.decoding.drafts import Drafts
from edge.picture.decode import read_picture
from edge.records import Pixels
from edge.runtime.onnx import PROVIDERS, Graph, open_session
from export.cache import Cache
from export.model_sources import BlipSource, ClipSource, Limits
from export.models.artefacts import run
from export.models.blip.make import BlipJob, check_blip, decode
from export.models.clip.make import ClipJob, check_clip
from export.models.quantize import Inputs
from export.models.steps import blip_part, clip_part
from export.proof.figures import cosine, edit_distance
from export.spec import read_models
from firmware_config.board import Board, Precision, read_board
from firmware_config.bundle import BundleFile, Manifest
from firmware_config.describers import Blip
from firmware_config.station import Describe

CLIP_NAME, BLIP_NAME = "CLIP ViT-B/32", "BLIP base 384, 12 heads, tied"
CLIP_GFLOP, BLIP_GFLOP, TOKEN_GFLOP = 8.8, 127.0, 0.27
"""Work of one picture through CLIP's tower, of one through BLIP's with cross-attention keys and values, and of one token of a caption."""
TOKENS, CAPTIONS, TOP_K = 20, 5, 50
FED, RIGHT = 13, 4
"""Tokens that a step of a greedy decoder takes, and how many of the drafted ones hold: so it is for the starter's captions of cells with 64
captions of others as drafts (`python -m benchmarks.drafts`). Random weights say one word over and over, which would be foreseen whole."""
LOOSE: Limits = {"cosine": 0.9, "agreement": 0.0, "overlap": 0.0, "edit_distance": 1.0, "max_difference": 1e9}
SAME_WORK = {"fp32": 0.99999, "bf16": 0.99, "int8": 0.9}
"""Cosine of CLIP's embedding to PyTorch's in fp32, below which a way does not do the same work."""
BOARDS = tuple(name for name in ("cpu", "openvino") if PROVIDERS[name] in ort.get_available_providers())
CLIP_PRECISIONS: Mapping[str, Sequence[Precision]] = {
    "cpu": ("int8", "int8-full", "int8-static", "fp32"),
    "openvino": ("int8-static", "fp32"),
}
BLIP_PRECISIONS: Mapping[str, Sequence[tuple[Precision, Precision]]] = {
    "cpu": (("int8", "int8"), ("int8", "int4"), ("int8-full", "int8-full"), ("fp32", "fp32")),
    "openvino": (("int8-static", "int8-static"), ("fp32", "fp32")),
}
"""Of the tower and of the decoder, by board; all that a board could run would not fit into memory beside each other."""

Array = NDArray[np.float32]
Saying = Callable[[], Sequence[str]]


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".kotoba/bench"), help="checkpoints and graphs, 6 GB (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    pictures = write_pictures(options.work / "pictures", count=4)
    clips = clip_ways(options.work, pictures)
    sayings = blip_ways(options.work, pictures)
    print(described_machine())
    if "bf16" not in dtypes():
        print("bf16: this processor has no instructions for it, PyTorch would take minutes a picture: left out")
    roof = measured_roof()
    print("roof: " + ", ".join(f"{name} {value:.0f} GFLOP/s" for name, value in roof.items()))
    require_same_embedding(clips)
    compare(f"{CLIP_NAME}, one picture", clips, options.rounds, gflop=CLIP_GFLOP, roof=roof)
    for captions, ways in sayings.items():
        require_same_length(ways, captions)
        work = BLIP_GFLOP + TOKEN_GFLOP * TOKENS * captions
        compare(f"{BLIP_NAME}, {captions} captions of {TOKENS} tokens", ways, options.rounds, gflop=work, roof=roof)


def require_same_embedding(ways: Mapping[str, Callable[[], Array]]) -> None:
    """Check that the embedding of every implementation is close to that of PyTorch in fp32.

    Raises:
        ValueError: a cosine is below SAME_WORK.
    """
    wanted = unit(ways["transformers eager fp32"]())
    for name, way in ways.items():
        found = cosine(wanted, unit(way()))
        limit = next(limit for kind, limit in SAME_WORK.items() if kind in name)
        print(f"  {name}: cosine {found:.5f} to PyTorch's fp32")
        if found < limit:
            msg = f"{name}: cosine {found:.5f} to PyTorch's fp32, expected {limit}: it does not do the same work"
            raise ValueError(msg)


def require_same_length(ways: Mapping[str, Callable[[], Sequence[str]]], captions: int, *, like: str = "transformers eager fp32") -> None:
    """Check that every implementation gives TOKENS tokens for each caption; print how far its first caption is from that of `like`.

    Raises:
        ValueError: a caption is shorter or longer, or their number is wrong.
    """
    wanted = ways[like]()
    for name, way in ways.items():
        captioned = way()
        lengths = [len(caption.split()) for caption in captioned]
        distance = edit_distance(wanted[0].split(), captioned[0].split())
        print(f"  {name}: {len(captioned)} captions of {lengths} tokens, edit distance {distance:.2f}")
        if lengths != [TOKENS] * captions:
            msg = (
                f"{name} gave {len(captioned)} captions of {lengths} tokens, expected {captions} of {TOKENS}: it does not do the same work"
            )
            raise ValueError(msg)


def unit(features: Array | torch.Tensor) -> Array:
    """Rows of unit length."""
    rows = np.asarray(features.float() if isinstance(features, torch.Tensor) else features, np.float32)
    unit_rows: Array = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return unit_rows


def clip_ways(work: Path, pictures: Sequence[Path]) -> dict[str, Callable[[], Array]]:
    """CLIP's vision tower; each way gives the picture's embedding, of any length."""
    folder = checkpoint(work / "clip", CLIP_NAME)
    words = work / "words.txt"
    words.write_text("".join(f"w{number}\n" for number in range(200, 216)), encoding="utf-8")
    opened, made = {}, {}
    for precision in dict.fromkeys(precision for board in BOARDS for precision in CLIP_PRECISIONS[board]):
        wanted = ClipSource(folder=folder, precision=precision, tags=(words,), attributes=(words,), prompts=("{}",), limits=LOOSE)
        opened[precision] = check_clip(wanted, pictures)
        made[precision] = clip_part(opened[precision], cache=Cache(work / "cache"), report=print)
    pixels = opened["fp32"].pictures.boxed[0]
    ways: dict[str, Callable[[], Array]] = {}
    for board in map(read_board, BOARDS):
        for precision in CLIP_PRECISIONS[board.name]:
            ways[f"ours {precision} ({board.name})"] = _seeing(Graph(made[precision].artefacts / "clip/vision.onnx", board), pixels)
    ways |= _torch_clip(opened["fp32"], pixels)
    ways |= _optimum_clip(folder, work / "optimum", pixels)
    samples = [{"pixel_values": one} for one in opened["fp32"].pictures.boxed]
    ways |= {name: _seeing(model, pixels) for name, model in openvino(made["fp32"].original / "vision.onnx", samples).items()}
    return ways


def blip_ways(work: Path, pictures: Sequence[Path]) -> dict[int, dict[str, Saying]]:
    """A picture and its captions, by how many: ours by the device's own code, OpenVINO by the same code on its own compiled graphs."""
    folder = checkpoint(work / "blip", BLIP_NAME)
    pixels = read_picture(pictures[0], max_pixels=10**7, max_bytes=10**8)
    made, opened = {}, {}
    for precision, decoder in dict.fromkeys(pair for board in BOARDS for pair in BLIP_PRECISIONS[board]):
        wanted = BlipSource(folder=folder, precision=precision, decoder_precision=decoder, limits=LOOSE)
        opened[precision] = check_blip(wanted, pictures)
        made[precision, decoder] = blip_part(opened[precision], cache=Cache(work / "cache"), report=print)
    captioners = {}
    for board in map(read_board, BOARDS):
        for precision, decoder in BLIP_PRECISIONS[board.name]:
            name = precision if precision == decoder else f"{precision}, decoder {decoder}"
            captioners[f"ours {name} ({board.name})"] = bench_captioner(made[precision, decoder].artefacts, board)
    part = made["fp32", "fp32"]
    rivals = _openvino_captioners(opened["fp32"], part.original, part.artefacts)
    captioners |= {f"{name}, drafts": foreseeing(captioners[name], pixels) for name in list(captioners)[:1]}
    rivals |= {f"{name}, our drafts": foreseeing(rivals[name], pixels) for name in rivals if "int8" in name}
    models = {name: _torch_blip(opened["fp32"], dtype) for name, dtype in dtypes().items()}
    return {
        captions: {name: _saying(captioner, captions, pixels) for name, captioner in captioners.items()}
        | {f"transformers eager {name}": partial(say, captions) for name, say in models.items()}
        | {name: _saying(captioner, captions, pixels) for name, captioner in rivals.items()}
        for captions in (1, CAPTIONS)
    }


class Foreseen:
    """Drafts of which the first RIGHT tokens are right."""

    def __init__(self, caption: Sequence[int]) -> None:
        self._caption = list(caption)

    def after(self, tokens: Sequence[int], *, most: int) -> list[int]:  # noqa: ARG002 -- each step is as wide as the others
        """As `edge.describers.decoding.drafts.Drafts`."""
        right = self._caption[len(tokens) :][:RIGHT]
        return [*right, *[token + 1 for token in right[-1:]] * (FED - 1 - len(right))]


def foreseeing(captioner: BlipCaptioner, pixels: Pixels) -> BlipCaptioner:
    """A copy of the captioner whose drafts are its own caption of this picture."""
    other, (caption,) = copy.copy(captioner), captioner.captions(pixels, _settings(1))
    foreseen = Foreseen([int(word.removeprefix("w")) for word in caption.split()])
    other._drafts = cast("Drafts", foreseen)  # noqa: SLF001 -- see FED
    return other


def _settings(captions: int) -> Describe:
    """One is greedy, the others are sampled; PyTorch samples all of several."""
    return Describe(samples=captions - 1, max_tokens=TOKENS, top_k=TOP_K)


def _torch_clip(work: ClipJob, pixels: Array) -> dict[str, Callable[[], Array]]:
    ways: dict[str, Callable[[], Array]] = {}
    for name, dtype in dtypes().items():
        model = CLIPModel.from_pretrained(work.checkpoint.folder, attn_implementation="eager", torch_dtype=dtype).eval()
        ways[f"transformers eager {name}"] = partial(inference, model.get_image_features, torch.from_numpy(pixels).to(dtype))
    return ways


def _optimum_clip(folder: Path, out: Path, pixels: Array) -> dict[str, Callable[[], Array]]:
    """Optimum's own export of the tower, in fp32, which leaves the projection to us; it has none of BLIP."""
    from optimum.exporters.onnx import main_export

    model = CLIPVisionModelWithProjection.from_pretrained(folder)
    if not (out / "model.onnx").exists():
        model.save_pretrained(out / "tower")
        main_export(str(out / "tower"), output=out, task="feature-extraction", library_name="transformers", do_validation=False)
    session, project = open_session(out / "model.onnx", read_board("cpu")), model.visual_projection.weight.detach().numpy().T
    return {"Optimum's export fp32 (onnxruntime)": lambda: session.run(["pooler_output"], {"pixel_values": pixels})[0] @ project}


def _torch_blip(work: BlipJob, dtype: torch.dtype) -> Callable[[int], list[str]]:
    values = torch.from_numpy(work.pictures.boxed[0]).to(dtype)
    model = BlipForConditionalGeneration.from_pretrained(work.checkpoint.folder, torch_dtype=dtype).eval()

    def say(captions: int) -> list[str]:
        how: dict[str, Any] = {"min_new_tokens": TOKENS, "max_new_tokens": TOKENS}
        how |= {"do_sample": True, "num_return_sequences": captions, "top_k": TOP_K} if captions > 1 else {"do_sample": False}
        rows = inference(model.generate, values, **how)
        return [work.tokenizer.decode(row[1:]) for row in rows.tolist()]  # the first is the one that was given

    return say


def _openvino_captioners(work: BlipJob, graphs: Path, artefacts: Path) -> dict[str, BlipCaptioner]:
    eyes = openvino(graphs / "vision.onnx", [{"pixel_values": one} for one in work.pictures.boxed])
    if not eyes:
        return {}
    seen = run(graphs / "vision.onnx", [{"pixel_values": one} for one in work.pictures.boxed[:2]])
    teller = open_session(graphs / "decoder.onnx", read_board("cpu"))
    samples = [given for cross in seen for given, _ in decode(teller, work, cross)]
    captioners = {}
    for name, mouth in openvino(graphs / "decoder.onnx", samples).items():
        captioner = bench_captioner(artefacts, read_board("cpu"))
        captioner._vision, captioner._decoder = cast("Graph", eyes[name]), cast("Graph", mouth)  # noqa: SLF001 -- the same code on other graphs
        captioners[name] = captioner
    return captioners


@dataclass(frozen=True, slots=True)
class OpenVinoGraph:
    """A compiled model with a `Graph`'s way of being asked."""

    request: Any
    outputs: tuple[str, ...]
    on_gpu: bool = False

    def run(self, inputs: Inputs, *, read: Sequence[str] = (), keep: Sequence[str] = ()) -> tuple[list[Array], list[Array]]:
        """Outputs by name."""
        found = self.request.infer(inputs, share_inputs=True, share_outputs=False)
        return [found[name] for name in read], [found[name] for name in keep]


def openvino(graph: Path, samples: Sequence[Inputs]) -> dict[str, OpenVinoGraph]:
    """A graph in OpenVINO: fp32, bf16, and int8 by NNCF's quantization for transformers, calibrated on `samples`."""
    try:
        import nncf
        import openvino as ov
    except ImportError:
        print("OpenVINO and NNCF are not installed: left out (pip install 'kotoba-edge[bench]')")
        return {}
    core, made = ov.Core(), {}
    able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    plain = core.read_model(graph)
    for name, model, hint in (
        ("fp32", plain, "f32"),
        ("bf16", plain, "bf16"),
        ("int8 NNCF", nncf.quantize(core.read_model(graph), nncf.Dataset(list(samples)), model_type=nncf.ModelType.TRANSFORMER), "f32"),
    ):
        if hint == "bf16" and "BF16" not in able:
            print("OpenVINO computes bf16 in fp32 on this processor: left out")
            continue
        compiled = core.compile_model(model, "CPU", settings | {"INFERENCE_PRECISION_HINT": hint})
        names = tuple(output.get_any_name() for output in compiled.outputs)
        made[f"OpenVINO {name}"] = OpenVinoGraph(compiled.create_infer_request(), names)
    return made


def _seeing(graph: Graph | OpenVinoGraph, pixels: Array) -> Callable[[], Array]:
    return lambda: graph.run({"pixel_values": pixels}, read=["image_embeds"])[0][0]


def _saying(captioner: BlipCaptioner, captions: int, pixels: Pixels) -> Saying:
    return partial(captioner.captions, pixels, _settings(captions))


def inference(call: Callable[..., Any], *arguments: object, **how: object) -> Any:  # noqa: ANN401 -- what the call gives
    """A call of PyTorch without what training needs."""
    with torch.inference_mode():
        return call(*arguments, **how)


def checkpoint(folder: Path, name: str) -> Path:
    """The checkpoint of that name in a folder, written unless it is there."""
    return folder if (folder / "preprocessor_config.json").exists() else write(name, folder)


def read_blip(artefacts: Path) -> Blip:
    """The section of BLIP's artefacts, without drafts; every caption is TOKENS long, because no token ends it."""
    blip = read_models(artefacts).blip
    if blip is None:
        msg = f"{artefacts} holds no BLIP"
        raise ValueError(msg)
    return blip.model_copy(update={"eos_token_id": -1, "drafts": None})


def bench_captioner(artefacts: Path, board: Board) -> BlipCaptioner:
    """A captioner of BLIP's artefacts, which are no whole bundle."""
    blip = read_blip(artefacts)
    files = tuple(BundleFile(path=use.path, sha256="0" * 64, size=0, licence="none") for use in blip.file_uses("blip"))
    manifest = Manifest.model_construct(name="bench", files=files)  # type: ignore[call-arg]  # the rest is never read
    return BlipCaptioner(Bundle(artefacts, manifest, "sha256:" + "0" * 64, unsigned=True), blip, board=board)


if __name__ == "__main__":
    main()
