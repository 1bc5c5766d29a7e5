"""The page of results: AUROC, escape and overkill of the starter's judges, its eye and the controls on the labelled cells, over seeds.

`python -m export.studies.results WORK --out FILE.md`, where WORK is the folder of `export.studies.taught_seeds`. Takes a few minutes, and
15 more where the folder of alternatives has no scores yet.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from edge.calibration.fit import carried_over, middles_of
from edge.errors import EdgeError
from edge.inspection.policy import decide, limits_of
from edge.records import Decision
from edge.studies.outcomes import cross_fitted_verdicts, verdicts
from export.starter.cells import load_cells
from export.studies.alternatives import cell_scores
from export.studies.cell_sets import cell_flags
from export.studies.command import study_parser, write_page
from export.studies.controls import darkness, majority, shuffled
from export.studies.protocol import (
    BLOCK_CELLS,
    RESAMPLES,
    Flags,
    Interval,
    Quality,
    Scores,
    best_threshold,
    difference,
    quality,
    share,
)
from export.studies.seed_files import (
    CLIP_PROBE,
    EYE,
    LANGUAGE_MODEL,
    LANGUAGE_MODEL_ON,
    LINEAR,
    LINEAR_ON,
    VALIDATION,
    ZERO_SHOT,
    SeedFiles,
    StudiedCells,
    StudiedSeed,
    by_row,
    read_seed,
    studied_cells,
)
from export.studies.template import fill, row, table, wrapped
from export.studies.trust.measure import Scorer, rule_of
from firmware_config.calibration import GOOD
from firmware_config.signature import read_trusted_keys

JUDGES = (LANGUAGE_MODEL, LINEAR)
DARKNESS, MAJORITY, SHUFFLED = "darkness of the cell alone", "majority class", "descriptions shuffled between pictures"
MOST_LOST = 0.01
"""AUROC that the words may lose of what the eye alone tells."""
CONFIDENCES = (0.5, 0.7, 0.8)
"""Without a calibration: what confidence a verdict needs."""
ESCAPES = (0.02, 0.05)
"""Escape rates that are promised with a threshold from source validation cells."""

HEADS = (
    "scorer", "AUROC (95 % interval)", "seeds", "AUROC, certain", "macro-F1", "escape", "overkill",
    "language model minus this (95 % interval)",
)  # fmt: skip
EYE_HEADS = (
    "cells",
    "judge",
    "AUROC of the judge",
    "of the eye alone",
    "judge minus eye (95 % interval)",
    "difference",
    "lost at most 0.01",
)
DECISION_HEADS = (
    "judge", "calibration", "escape (95 % interval)", "escape by seed", "overkill", "REVIEW", "FAULT",
    "good cells that are OK (95 % interval)",
)  # fmt: skip

SeededScores = Mapping[str, Sequence[Scores]]
"""By scorer: scores of all cells, float64 (2624,), one array for each seed of what is random in it."""


def page(seeds: Sequence[StudiedSeed], cells: StudiedCells, alternatives: SeededScores, *, command: str) -> str:
    """Measure and return the page as Markdown; `alternatives` are scorers that hear none of the starter's words, from `alternatives`."""
    scores, source = all_scores(seeds, cells, alternatives), list(cells.sets[VALIDATION])
    thresholds = {scorer: [best_threshold(one[source], _defective(source)) for one in some] for scorer, some in scores.items()}
    measured = {
        name: {scorer: measure(some, thresholds[scorer], rows) for scorer, some in scores.items()} for name, rows in cells.sets.items()
    }
    return fill(
        Path(__file__).with_name("results.md"),
        answer=wrapped(_answer(measured)),
        bundles="\n".join(f"- seed {one.seed}: `{one.digest}`" for one in seeds),
        command=command,
        seeds=", ".join(str(one.seed) for one in seeds),
        block=BLOCK_CELLS,
        resamples=f"{RESAMPLES:,}",
        counts=", ".join(f"{name} {_counts(rows)}" for name, rows in cells.sets.items()),
        tables="\n\n".join(f"### {_capital(name)}\n\n{_table(scores, measured[name], rows)}" for name, rows in cells.sets.items()),
        eye=table(EYE_HEADS, [line for name, rows in cells.sets.items() for line in _beside_the_eye(name, scores, measured[name], rows)]),
        decisions="\n\n".join(
            f"### {_capital(name)}\n\n{table(DECISION_HEADS, _decision_rows(seeds, cells, name))}" for name in cells.sets
        ),
    )


