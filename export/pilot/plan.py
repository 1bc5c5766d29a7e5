"""What a pilot would do, and about how long: printed before anything is made."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from export.pilot.cost import require_cost
from export.pilot.material import Opened, open_material
from export.pilot.spec import PilotSpec, read_pilot_spec
from export.texts.describer import TextDescriber
from export.texts.pace import duration

TRIED = 4
"""Pictures that are described to see how long one takes; the first one, which loads the models, does not count."""
LOOK_S, JUDGE_S, TUNE_S, SCORE_S = 0.25, 0.07, 120.0, 0.6
"""Seconds of one core: features of a picture, a judged text, a tuning, fits of all quick scorers for one seed of one target."""
ATTACK_WAYS = 5
KINDS_OF_WORDS = 6
"""Subsets of words in the preset of the paper."""
USUAL_TUNINGS, PAPER_TUNINGS = 2, 2 + KINDS_OF_WORDS
"""For each target: tuned, and with neutral label words; the paper also on each subset of words."""


def plan_lines(path: Path, *, monotonic: Callable[[], float] = time.monotonic) -> Iterator[str]:
    """The lines of a plan; a few pictures are described to measure how long that takes.

    Raises:
        SpecError, ConfigError, EdgeError: the specification, or what it names, is wrong.
    """
    spec = read_pilot_spec(path)
    if spec.cost is not None:
        require_cost(spec.cost.spec)
    opened = open_material(spec)
    yield f"{spec.pilot.name}: bundle {opened.used.bundle_name}, station {opened.used.station_name}, board {opened.used.board}"
    yield f"good: {', '.join(opened.labelling.good)}; defective: {', '.join(opened.labelling.bad)}"
    counts = _counts(opened)
    for domain in sorted({one for one, _ in counts}):
        good, bad, unlabelled = (counts[domain, kind] for kind in ("good", "bad", "unlabelled"))
        taught = ", taught the bundle" if domain in spec.data.seen else ""
        yield f"domain {domain}: {good} good, {bad} defective, {unlabelled} without a label{taught}"
    if opened.texts is not None:
        yield "words are given, and no pictures: decisions, trust, printed text, latency and scorers of pictures are left out"
    seconds = _per_picture(opened, monotonic)
    total = 0.0
    for name, taken in _times(spec, opened, seconds):
        total += taken
        yield f"about {duration(taken)}: {name}"
    yield f"about {duration(total)} in all; what is made is kept, so that the same command goes on where it was stopped"


def _counts(opened: Opened) -> Counter[tuple[str, str]]:
    if opened.pictures is None:
        assert opened.texts is not None  # noqa: S101 -- opened with either
        known = ((row.domain, row.label) for row in opened.texts.rows())
    else:
        known = ((picture.domain, picture.label) for picture in opened.pictures)
    return Counter(
        (domain, "unlabelled" if label is None else "bad" if opened.labelling.is_bad(label) else "good") for domain, label in known
    )


def _per_picture(opened: Opened, monotonic: Callable[[], float]) -> float:
    """Seconds in which a picture is described; 0 where none is to be."""
    if opened.pictures is None:
        return 0.0
    describer = TextDescriber(opened.recipe)
    first, *others = opened.pictures[: TRIED + 1]
    describer.row(first)
    started = monotonic()
    for picture in others or [first]:
        describer.row(picture)
    return (monotonic() - started) / max(1, len(others))


def _times(spec: PilotSpec, opened: Opened, describe_s: float) -> Iterator[tuple[str, float]]:
    """Names and seconds of the steps."""
    asked, counts = spec.protocols, _counts(opened)
    pictures, labelled = counts.total(), sum(count for (_, kind), count in counts.items() if kind != "unlabelled")
    domains = len({domain for domain, _ in counts})
    wide = len(opened.groups)
    if opened.pictures is not None:
        yield f"describe {pictures} pictures", pictures * describe_s
        yield f"inspect {labelled} pictures", labelled * (describe_s + JUDGE_S)
        yield f"features of {labelled} pictures", labelled * LOOK_S
    yield f"judge {labelled} descriptions", labelled * JUDGE_S
    if opened.pictures is not None and "conditions" in asked.run:
        changed = min(labelled, asked.condition_pictures) * len(asked.changes)
        yield f"change and describe {changed} pictures for {len(asked.changes)} conditions", changed * (describe_s + LOOK_S + JUDGE_S)
    targets = (domains + len(spec.data.groups)) if "leave_one_domain_out" in asked.run else 0
    tables = targets + wide * ("adaptation" in asked.run) + wide * len(asked.shots) * ("few_shot" in asked.run)
    yield f"{tables} tables of scorers, {asked.seeds} seeds", tables * asked.seeds * SCORE_S + 3 * labelled * JUDGE_S
    tunings = asked.tuned_seeds * (
        targets * USUAL_TUNINGS
        + wide * asked.rounds * ("adaptation" in asked.run)
        + wide * len(asked.tuned_shots) * ("few_shot" in asked.run)
        + wide * PAPER_TUNINGS * ("paper" in asked.run)
    )
    yield f"{tunings} tunings of the language model and their scores", tunings * (TUNE_S + labelled * JUDGE_S)
    if opened.pictures is not None and spec.chapters.attack:
        printed = spec.chapters.attack_pictures * ATTACK_WAYS
        yield f"print text on at most {printed} pictures", printed * (describe_s + JUDGE_S)
