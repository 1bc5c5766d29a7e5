"""The page of the trust study: its tables, and which goals were reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.calibration.reliability import bins_for
from export.starter.cells import load_cells
from export.studies.cell_sets import cell_flags
from export.studies.protocol import BLOCK_CELLS, RESAMPLES, Interval
from export.studies.seed_files import VALIDATION, StudiedCells, StudiedSeed
from export.studies.template import fill, row, table, wrapped
from export.studies.trust.measure import (
    CHOSEN,
    COVERAGE,
    ESCAPE,
    KINDS,
    SHUFFLES,
    SPLIT_BLOCK_CELLS,
    SPLITS,
    Coverage,
    DecisionRates,
    Predictions,
    Scorer,
    calibrated,
    calibrated_on_shuffled_blocks,
    coverage_on,
    coverage_on_source,
    decision_rates,
    rule_of,
    scorers_of,
    uncalibrated,
)
from export.studies.trust.plots import draw_guarantee, draw_reliability, draw_risk
from firmware_config.calibration import bad_pictures_needed

ECE_GOAL, COVERAGE_GOAL = 0.05, 0.02
ESCAPE_RATES = (0.02, 0.05, 0.1, 0.2)

GUARANTEE_HEADS = ("cells", "scorer", "an OK needs", "escape", "good cells passed", "overkill", "REVIEW")
SET_HEADS = ("cells", "nominal", "set holds the right decision", "set holds two decisions")

Rows = Mapping[str, Sequence[int]]
"""By name of a set: its rows."""


@dataclass(frozen=True, slots=True)
class Trust:
    """The figures of the study.

    `sets` has the cells of the fits, VALIDATION, and the targets. `rates` are (set, scorer, rates under the guarantee); `coverages` by set:
    the judge's, one for each nominal coverage.
    """

    scorers: Sequence[Scorer]
    sets: Rows
    rates: Sequence[tuple[str, str, DecisionRates]]
    coverages: Mapping[str, Sequence[Coverage]]

    @property
    def judge(self) -> Scorer:
        """The language model; the others stand beside it."""
        return self.scorers[0]

    @property
    def source(self) -> Sequence[int]:
        """Rows of the cells on which every fit is made."""
        return self.sets[VALIDATION]

    @property
    def targets(self) -> Rows:
        """The other sets."""
        return {name: rows for name, rows in self.sets.items() if name != VALIDATION}


def write_page(seed: StudiedSeed, cells: StudiedCells, *, command: str, out: Path) -> None:
    """Measure, write the page to `out` and its plots beside it (`trust-*.png`)."""
    defective, _ = cell_flags(load_cells())
    trust = measure(scorers_of(seed, defective), cells.sets)
    text = fill(
        Path(__file__).with_name("page.md"),
        answer=wrapped(_answer(trust)),
        seed=seed.seed,
        digest=seed.digest,
        command=command,
        goals="\n".join(_goals(trust)),
        elsewhere="\n".join(_elsewhere(trust)),
        split_block=SPLIT_BLOCK_CELLS,
        shuffles=SHUFFLES,
        splits=SPLITS,
        block=BLOCK_CELLS,
        resamples=f"{RESAMPLES:,}",
        escape=f"{ESCAPE:.0%}",
        errors=_errors(trust),
        guarantees=_guarantees(trust),
        other_rates=_other_rates(trust),
        sets=_sets(trust),
    )
    out.write_text(text, encoding="utf-8")
    draw_plots(trust, out.parent)


def measure(scorers: Sequence[Scorer], sets: Rows) -> Trust:
    """Decide and build prediction sets with a calibration on the source, there and on the targets."""
    judge, source = scorers[0], sets[VALIDATION]
    rates = [(name, scorer.name, decision_rates(scorer, source, rows)) for name, rows in sets.items() for scorer in scorers]
    coverages = {
        name: coverage_on_source(judge, source) if name == VALIDATION else coverage_on(judge, source, rows) for name, rows in sets.items()
    }
    return Trust(scorers, sets, rates, coverages)


def draw_plots(trust: Trust, folder: Path) -> None:
    """Write trust-reliability.png, trust-risk.png and trust-guarantee.png."""
    judge, source = trust.judge, trust.source
    reliability = {name: (uncalibrated(judge, rows), calibrated(judge, CHOSEN, source, rows)) for name, rows in trust.sets.items()}
    risk = {name: {scorer.name: calibrated(scorer, CHOSEN, source, rows) for scorer in trust.scorers} for name, rows in trust.sets.items()}
    draw_reliability(reliability, folder / "trust-reliability.png")
    draw_risk(risk, folder / "trust-risk.png")
    draw_guarantee(trust.rates, folder / "trust-guarantee.png")


def _answer(trust: Trust) -> str:
    """Three sentences for the language model."""
    judge, source = trust.judge, trust.source
    errors = " and ".join(
        f"from {uncalibrated(judge, rows).error:.3f} to {calibrated(judge, CHOSEN, source, rows).error:.3f} on {name}"
        for name, rows in trust.targets.items()
    )
    escapes = ", ".join(
        f"{rates.escape.value:.1%} on {name}, where {rates.passed.value:.1%} of the good cells pass"
        for name, scorer, rates in trust.rates
        if scorer == judge.name
    )
    coverages = [
        f"{coverage.reached:.1%} on {name}"
        for name, by_nominal in trust.coverages.items()
        for coverage in by_nominal
        if coverage.nominal == COVERAGE
    ]
    return (
        f"A calibration on the {VALIDATION} cells changes the language model's calibration error (ECE) {errors}. "
        f"With a guaranteed escape of {ESCAPE:.0%} its escape is {escapes}. "
        f"Of the sets with a nominal coverage of {COVERAGE:.0%}, these hold the right decision: {', '.join(coverages)}."
    )


def _goals(trust: Trust) -> list[str]:
    """One line for each goal on the source: its figure, and whether it was reached."""
    judge, source = trust.judge, trust.source
    before, contiguous = uncalibrated(judge, source), calibrated(judge, CHOSEN, source, source)
    shuffled = calibrated_on_shuffled_blocks(judge, CHOSEN, source)
    least, mean, most = min(one.error for one in shuffled), _mean_error(shuffled), max(one.error for one in shuffled)
    (coverage,) = (coverage for coverage in trust.coverages[VALIDATION] if coverage.nominal == COVERAGE)
    close = abs(coverage.reached - COVERAGE) <= COVERAGE_GOAL
    error = (
        f"- ECE on {VALIDATION}, {len(source)} cells: {before.error:.3f} before; after calibration ({CHOSEN}, goal {ECE_GOAL}) "
        f"{mean:.3f} ({least:.3f} to {most:.3f}) on shuffled blocks: {_reached(mean <= ECE_GOAL)}; "
        f"{contiguous.error:.3f} on contiguous folds: {_reached(contiguous.error <= ECE_GOAL)}; "
        f"{contiguous.error_by_chance:.3f} by chance."
    )
    covered = f"- Coverage on {VALIDATION}: {coverage.reached:.1%} at nominal {COVERAGE:.0%}; goal within 2 points: {_reached(close)}."
    return [error, covered]


def _elsewhere(trust: Trust) -> list[str]:
    """What the calibration does on the targets, and each scorer that is better than the language model."""
    judge, source, lines = trust.judge, trust.source, []
    for name, rows in trust.targets.items():
        before, after = uncalibrated(judge, rows).error, calibrated(judge, CHOSEN, source, rows).error
        verdict = "better" if after < before else "**worse**"
        lines.append(f"- ECE on {name}: {before:.3f} before, {after:.3f} after calibration: {verdict}.")
    for name, rows in trust.sets.items():
        ours, *theirs = ((scorer.name, calibrated(scorer, CHOSEN, source, rows).error) for scorer in trust.scorers)
        better = [f"{control} {error:.3f}" for control, error in theirs if error < ours[1]]
        lines += [f"- **Better calibrated than the language model ({ours[1]:.3f}) on {name}**: {'; '.join(better)}."] if better else []
    for name in trust.sets:
        (_, ours_), *controls = ((scorer, rates) for at, scorer, rates in trust.rates if at == name)
        fewer = [
            f"{control} {rates.escape.value:.1%} ({rates.passed.value:.1%})"
            for control, rates in controls
            if rates.escape.value < ours_.escape.value
        ]
        shares = f"{ours_.escape.value:.1%}, {ours_.passed.value:.1%} of good cells passed"
        lines += [f"- **Lower escape than the language model ({shares}) on {name}**: {'; '.join(fewer)}."] if fewer else []
    return lines


def _reached(goal: bool) -> str:  # noqa: FBT001 -- turns a truth value into words
    return "reached" if goal else "**not reached**"


def _errors(trust: Trust) -> str:
    """The table of calibration errors: a row for each scorer and fit."""
    lines = []
    for scorer in trust.scorers:
        lines.append(row(scorer.name, "none", *(_error(uncalibrated(scorer, rows)) for rows in trust.sets.values())))
        for kind in KINDS:
            cells = []
            for name, rows in trust.sets.items():
                error = _error(calibrated(scorer, kind, trust.source, rows))
                shuffled = f"{_mean_error(calibrated_on_shuffled_blocks(scorer, kind, rows)):.3f} / " if name == VALIDATION else ""
                cells.append(shuffled + error)
            lines.append(row(scorer.name, f"**{kind}**" if kind == CHOSEN else kind, *cells))
    heads = (f"{name}: {len(rows)} cells, {bins_for(len(rows))} bins" for name, rows in trust.sets.items())
    return table(("scorer", "fit", *heads), lines)


def _mean_error(shuffles: Sequence[Predictions]) -> float:
    return sum(predictions.error for predictions in shuffles) / len(shuffles)


def _error(predictions: Predictions) -> str:
    return f"{predictions.error:.3f} ({predictions.error_by_chance:.3f})"


def _guarantees(trust: Trust) -> str:
    """The table of decisions under the guarantee."""
    thresholds = {scorer.name: rule_of(scorer, trust.source).escape.min_ok_confidence for scorer in trust.scorers}
    lines = []
    for name, scorer, rates in trust.rates:
        threshold = thresholds[scorer]
        needed = f"{bad_pictures_needed(ESCAPE)} defective cells are needed" if threshold is None else f"{threshold:.3f}"
        lines.append(row(name, scorer, needed, *map(_percent, (rates.escape, rates.passed, rates.overkill, rates.review))))
    return table(GUARANTEE_HEADS, lines)


def _other_rates(trust: Trust) -> str:
    """The table of the language model's escape and passed cells for several guaranteed rates."""
    lines = []
    for rate in ESCAPE_RATES:
        threshold = rule_of(trust.judge, trust.source, escape=rate).escape.min_ok_confidence
        every = [decision_rates(trust.judge, trust.source, rows, escape=rate) for rows in trust.sets.values()]
        shares = [f"{rates.escape.value:.1%} / {rates.passed.value:.1%}" for rates in every]
        lines.append(row(f"{rate:.0%}", "nothing is OK" if threshold is None else f"{threshold:.3f}", *shares))
    return table(("guaranteed escape", "an OK needs", *trust.sets), lines)


def _sets(trust: Trust) -> str:
    """The table of coverages."""
    lines = [
        row(name, f"{coverage.nominal:.0%}", f"{coverage.reached:.1%}", f"{coverage.ambiguous:.1%}")
        for name, by_nominal in trust.coverages.items()
        for coverage in by_nominal
    ]
    return table(SET_HEADS, lines)


def _percent(figure: Interval) -> str:
    return f"{figure.value:.1%} ({figure.low:.1%} to {figure.high:.1%})"