def all_scores(seeds: Sequence[StudiedSeed], cells: StudiedCells, alternatives: SeededScores) -> SeededScores:
    """Scores of the judges, the eye and every control, in the order of the tables."""
    all_cells = load_cells()
    dark = by_row(darkness(all_cells[one].path for one in cells.measured), cells.measured)
    ablations = dict.fromkeys(name for one in seeds for name in one.scores if name.startswith((LINEAR_ON, LANGUAGE_MODEL_ON)))
    kept = {name: [one.scores[name] for one in seeds if name in one.scores] for name in (*JUDGES, EYE, CLIP_PROBE, ZERO_SHOT, *ablations)}
    scores = {
        **{name: kept.pop(name) for name in (*JUDGES, EYE, CLIP_PROBE)},
        **alternatives,
        DARKNESS: [dark],
        MAJORITY: [majority(len(dark))],
        SHUFFLED: [shuffled(one.scores[LANGUAGE_MODEL], one.seed) for one in seeds],
        **kept,
    }
    return {name: some for name, some in scores.items() if some}


def measure(seeds: Sequence[Scores], thresholds: Sequence[float], rows: Sequence[int]) -> Quality:
    """Measure the scores of one scorer on one set, with a threshold for each seed."""
    index = list(rows)
    return quality([scores[index] for scores in seeds], thresholds, _defective(index), _certain(index), index)


def _answer(measured: Mapping[str, Mapping[str, Quality]]) -> str:
    """One sentence for each set: the AUROC of both judges, of the eye alone and of the best control."""
    sentences = []
    for name, by_scorer in measured.items():
        ours = (*JUDGES, EYE)
        controls = [scorer for scorer in by_scorer if scorer not in ours and not scorer.startswith((LINEAR_ON, LANGUAGE_MODEL_ON))]
        best = max(controls, key=lambda scorer: by_scorer[scorer].auroc.value)
        model, linear, eye, control = (f"{by_scorer[scorer].auroc.value:.3f}" for scorer in (*ours, best))
        sentences.append(
            f"On {name} the language model has an AUROC of {model}, the linear judge {linear}, the eye alone {eye}, "
            f"the best control ({best}) {control}."
        )
    return " ".join(sentences)


def _table(scores: SeededScores, by_scorer: Mapping[str, Quality], rows: Sequence[int]) -> str:
    lines = []
    for scorer, seeds in scores.items():
        q = by_scorer[scorer]
        spread = f"{len(seeds)}: {q.spread[0]:.3f} to {q.spread[1]:.3f}" if len(seeds) > 1 else "1"
        against = "" if scorer == LANGUAGE_MODEL else _told(_minus(scores[LANGUAGE_MODEL], seeds, rows), "the language model", "**this**")
        figures = (f"{q.auroc_certain:.3f}", f"{q.macro_f1:.3f}", f"{q.escape:.1%}", f"{q.overkill:.1%}")
        lines.append(row(scorer, q.auroc, spread, *figures, against))
    return table(HEADS, lines)


def _beside_the_eye(name: str, scores: SeededScores, by_scorer: Mapping[str, Quality], rows: Sequence[int]) -> list[str]:
    """The rows of a set: do the words tell what the eye sees?"""
    lines = []
    for judge in JUDGES:
        less = _minus(scores[judge], scores[EYE], rows)
        figure, verdict = _told(less, "the judge", "the eye").split(": ")
        aurocs = (f"{by_scorer[scorer].auroc.value:.3f}" for scorer in (judge, EYE))
        lines.append(row(name, judge, *aurocs, figure, verdict, "yes" if less.value >= -MOST_LOST else "**no**"))
    return lines


def _minus(scores: Sequence[Scores], baseline: Sequence[Scores], rows: Sequence[int]) -> Interval:
    index = list(rows)
    return difference([one[index] for one in scores], [one[index] for one in baseline], _defective(index), index)


def _told(less: Interval, first: str, second: str) -> str:
    verdict = f"{first} is better" if less.low > 0 else f"{second} is better" if less.high < 0 else "no difference shown"
    return f"{less.value:+.3f} ({less.low:+.3f} to {less.high:+.3f}): {verdict}"


def _decision_rows(seeds: Sequence[StudiedSeed], cells: StudiedCells, name: str) -> list[str]:
    """The rows of a set: the bundle as it comes, then each promise from source validation cells for both judges."""
    rows = list(cells.sets[name])
    lines = []
    for confidence in CONFIDENCES:
        given = [own_decisions(one, rows, confidence) for one in seeds]
        lines.append(_decision_row(LANGUAGE_MODEL, f"none, min_confidence = {confidence}", given, rows))
    for escape in ESCAPES:
        for carried in (False, True) if name != VALIDATION else (False,):
            for judge in JUDGES:
                given = [decisions(one, judge, cells, name, escape=escape, carried=carried) for one in seeds]
                promise = f"source validation, {100 * escape:.0f} %{', carried over' if carried else ''}"
                lines.append(_decision_row(judge, promise, given, rows))
    return lines


