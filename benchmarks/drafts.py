"""What drafts of captions save and change: `python -m benchmarks.drafts LINES.jsonl` prints what docs/performance.md tells.

The lines are those of `kotoba-edge inspect` over all cells with the starter. Captions of some cells are drafts; the others are captioned
with more and more of them, by the decoder as it is, in dynamic int8, and by one of the same weights that rounds nothing else. Cells whose
caption is another with drafts are judged again.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnxruntime.transformers.onnx_model import OnnxModel

from benchmarks.inspected_cells import InspectedCells, read_inspected_cells
from benchmarks.machine import described_machine
from edge.bundle.open import Bundle, open_trusted_bundle
from edge.describers.blip import BlipCaptioner
from edge.judges import open_language_model
from edge.picture.decode import read_picture
from edge.records import Pixels
from edge.review.rejudge import Rejudger
from edge.runtime.onnx import Array, Graph, Tensor, on_host
from export.studies.protocol import difference
from firmware_config.board import read_board
from firmware_config.bundle import GOLDEN_STATION, BundleFile
from firmware_config.station import Describe, Station, read_station

SEED = 0
DRAFTS = (0, 16, 64, 256)
JUDGED = "int8, 64 drafts"
NAME = "blip/drafts.txt"


@dataclass(slots=True)
class Run:
    """The captions of the cells with one captioner, the seconds for each, and the tokens in each step of the decoder."""

    captions: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)


def main() -> None:
    """Caption all cells in each way, by turns, and compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drafts", description=__doc__)
    parser.add_argument("lines", type=Path, help="of `kotoba-edge inspect` over all cells")
    parser.add_argument("--bundle", type=Path, default=Path(".kotoba/starter"))
    parser.add_argument("--keys", type=Path, default=Path(".kotoba/keys"))
    parser.add_argument("--cells", type=int, help="no more than these, to try it")
    options = parser.parse_args()
    bundle = open_trusted_bundle(options.bundle, keys=options.keys)
    station = read_station(bundle.file(GOLDEN_STATION))
    study = read_inspected_cells(options.lines, bundle, station)
    order = list(range(len(study.cells)))
    random.Random(SEED).shuffle(order)
    drafts = [study.descriptions[row].words.captions[0] for row in order[: max(DRAFTS)]]
    settings = station.describe.model_copy(update={"samples": 0, "beams": 1})
    rows = sorted(order[max(DRAFTS) :][: options.cells])
    print(described_machine())
    with TemporaryDirectory(prefix="kotoba-") as scratch:
        ways = dict(captioners(bundle, drafts, Path(scratch)))
        runs = {name: Run() for name in ways}
        for row in rows:
            pixels = read_picture(study.cells[row].path, max_pixels=10**7, max_bytes=10**8)
            for name, captioner in ways.items():
                caption(captioner, pixels, settings, runs[name])
    print_table(runs)
    judge = Rejudger(open_language_model(bundle, board=read_board("cpu")), bundle=bundle, station=station)
    print_verdicts(study, dict(zip(rows, runs[JUDGED].captions, strict=True)), judge, station)


def captioners(bundle: Bundle, drafts: Sequence[str], scratch: Path) -> Iterator[tuple[str, BlipCaptioner]]:
    """Of both decoders one with each number of drafts, on graphs and texts in the folder `scratch`."""
    describer = bundle.manifest.describer
    blip = describer.blip if describer.kind == "clip_blip" else None
    if blip is None:
        msg = f"{bundle.root} holds no BLIP"
        raise ValueError(msg)
    for kind, change in (("int8", every_position), ("int8 weights, else fp32", lambda model: unrounded(every_position(model)))):
        for count in DRAFTS:
            root = scratch / f"{kind} {count}"
            (root / "blip").mkdir(parents=True)
            for path in (blip.vision, blip.tokenizer):
                (root / path).write_bytes((bundle.root / path).read_bytes())
            onnx.save(change(onnx.load(bundle.root / blip.decoder)), root / blip.decoder)
            (root / NAME).write_text("".join(f"{draft}\n" for draft in drafts[:count]), encoding="utf-8")
            files = (*bundle.manifest.files, BundleFile(path=NAME, sha256="0" * 64, size=0, licence="none"))
            drafted = Bundle(root, bundle.manifest.model_copy(update={"files": files}), bundle.digest, unsigned=True)
            section = blip.model_copy(update={"drafts": NAME})
            yield f"{kind}, {count} drafts", BlipCaptioner(drafted, section, board=read_board("cpu"))


def caption(captioner: BlipCaptioner, pixels: Pixels, settings: Describe, run: Run) -> None:
    """Caption a picture and write down how it went."""
    plain, counted = captioner._decoder, CountedGraph(captioner._decoder, run.steps)  # noqa: SLF001 -- the same code on a graph that counts
    captioner._decoder = cast("Graph", counted)  # noqa: SLF001
    started = time.perf_counter()
    run.captions += captioner.captions(pixels, settings)
    run.seconds.append(time.perf_counter() - started)
    captioner._decoder = plain  # noqa: SLF001


