"""What the judges of a product say that a study taught: no bundle is built and none is signed."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from edge.calibration.scales import log_odds_not_ok
from edge.describers import open_vision_models
from edge.familiarity.file import read_memory
from edge.judges.graph import GraphModel
from edge.judges.label_judge import LabelJudge
from edge.judges.linear.file import read_linear
from edge.judges.linear.judge import LinearJudge
from edge.judges.prompt import Prompt
from edge.picture.decode import read_picture
from edge.records import Frame, Words
from export.cache import Cache
from export.models.llm.graph import write_graph
from export.models.llm.steps import quantized_gguf
from export.products.product import read_product
from export.progress import Report
from export.studies.controls import scored
from export.studies.protocol import Scores
from export.studies.seed_files import LANGUAGE_MODEL, LINEAR
from export.teach.estimate import EffortName
from export.teach.judge_stages import DESCRIBE, TEMPLATE, JudgeStages, unsigned_bundle
from export.teach.plan import Plan, check
from export.teach.run import eye_of
from export.teach.spec import TeachSpec
from export.teach.stages import Stages
from firmware_config.board import Board

JUDGES = (LANGUAGE_MODEL, LINEAR)


def study_plan(
    name: str, product: str, pictures: Mapping[str, object], *, effort: EffortName, work: Path, report: Report, adapt: int = 0
) -> Plan:
    """The plan that teaches a product of the package from `pictures`, the table of a specification, and adapts in so many rounds.

    Raises:
        SpecError: the product or a picture is wrong.
    """
    values = {
        "name": name, "version": 1, "product": product, "pictures": pictures, "effort": effort,
        "licences": [{"files": ["*"], "licence": "unsigned", "origin": "a study"}],
    }  # fmt: skip
    values |= {"adapt": {"rounds": adapt}} if adapt else {}
    spec = TeachSpec.model_validate(values, context=work.absolute())
    return check(spec, read_product(product), near=work, report=report)


def copied(paths: Sequence[Path], folder: Path) -> str:
    """A folder with copies of these pictures alone, numbered in their order; made once."""
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for number, path in enumerate(paths):
            shutil.copyfile(path, unfinished / f"{number:04}{path.suffix}")
        unfinished.rename(folder)
    return str(folder.absolute())


def taught_scores(plan: Plan, paths: Sequence[Path], *, cache: Path, board: Board, report: Report) -> Scores:
    """Teach a plan, and return the scores of pictures by the JUDGES, float64 (N, 2): log-odds of "not ok", higher is more defective.

    Those of the language model have the temperature of its checks, so that scores of several plans can be compared.

    Raises:
        ExportError, EdgeError: teaching or a model failed.
    """
    stages = Stages(Cache(cache), report=report)
    artefacts = eye_of(plan, stages, report=report).artefacts()
    stage = JudgeStages(plan, artefacts, stages=stages, board=board, report=report)
    memory, judges = stage.memory() / "memory.json", stage.judges()
    words = _words(paths, artefacts, memory, plan, board=board, report=report)
    return np.stack(list(_scores(plan, judges, words, board=board, stages=stages, report=report)), 1)


def _words(paths: Sequence[Path], artefacts: Path, memory: Path, plan: Plan, *, board: Board, report: Report) -> list[Words]:
    """What a box says of each picture."""
    vision = open_vision_models(unsigned_bundle(artefacts), board=board)
    describe = DESCRIBE.model_copy(update={"measured": plan.product.measured})
    describer = vision.describer(describe, read_memory(memory, roi=None))
    said = []
    for number, path in enumerate(paths, 1):
        frame = Frame(read_picture(path), datetime.now(timezone.utc), 0, "study", number, path.name)
        said.append(describer.describe(frame).words)
        report(f"describing {number} of {len(paths)} measured pictures")
    return said


def _scores(plan: Plan, judges: Path, words: Sequence[Words], *, board: Board, stages: Stages, report: Report) -> Iterator[Scores]:
    """Those of the language model and of the linear judge, float64 (N,)."""
    ok = np.array([label.decision == "ok" for label in plan.labels])
    context = plan.spec.llm.context_tokens
    gguf = quantized_gguf(plan.llm, plan.spec.llm.quantisation, cache=stages.cache, report=report)
    adapter = judges / f"adapters/{plan.spec.name}.gguf"
    prompt = Prompt.parse((judges / f"templates/{TEMPLATE}.txt").read_text(encoding="utf-8"), plan.labels)
    temperature = json.loads((judges / "temperatures.json").read_text(encoding="utf-8"))[0]["temperature"]
    linear = read_linear(judges / f"judges/{plan.spec.name}.json")
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "model.onnx"
        write_graph(gguf, graph, board.llm_graph or "int8", context_tokens=context, adapters=[adapter])
        model = GraphModel(graph, vocabulary=gguf, board=board, context_tokens=context)
        both = (
            (LabelJudge(model, labels=plan.labels, prompt=prompt, adapter=adapter, temperature=None), temperature),
            (LinearJudge(linear, labels=linear.labels, temperature=None), 1.0),
        )
        for judge, divisor in both:
            yield log_odds_not_ok(np.array([one.log_likelihoods for one in scored(judge, words)]) / divisor, ok)