def own_decisions(seed: StudiedSeed, rows: Sequence[int], min_confidence: float) -> list[Decision]:
    """Decide by the judge's own probabilities, as a box without a calibration does. A cell that is no healthy picture stays a FAULT."""
    judge = seed.station.judge.model_copy(update={"min_confidence": min_confidence})
    limits = limits_of(seed.station.model_copy(update={"judge": judge}), None)
    return [
        Decision.FAULT
        if seed.decisions[row] is Decision.FAULT
        else decide(seed.descriptions[row], seed.scores_of[row], labels=seed.station.labels, limits=limits).decision
        for row in rows
    ]


def decisions(seed: StudiedSeed, judge: str, cells: StudiedCells, name: str, *, escape: float, carried: bool = False) -> list[Decision]:
    """Decide on a set as a box does whose calibration was fitted on the source validation cells; on these, cross-fitted.

    If it is to be `carried` over, all cells of the set that are no FAULT do it, whose labels it does not know; where that is refused, the
    calibration stays as it was. A cell that is no healthy picture stays a FAULT.
    """
    scorer = Scorer(judge, seed.log_likelihoods[judge], seed.station, seed.descriptions, _truth()[0])
    source, rows = list(cells.sets[VALIDATION]), list(cells.sets[name])
    rule, judged = rule_of(scorer, source, escape=escape), scorer.judged(rows)
    if carried:
        healthy = [row for row in rows if seed.decisions[row] is not Decision.FAULT]
        sample = scorer.sample(healthy)
        with suppress(EdgeError):
            rule = carried_over(rule, middles_of(scorer.sample(source)), sample.log_likelihoods, sample.ok, good=GOOD)
    if name == VALIDATION:
        given = cross_fitted_verdicts(judged, scorer.sample(rows), rule, seed.station)
    else:
        given = verdicts(judged, rule, seed.station)
    return [Decision.FAULT if seed.decisions[row] is Decision.FAULT else one for row, one in zip(rows, given, strict=True)]


def _decision_row(judge: str, calibration: str, by_seed: Sequence[Sequence[Decision]], rows: Sequence[int]) -> str:
    bad = _defective(rows)
    everything = np.ones_like(bad)

    def shares(decision: Decision, among: Flags) -> tuple[Interval, list[float]]:
        flags = np.array([[one is decision for one in given] for given in by_seed])
        return share(flags.mean(0), among, rows), [float(one[among].mean()) for one in flags]

    (escape, escapes), (passed, _) = shares(Decision.OK, bad), shares(Decision.OK, ~bad)
    others = (shares(Decision.NG, ~bad), shares(Decision.REVIEW, everything), shares(Decision.FAULT, everything))
    of_seeds = f"{min(escapes):.1%} to {max(escapes):.1%}"
    return row(judge, calibration, _percent(escape), of_seeds, *(f"{one.value:.1%}" for one, _ in others), _percent(passed))


def _percent(of: Interval) -> str:
    return f"{of.value:.1%} ({of.low:.1%} to {of.high:.1%})"


def _counts(rows: Sequence[int]) -> str:
    return f"{len(rows)} ({int(_defective(rows).sum())} defective, {int(_certain(rows).sum())} certain)"


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


def _defective(rows: Sequence[int]) -> Flags:
    return _truth()[0][list(rows)]


def _certain(rows: Sequence[int]) -> Flags:
    return _truth()[1][list(rows)]


@cache
def _truth() -> tuple[Flags, Flags]:
    return cell_flags(load_cells())


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and write the page."""
    parser = study_parser(
        "results", "Study how good the taught starter is on the labelled cells of ELPV, beside the controls.", keeps="the taught seeds"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5], metavar="K", help="The seeds. Default: 1 2 3 4 5.")
    parser.add_argument(
        "--alternatives",
        type=Path,
        default=Path(".kotoba/alternatives"),
        metavar="DIR",
        help="The folder in which `export.studies.alternatives` keeps its scores; what lacks is made. Default: %(default)s.",
    )
    parser.add_argument(
        "--keys",
        type=Path,
        default=Path(".kotoba/keys"),
        metavar="DIR",
        help="The folder of trusted public keys (.pub). Default: %(default)s.",
    )
    options = parser.parse_args(arguments)

    def make(command: str) -> str:
        whole = f"{command} --seeds {' '.join(map(str, options.seeds))} --alternatives {options.alternatives} --keys {options.keys}"
        cells, trusted = studied_cells(), read_trusted_keys(options.keys)
        studied = [read_seed(SeedFiles(options.work, seed), cells, trusted=trusted) for seed in options.seeds]
        return page(studied, cells, cell_scores(options.alternatives), command=whole)

    return write_page(parser, options, make)


if __name__ == "__main__":
    sys.exit(main())
