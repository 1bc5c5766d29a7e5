"""Bundles for trials: the starter's vision models with its linear judge, in variants that do not keep to what a trial asks.

Without its language model a bundle has 10 MB and is loaded within a second or two.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge.bundle.open import open_bundle
from edge.inspection.golden import decision_probability, inspect_golden_picture, read_golden_station
from edge.inspection.open import open_inspectors
from firmware_config.board import read_board
from firmware_config.signature import key_id, public_key
from tests.support import tiny_bundle
from tests.support.repository import STARTER
from tests.support.tiny_bundle import KEY, TRUSTED, Files, Json, as_json, gguf

VISION = "clip/vision.onnx"
LEFT_OUT = ("llm/", "memories/", "manifest")
GOLDEN_PICTURES = 4

STATION = """
[station]
name = "cell-01"
path = "plant/line"

[camera]
kind = "folder"
path = "FOLDER"
watch = true
poll_ms = 20
stand_still_ms = 100

[[labels]]
name = "functional"
decision = "ok"

[[labels]]
name = "crack"
decision = "ng"

[[labels]]
name = "dark area"
decision = "ng"

[[labels]]
name = "corner or edge"
decision = "ng"

[[labels]]
name = "stain"
decision = "ng"

[[labels]]
name = "finger interruption"
decision = "ng"

[[labels]]
name = "dead cell"
decision = "ng"

[describe]
only_true = true

[judge]
method = "linear"
linear = "starter"
"""

Graph = Callable[[onnx.ModelProto], None]
"""Changes the graph of CLIP's vision tower."""


def write_trial_bundle(root: Path, version: int, *, golden: list[Json], graph: Graph | None = None) -> Path:
    """Write a bundle with these golden verdicts; `graph` changes its vision model."""
    files = _files()
    if graph is not None:
        model = onnx.load_from_string(files[VISION])
        graph(model)
        files[VISION] = model.SerializeToString()
    tiny_bundle.write(root, files, as_json(_manifest(files, version, golden)))
    return root


def golden_verdicts(root: Path) -> list[Json]:
    """What the sound bundle says of its golden pictures; a bundle without verdicts is left in `root`."""
    write_trial_bundle(root, 1, golden=[])
    bundle = open_bundle(root, trusted=TRUSTED)
    station = read_golden_station(bundle)
    (inspector,) = open_inspectors(bundle, [station], board=read_board("cpu"))
    pictures = sorted(file.path for file in bundle.manifest.files if file.path.endswith(".png"))[:: 14 // GOLDEN_PICTURES]
    found = []
    for picture in pictures[:GOLDEN_PICTURES]:
        inspection = inspect_golden_picture(bundle, picture, inspector)
        probability = decision_probability(inspection, station.labels)
        verdict = inspection.verdict
        found.append({"picture": picture, "decision": verdict.decision.value, "label": verdict.label, "probability": probability})
    return found


def otherwise(golden: list[Json]) -> list[Json]:
    """The same, but another verdict was certified for the last one."""
    return [*golden[:-1], golden[-1] | {"label": "stain" if golden[-1]["label"] != "stain" else "crack"}]


def slow(model: onnx.ModelProto, *, products: int = 14, side: int = 1024) -> None:
    """Let it compute some hundred milliseconds of products that change nothing."""
    small = helper.make_node("Mul", ["trial_mean", "trial_small"], ["trial_mean_small"])  # so that no product overflows
    square = helper.make_node("Expand", ["trial_mean_small", "trial_sides"], ["m0"])
    chain = [helper.make_node("MatMul", [f"m{number}", "m0"], [f"m{number + 1}"]) for number in range(products)]
    scale = numpy_helper.from_array(np.array(1 / side, np.float32), "trial_small")
    _beside(model, [small, square, *chain], f"m{products}", [_side(side), scale])


def large(model: onnx.ModelProto, *, megabytes: int = 1_200) -> None:
    """Let it fill memory that it does not need."""
    square = helper.make_node("Expand", ["trial_mean", "trial_sides"], ["m0"])
    _beside(model, [square], "m0", [_side(int((megabytes * 250_000) ** 0.5))])


def fails_on_bright(model: onnx.ModelProto, *, above: float) -> None:
    """Let it fail on a picture whose mean, as the model sees it, is above a number: an index that is out of range."""
    constants = [
        numpy_helper.from_array(np.array(above, np.float32), "above"),
        numpy_helper.from_array(np.zeros(1, np.float32), "only_one"),
    ]
    nodes = [
        helper.make_node("Greater", ["trial_mean", "above"], ["is_bright"]),
        helper.make_node("Cast", ["is_bright"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["only_one", "index"], ["m0"], axis=0),
    ]
    _beside(model, nodes, "m0", constants)


def _side(side: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array([side, side], np.int64), "trial_sides")


def _beside(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], result: str, constants: Sequence[onnx.TensorProto]) -> None:
    """Compute `result` of the picture's mean, and add it to the picture, times zero."""
    graph = model.graph
    picture = graph.input[0].name
    old = list(graph.node)
    for node in old:
        for number, name in enumerate(node.input):
            if name == picture:
                node.input[number] = "trial_picture"
    mean = helper.make_node("ReduceMean", [picture], ["trial_mean"], keepdims=0)
    added = [
        helper.make_node("ReduceMax", [result], ["trial_most"], keepdims=0),
        helper.make_node("Mul", ["trial_most", "trial_zero"], ["trial_nothing"]),
        helper.make_node("Add", [picture, "trial_nothing"], ["trial_picture"]),
    ]
    graph.initializer.extend([numpy_helper.from_array(np.zeros((), np.float32), "trial_zero"), *constants])
    del graph.node[:]
    graph.node.extend([mean, *nodes, *added, *old])


def _files() -> Files:
    paths = (path for path in STARTER.rglob("*") if path.is_file())
    found = {path.relative_to(STARTER).as_posix(): path for path in paths}
    files = {name: path.read_bytes() for name, path in found.items() if not name.startswith(LEFT_OUT)}
    station = STATION.replace("FOLDER", ".").replace("watch = true\npoll_ms = 20\nstand_still_ms = 100\n", "")
    return files | {"llm/model.gguf": gguf(), "golden/station.toml": station.encode()}


def _manifest(files: Files, version: int, golden: list[Json]) -> Json:
    starter = json.loads((STARTER / "manifest.json").read_bytes())
    described = {name: starter[name] for name in ("schema", "describer", "templates", "linear", "parity")}
    temperatures = [one for one in starter["temperatures"] if "linear" in one]
    return described | {
        "name": "tried",
        "bundle_version": version,
        "key_id": key_id(public_key(KEY)),
        "llm": {"model": "llm/model.gguf"},
        "temperatures": temperatures,
        "golden": golden,
        "files": [
            {"path": path, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "licence": "Apache-2.0"}
            for path, content in sorted(files.items())
        ],
    }