@dataclass(frozen=True, slots=True)
class CountedGraph:
    """A decoder that appends to `steps` how many tokens each run takes."""

    graph: Graph
    steps: list[int]

    @property
    def on_gpu(self) -> bool:
        """Whether the graph computes in the memory of a GPU."""
        return self.graph.on_gpu

    def run(self, inputs: Mapping[str, Tensor], *, read: Sequence[str] = (), keep: Sequence[str] = ()) -> tuple[list[Array], list[Tensor]]:
        """As `Graph.run`."""
        self.steps.append(on_host(inputs["input_ids"]).size)
        return self.graph.run(inputs, read=read, keep=keep)


def print_table(runs: dict[str, Run]) -> None:
    """Print a table."""
    plain, exact = (next(run.captions for name, run in runs.items() if name.startswith(kind)) for kind in ("int8,", "int8 w"))
    count = len(plain)
    print(f"{count} cells\n| decoder | ms, median | steps | tokens in a step | other than int8 without drafts | other than unrounded |")
    print("|---|---|---|---|---|---|")
    for name, run in runs.items():
        other = [sum(a != b for a, b in zip(run.captions, captions, strict=True)) for captions in (plain, exact)]
        steps, width = len(run.steps) / count, statistics.mean(run.steps)
        print(f"| {name} | {statistics.median(run.seconds) * 1e3:.1f} | {steps:.1f} | {width:.1f} | {other[0]} | {other[1]} |", flush=True)


def print_verdicts(study: InspectedCells, captions: dict[int, str], judge: Rejudger, station: Station) -> None:
    """Print what the judge makes of the cells of each set with these captions, by row, beside what it made of the stored ones."""
    ok = np.array([label.decision == "ok" for label in station.labels])
    descriptions, scores = list(study.descriptions), list(study.scores)
    for row, caption in captions.items():
        stored = descriptions[row].words
        if (caption,) != stored.captions:
            descriptions[row] = replace(descriptions[row], words=replace(stored, captions=(caption,)))
            scores[row] = judge.judge(descriptions[row])[0]
    print(f"\n{JUDGED}\n| set | cells | other captions | other decisions | defective and OK | good and not OK | AUROC, less that without |")
    print("|---|---|---|---|---|---|---|")
    for name, members in study.sets.items():
        rows = [row for row in members if row in captions]
        bad = study.defective[rows]
        decisions, chances = [], []
        for described, scored in ((study.descriptions, study.scores), (descriptions, scores)):
            decisions.append(np.array([judge.decide(described[row], scored[row]).decision.name for row in rows]))
            chances.append(1 - np.array([scored[row].probabilities for row in rows])[:, ok].sum(-1))
        escaped, refused = (" to ".join(str(int((way & who).sum())) for way in ways) for ways, who in (
            ([one == "OK" for one in decisions], bad), ([one != "OK" for one in decisions], ~bad)
        ))  # fmt: skip
        changed = (decisions[0] != decisions[1]).sum()
        other = sum(descriptions[row] is not study.descriptions[row] for row in rows)
        print(
            f"| {name} | {len(rows)} | {other} | {changed} | {escaped} of {bad.sum()} | {refused} of {(~bad).sum()} | "
            f"{difference(chances[1:], chances[:1], bad, rows)} |",
            flush=True,
        )


def every_position(model: ModelProto) -> ModelProto:
    """A decoder with the logits after each token, of one that gives those of the last alone, as the starter's does."""
    nodes, made = model.graph.node, {name: node for node in model.graph.node for name in node.output}
    logits = next(output for output in model.graph.output if output.name == "logits")
    *_, vocabulary = (axis.dim_value for axis in logits.type.tensor_type.shape.dim)
    if len(logits.type.tensor_type.shape.dim) == 2:
        pick, (cut,) = made["logits"], [node for node in nodes if node.op_type == "Slice" and "LayerNorm" in node.input[0]]
        for node in nodes:
            node.input[:] = [cut.input[0] if name == cut.output[0] else name for name in node.input]
        made[pick.input[0]].output[0] = "logits"
        nodes.remove(pick)
        nodes.remove(cut)
        logits.CopyFrom(helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "tokens", vocabulary]))
    return model


def unrounded(model: ModelProto) -> ModelProto:
    """A dynamic int8 decoder with the same weights as fp32 and nothing else rounded."""
    graph = model.graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    made = {name: node for node in graph.node for name in node.output}
    users = {name: node for node in graph.node for name in node.input}
    for node in [node for node in graph.node if node.op_type == "MatMulInteger"]:
        rounding, scaled = made[node.input[0]], users[users[node.output[0]].output[0]]
        scale = next(tensors[name] for product in scaled.input if product in made for name in made[product].input if name in tensors)
        weights = (tensors[node.input[1]] - tensors[node.input[3]].astype(np.float32)) * scale
        graph.initializer.append(numpy_helper.from_array(weights.astype(np.float32), f"{node.name}_weights"))
        graph.node.append(helper.make_node("MatMul", [rounding.input[0], f"{node.name}_weights"], [scaled.output[0]]))
        graph.node.remove(scaled)
    plain = OnnxModel(model)
    plain.prune_graph()
    plain.topological_sort()
    return plain.model


if __name__ == "__main__":
    main()
