"""Carries out a plan: the training of the eye and of the judge, the calibration, and the bundle."""

from __future__ import annotations

from pathlib import Path

from export.bundle.build import Built, build
from export.cache import Cache
from export.eye.captions import CaptionsRecipe
from export.eye.tail import TailRecipe
from export.eye.words import WordsRecipe
from export.products.canvases import read_canvases
from export.progress import Report
from export.teach.bundle import gather
from export.teach.calibrate import calibration_of
from export.teach.eye_stages import EyeEffort, EyeStages
from export.teach.judge_stages import JudgeStages
from export.teach.plan import Plan
from firmware_config.board import Board


def run(plan: Plan, *, out: Path, key: Path, cache: Path, board: Board, report: Report) -> Built:
    """Teach, and build the bundle. What an interrupted run has finished is kept in `cache`.

    Raises:
        SpecError, BuildError: a picture changed since the plan was made, or the bundle cannot be built.
        DescribeError, JudgeError: a model failed.
    """
    kept = Cache(cache)
    training = [domain.training for domain in plan.domains]
    amount = plan.effort
    effort = EyeEffort(
        amount.painted, plan.spec.seeds, TailRecipe(steps=amount.steps, batch=amount.batch), WordsRecipe(steps=amount.words),
        CaptionsRecipe(steps=amount.captions),
    )  # fmt: skip
    eye = EyeStages(
        plan.product, read_canvases(plan.product, training), effort=effort, seed=plan.spec.seeds[0], cache=kept,
        inputs=[path for paths in training for path in paths], report=report,
    ).artefacts()  # fmt: skip
    judge = JudgeStages(plan, eye, cache=kept, board=board, report=report)
    memory, judges = judge.memory(), judge.judges()
    calibration, said = calibration_of(plan, eye=eye, judge=judge, judges=judges, key=key, cache=kept, board=board, report=report)
    report(f"{said}\n")
    work = cache / "teach" / plan.spec.name
    spec = gather(work, plan, eye=eye, memory=memory, judges=judges, calibration=calibration)
    return build(spec, out=out, key=key, cache=kept, archive=True, board=board, report=report)
