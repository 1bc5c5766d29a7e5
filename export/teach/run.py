"""Carries out a plan: the training of the eye and of the judge, the calibration, the bundle, and the page that shows what was learnt."""

from __future__ import annotations

import time
from itertools import chain
from pathlib import Path

from edge.picture.decode import PictureError
from export.bundle.build import Built, build, require_replaceable
from export.cache import Cache
from export.errors import BuildError
from export.eye.captions import CaptionsRecipe
from export.eye.tail import TailRecipe
from export.eye.words import WordsRecipe
from export.products.canvases import read_canvases
from export.progress import Report
from export.teach.bundle import gather
from export.teach.calibrate import calibration_of
from export.teach.eye_stages import EyeEffort, EyeStages, Ground
from export.teach.heap import keep_freed_memory
from export.teach.judge_stages import JudgeStages
from export.teach.page import Made, write_page
from export.teach.plan import Plan
from export.teach.stages import Stages
from export.teach.weights import require_weights, write_weights
from firmware_config.board import Board


def run(plan: Plan, *, out: Path, key: Path, cache: Path, board: Board, report: Report, weights: Path | None = None) -> Built:
    """Teach, build the bundle, and write the page `page_of(out)`. What an interrupted run has finished is kept in `cache`.

    `weights` is a folder that then gets what `kotoba-export build` needs to build the bundle again.

    Raises:
        SpecError, BuildError: a picture changed since the plan was made, or the bundle cannot be built.
        DescribeError, JudgeError: a model failed.
    """
    keep_freed_memory()
    name = plan.spec.name
    require_replaceable(out, name, plan.spec.version)
    if weights is not None:
        require_weights(weights)
    stages = Stages(Cache(cache), report=report)
    eye = eye_of(plan, stages, report=report)
    artefacts = eye.artefacts()
    judge = JudgeStages(plan, artefacts, stages=stages, board=board, report=report)
    memory, judges = judge.memory(), judge.judges()
    calibration, said = calibration_of(plan, eye=artefacts, judge=judge, judges=judges, key=key, stages=stages, board=board, report=report)
    report("stage bundle: begins\n")
    started = time.monotonic()
    try:
        spec = gather(cache / "teach" / name, plan, eye=artefacts, memory=memory, judges=judges, calibration=calibration)
        built = build(spec, out=out, key=key, cache=stages.cache, archive=True, board=board, report=report)
        if weights is not None:
            write_weights(spec, weights)
        took = stages.took | {"bundle": time.monotonic() - started}
        report(f"stage bundle: took {took['bundle']:.0f} s\n")
        write_page(page_of(out), plan, Made(eye.painted(), memory, judge.words(), judges), built, took, guarantee=said)
    except (OSError, PictureError) as err:
        what = f"{err.filename or out} cannot be read or written ({err.strerror or err})" if isinstance(err, OSError) else str(err)
        msg = f"teaching {name}, stage bundle: {what}: correct that, and run the same command again, which keeps what is finished"
        raise BuildError(msg) from err
    report(f"{said}\n")
    return built


def eye_of(plan: Plan, stages: Stages, *, report: Report) -> EyeStages:
    """The stages of a plan's eye."""
    amount = plan.effort
    effort = EyeEffort(
        amount.painted, plan.spec.seeds, TailRecipe(steps=amount.steps, batch=amount.batch), WordsRecipe(steps=amount.words),
        CaptionsRecipe(steps=amount.captions),
    )  # fmt: skip
    tails, words = (
        Ground(read_canvases(plan.product, domains), tuple(chain(*domains)))
        for domains in ([domain.for_tails for domain in plan.domains], [domain.for_words for domain in plan.domains])
    )
    return EyeStages(plan.product, plan.trunk, tails, words, effort=effort, seed=plan.spec.seeds[0], stages=stages, report=report)


def page_of(out: Path) -> Path:
    """The page beside a bundle."""
    return out.with_name(f"{out.name}.html")
