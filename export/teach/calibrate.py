"""The calibration of a taught bundle: pictures that taught nothing, judged by the box's own code as a station of the bundle judges them.

Few have enough pictures of real defects, so painted ones stand in. A guarantee holds for parts like those it was fitted on: one that comes
from painted defects says so, and where there are enough real ones, only these count.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path

from edge.bundle.open import Bundle
from edge.calibration.fit import MIN_PICTURES
from edge.familiarity.learn import MIN_PICTURES as MEMORY_PICTURES
from edge.inspection.golden import without_camera
from edge.inspection.inspector import Inspector
from edge.inspection.open import open_inspectors
from edge.records import Frame, Inspection
from edge.studies.calibrated import calibrate
from edge.studies.labelled import match
from export.bundle.build import build
from export.bundle.key import builder_key
from export.bundle.verify import opened
from export.cache import Step
from export.products.canvases import read_canvases
from export.progress import Report
from export.teach.bundle import gather
from export.teach.describe import Shown, painted_pictures, real_pictures
from export.teach.judge_stages import CALIBRATION_SEED, JudgeStages, labelled_pictures
from export.teach.memory import MADE_AT
from export.teach.plan import Plan
from export.teach.stages import TOOK, Stages
from firmware_config.board import Board
from firmware_config.calibration import ESCAPE, Calibration, bad_pictures_needed, read_calibration, write_calibration
from firmware_config.signature import key_id, public_key
from firmware_config.signed_bundle import SignedBundle
from firmware_config.station import Station
from firmware_config.station_template import read_template_station

FILE_NAME = "calibration.json"
"""Its name beside the station template."""
LEAST_PAINTED = 200
"""Half of the painted pictures are bad: twice as many as the default guarantee takes."""
REPORT_EVERY = 20

CALIBRATED = Step("calibrated", ("export.teach.calibrate",))


@dataclass(frozen=True, slots=True)
class _Judged:
    """A check picture as it was inspected, and the labels that are right for it."""

    allowed: tuple[str, ...]
    inspection: Inspection
    is_painted: bool


def calibration_of(
    plan: Plan, *, eye: Path, judge: JudgeStages, judges: Path, key: Path, stages: Stages, board: Board, report: Report
) -> tuple[Path | None, str]:
    """The calibration file of a plan's station template, None where one cannot be fitted; and what it guarantees, or why there is none.

    It is fitted with a bundle whose memory lacks the pictures that are held out: a box has not seen the parts that it judges.

    Raises:
        BuildError: that bundle cannot be built.
    """
    if not plan.spec.calibrated:
        return None, "no calibration, as the specification says: calibrate each station with `kotoba-edge calibrate`"
    training = sum(len(domain.training) for domain in plan.domains)
    if training < MEMORY_PICTURES:
        return None, _none(f"{training} good pictures are not held out, and a memory of what is good takes {MEMORY_PICTURES}")
    memory, count = judge.memory(held_out=False), max(LEAST_PAINTED, plan.effort.described // 4)
    held_out = [domain.held_out for domain in plan.domains]
    good = plan.product.good.label

    def make(folder: Path) -> None:
        work = folder / "work"
        spec = gather(work, plan, eye=eye, memory=memory, judges=judges, calibration=None)
        built = build(spec, out=work / "bundle", key=key, cache=stages.cache, archive=False, board=board, report=report)
        real = chain(*(real_pictures(paths, (good,)) for paths in held_out), labelled_pictures(plan, held_out=True))
        canvases, seed = read_canvases(plan.product, held_out), plan.spec.seeds[0] + CALIBRATION_SEED
        painted = painted_pictures(plan.product, canvases, plan.label_of, count=count, seed=seed)
        public = public_key(builder_key(key))
        with opened(built.root, trusted={key_id(public): public}) as bundle:
            calibration = fitted(bundle, real, painted, board=board, report=report)
        shutil.rmtree(work)
        if isinstance(calibration, str):
            (folder / "none.txt").write_text(calibration, encoding="utf-8")
        else:
            write_calibration(folder / FILE_NAME, calibration)

    inputs = [path for root in (eye, memory, judges) for path in sorted(root.rglob("*")) if path.is_file() and path.name != TOOK]
    checks = [path for paths in (*held_out, *plan.pictures.labelled.values()) for path in paths]
    settings = {
        "product": plan.product.model_dump(mode="json"), "labels": [label.model_dump(mode="json") for label in plan.labels],
        "label_of": plan.label_of, "painted": count, "seed": plan.spec.seeds[0], "held_out": plan.spec.held_out,
        "labelled": {label: len(paths) for label, paths in plan.pictures.labelled.items()},
        "labelled_for": plan.spec.pictures.labelled_for, "domains": list(map(len, held_out)),
        "llm": plan.spec.llm.model_dump(mode="json"), "board": board.model_dump(mode="json"),
    }  # fmt: skip
    path = stages.made(CALIBRATED, make, inputs=(*inputs, *checks), settings=settings) / FILE_NAME
    if not path.exists():
        return None, path.with_name("none.txt").read_text(encoding="utf-8")
    return path, guarantee(read_calibration(path))


def fitted(bundle: Bundle, real: Iterable[Shown], painted: Iterable[Shown], *, board: Board, report: Report) -> Calibration | str:
    """Fit the calibration of a bundle's station template, or say why there is none.

    Where enough `real` pictures are bad for the default guarantee, and enough are good, only these count, and nothing is painted.
    """
    template, _ = read_template_station(SignedBundle(bundle.root, bundle.manifest))
    station = without_camera(template)
    (inspector,) = open_inspectors(bundle, [station], board=board)
    ok = {label.name for label in station.labels if label.decision == "ok"}
    judged = list(_judged(inspector, real, report, is_painted=False))
    good, bad = _counts(judged, ok)
    if good < MIN_PICTURES or bad < bad_pictures_needed(ESCAPE):
        judged += _judged(inspector, painted, report, is_painted=True)
        good, bad = _counts(judged, ok)
    if min(good, bad) < MIN_PICTURES:
        return _none(f"{good} good and {bad} bad check pictures could be judged, and it takes {MIN_PICTURES} of each")
    return _calibration(judged, station, ok, bundle.manifest.models_digest)


def _none(why: str) -> str:
    return f"no calibration: {why}: give more pictures, or calibrate a station with `kotoba-edge calibrate`"


def _judged(inspector: Inspector, pictures: Iterable[Shown], report: Report, *, is_painted: bool) -> Iterator[_Judged]:
    """Pictures as the inspector judges them; those that it cannot judge are left out."""
    name, what = inspector.station.station.name, "painted" if is_painted else "held-out"
    for number, shown in enumerate(pictures, 1):
        frame = Frame(shown.pixels, datetime.now(timezone.utc), 0, name, number, f"{what}-{number}")
        inspection = inspector.inspect(frame)
        if inspection.scores is not None:
            yield _Judged(shown.allowed, inspection, is_painted)
        if number % REPORT_EVERY == 0:
            report(f"calibrating: {number} {what} pictures")


def _counts(judged: Sequence[_Judged], ok: Collection[str]) -> tuple[int, int]:
    """How many of these pictures are good, and how many bad."""
    good = sum(_is_good(one, ok) for one in judged)
    return good, len(judged) - good


def _is_good(one: _Judged, ok: Collection[str]) -> bool:
    return one.allowed[0] in ok


def _calibration(judged: Sequence[_Judged], station: Station, ok: Collection[str], models_digest: str) -> Calibration:
    decisions = {label.name: label.decision for label in station.labels}
    # Several labels that may be right are all those of a decision.
    labels = {one.inspection.source: one.allowed[0] if len(one.allowed) == 1 else decisions[one.allowed[0]] for one in judged}
    lines = [one.inspection for one in _mixed(judged, ok)]
    calibration, outcomes = calibrate(match(lines, labels, station, models_digest), station, made_at=MADE_AT)
    painted = [one for one in judged if one.is_painted]
    painted_good, painted_bad = _counts(painted, ok)
    figures = {"passed": round(outcomes.passed, 4), "painted_good": painted_good, "painted_bad": painted_bad}
    return calibration.model_copy(update={"figures": calibration.figures | figures})


def _mixed(judged: Sequence[_Judged], ok: Collection[str]) -> list[_Judged]:
    """The pictures spread evenly, good, bad, painted and real ones, so that each block of neighbours has its share of all."""
    groups: dict[tuple[bool, bool], list[_Judged]] = {}
    for one in judged:
        groups.setdefault((_is_good(one, ok), one.is_painted), []).append(one)
    placed = [((place + 0.5) / len(group), one) for group in groups.values() for place, one in enumerate(group)]
    return [one for _, one in sorted(placed, key=lambda pair: pair[0])]


def guarantee(calibration: Calibration) -> str:
    """What the calibration of a taught bundle guarantees, for which parts, and what it costs."""
    figures, bad, good = calibration.figures, calibration.bad, calibration.good
    painted_bad, painted_good = (int(figures.get(name, 0)) for name in ("painted_bad", "painted_good"))
    rate = f"at most {calibration.rule.escape.rate:.1%} of defective parts become OK"
    measured = f"measured: {figures['escape']:.1%} of the bad and {figures['passed']:.1%} of the good pictures are OK"
    if painted_bad == 0:
        return f"calibrated on {good} good and {bad} bad real pictures: {rate}, as long as they are like these; {measured}"
    real = f"{bad - painted_bad} real and {painted_bad} painted bad pictures" if painted_bad < bad else f"{bad} painted bad pictures"
    goods = f"{good - painted_good} real and {painted_good} painted good ones"
    return (
        f"calibrated on {real}, {goods}: {rate}, as long as their defects are like the painted ones; {measured}; for real defects "
        f"calibrate with {bad_pictures_needed(calibration.rule.escape.rate)} real bad pictures or more"
    )
