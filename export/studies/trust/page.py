"""The page of the trust study: its tables, and which goals were reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.bundle.open import Bundle
from edge.calibration.reliability import bins_for
from export.studies.inspected_cells import InspectedCells
from export.studies.protocol import BLOCK_CELLS, RESAMPLES, Interval
from export.studies.template import fill, row, table, wrapped
from export.studies.trust.measure import (
    CHOSEN,
    COVERAGE,
    ESCAPE,
    JUDGE,
    KINDS,
    SHUFFLES,
    SPLIT_BLOCK_CELLS,
    SPLITS,
    VALIDATION,
    Coverage,
    DecisionRates,
    Predictions,
    Scorer,
    calibrated,
    calibrated_on_shuffled_blocks,
    coverage_on,
    coverage_on_source,
    decision_rates,
    open_scorers,
    rule_of,
    sources,
    uncalibrated,
)
from export.studies.trust.plots import draw_guarantee, draw_reliability, draw_risk
from firmware_config.board import Board
from firmware_config.calibration import bad_pictures_needed
from firmware_config.station import Station

ECE_GOAL, COVERAGE_GOAL = 0.05, 0.02
ESCAPE_RATES = (0.02, 0.05, 0.1, 0.2)

GUARANTEE_HEADS = ("cells", "scorer", "an OK needs", "escape", "good cells passed", "overkill", "REVIEW")
SET_HEADS = ("fitted on", "cells", "nominal", "set holds the right decision", "set holds two decisions")

Rows = Mapping[str, Sequence[int]]
"""By name of a set: its rows."""


@dataclass(frozen=True, slots=True)
class Trust:
    """The figures of the study.

    `rates` by source: (set, scorer, rates under the guarantee). `coverages` by source and set: the judge's, one for each nominal coverage.
    """

    scorers: Sequence[Scorer]
    sources: Rows
    targets: Rows
    rates: Mapping[str, Sequence[tuple[str, str, DecisionRates]]]
    coverages: Mapping[str, Mapping[str, Sequence[Coverage]]]

    @property
    def judge(self) -> Scorer:
        """The product's own scorer; the others are controls."""
        return self.scorers[0]

    @property
    def validation(self) -> Sequence[int]:
        """Rows of the source validation modules, on which the fits for the targets are made."""
        return self.sources[VALIDATION]


def write_page(inspected: InspectedCells, bundle: Bundle, board: Board, station: Station, *, command: str, out: Path) -> None:
    """Measure, write the page to `out` and its plots beside it (`trust-*.png`)."""
    trust = measure(open_scorers(inspected, bundle, board, station), sources(), inspected.sets)
    text = fill(
        Path(__file__).with_name("page.md"),
        answer=wrapped(_answer(trust)),
        bundle=bundle.manifest.name,
        version=bundle.manifest.bundle_version,
        digest=bundle.digest,
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
        guarantees="\n\n".join(_guarantees(trust)),
        other_rates=_other_rates(trust),
        sets=_sets(trust),
    )
    out.write_text(text, encoding="utf-8")
    draw_plots(trust, out.parent)


def measure(scorers: Sequence[Scorer], source_rows: Rows, targets: Rows) -> Trust:
    """Decide and build prediction sets with a calibration on each source, on that source and on the targets."""
    judge = scorers[0]
    rates = {
        name: [
            (at, scorer.name, decision_rates(scorer, source, rows)) for at, rows in {name: source, **targets}.items() for scorer in scorers
        ]
        for name, source in source_rows.items()
    }
    coverages = {
        name: {name: coverage_on_source(judge, source), **{at: coverage_on(judge, source, rows) for at, rows in targets.items()}}
        for name, source in source_rows.items()
    }
    return Trust(scorers, source_rows, targets, rates, coverages)


def draw_plots(trust: Trust, folder: Path) -> None:
    """Write trust-reliability.png, trust-risk.png and trust-guarantee.png."""
    judge, validation = trust.judge, trust.validation
    reliability = {
        name: (uncalibrated(judge, rows), calibrated(judge, CHOSEN, trust.sources.get(name, validation), rows))
        for name, rows in {**trust.sources, **trust.targets}.items()
    }
    risk = {
        name: {scorer.name: calibrated(scorer, CHOSEN, validation, rows) for scorer in trust.scorers}
        for name, rows in {VALIDATION: validation, **trust.targets}.items()
    }
    draw_reliability(reliability, folder / "trust-reliability.png")
    draw_risk(risk, folder / "trust-risk.png")
    draw_guarantee(trust.rates[VALIDATION], folder / "trust-guarantee.png")


def _answer(trust: Trust) -> str:
    """Three sentences for the judge with a calibration on the source validation modules."""
    judge, validation = trust.judge, trust.validation
    errors = " and ".join(
        f"from {uncalibrated(judge, rows).error:.3f} to {calibrated(judge, CHOSEN, validation, rows).error:.3f} on {name}"
        for name, rows in trust.targets.items()
    )
    escapes = ", ".join(f"{rates.escape.value:.1%} on {name}" for name, scorer, rates in trust.rates[VALIDATION] if scorer == JUDGE)
    coverages = [
        f"{coverage.reached:.1%} on {name}"
        for name, by_nominal in trust.coverages[VALIDATION].items()
        for coverage in by_nominal
        if coverage.nominal == COVERAGE
    ]
    return (
        f"A calibration on the {VALIDATION} changes the judge's calibration error (ECE) {errors}. "
        f"With a guaranteed escape of {ESCAPE:.0%}, the judge's escape is {escapes}. "
        f"Of the sets with a nominal coverage of {COVERAGE:.0%}, these hold the right decision: {', '.join(coverages)}."
    )


def _goals(trust: Trust) -> list[str]:
    """One line for each goal: its figure, and whether it was reached."""
    judge, lines = trust.judge, []
    for name, source in trust.sources.items():
        before, contiguous = uncalibrated(judge, source), calibrated(judge, CHOSEN, source, source)
        shuffled = calibrated_on_shuffled_blocks(judge, CHOSEN, source)
        least, mean, most = min(one.error for one in shuffled), _mean_error(shuffled), max(one.error for one in shuffled)
        lines.append(
            f"- ECE on {name}, {len(source)} cells: {before.error:.3f} before; after calibration ({CHOSEN}, goal {ECE_GOAL}) "
            f"{mean:.3f} ({least:.3f} to {most:.3f}) on shuffled blocks: {_reached(mean <= ECE_GOAL)}; "
            f"{contiguous.error:.3f} on contiguous folds: {_reached(contiguous.error <= ECE_GOAL)}; "
            f"{contiguous.error_by_chance:.3f} by chance."
        )
    for name, by_set in trust.coverages.items():
        (coverage,) = (coverage for coverage in by_set[name] if coverage.nominal == COVERAGE)
        close = abs(coverage.reached - COVERAGE) <= COVERAGE_GOAL
        lines.append(f"- Coverage on {name}: {coverage.reached:.1%} at nominal {COVERAGE:.0%}; goal within 2 points: {_reached(close)}.")
    for name, rows in trust.rates.items():
        shares = [
            f"{at} {_percent(rates.escape)}, with {rates.passed.value:.1%} of good cells passed"
            for at, scorer, rates in rows
            if scorer == JUDGE
        ]
        lines.append(f"- Escape with a guarantee of {ESCAPE:.0%} from {name}: {'; '.join(shares)}.")
    return lines


def _elsewhere(trust: Trust) -> list[str]:
    """What the calibration on the validation modules does on the targets, and each control that is better than the judge."""
    judge, validation, lines = trust.judge, trust.validation, []
    for name, rows in trust.targets.items():
        before, after = uncalibrated(judge, rows).error, calibrated(judge, CHOSEN, validation, rows).error
        verdict = "better" if after < before else "**worse**"
        lines.append(f"- ECE on {name}: {before:.3f} before, {after:.3f} after calibration on the {VALIDATION}: {verdict}.")
    for name, rows in {VALIDATION: validation, **trust.targets}.items():
        ours, *theirs = ((scorer.name, calibrated(scorer, CHOSEN, validation, rows).error) for scorer in trust.scorers)
        better = [f"{control} {error:.3f}" for control, error in theirs if error < ours[1]]
        lines += [f"- **Better calibrated than the judge ({ours[1]:.3f}) on {name}**: {'; '.join(better)}."] if better else []
    for name in dict.fromkeys(name for name, _, _ in trust.rates[VALIDATION]):
        (_, ours_), *controls = ((scorer, rates) for at, scorer, rates in trust.rates[VALIDATION] if at == name)
        fewer = [
            f"{control} {rates.escape.value:.1%} ({rates.passed.value:.1%})"
            for control, rates in controls
            if rates.escape.value < ours_.escape.value
        ]
        shares = f"{ours_.escape.value:.1%}, {ours_.passed.value:.1%} of good cells passed"
        lines += [f"- **Lower escape than the judge ({shares}) on {name}**: {'; '.join(fewer)}."] if fewer else []
    return lines


def _reached(goal: bool) -> str:  # noqa: FBT001 -- turns a truth value into words
    return "reached" if goal else "**not reached**"


def _errors(trust: Trust) -> str:
    """The table of calibration errors: a row for each scorer and fit."""
    every = {**trust.sources, **trust.targets}
    lines = []
    for scorer in trust.scorers:
        lines.append(row(scorer.name, "none", *(_error(uncalibrated(scorer, rows)) for rows in every.values())))
        for kind in KINDS:
            cells = []
            for name, rows in every.items():
                error = _error(calibrated(scorer, kind, trust.sources.get(name, trust.validation), rows))
                in_source = name in trust.sources
                shuffled = f"{_mean_error(calibrated_on_shuffled_blocks(scorer, kind, rows)):.3f} / " if in_source else ""
                cells.append(shuffled + error)
            lines.append(row(scorer.name, f"**{kind}**" if kind == CHOSEN else kind, *cells))
    heads = (f"{name}: {len(rows)} cells, {bins_for(len(rows))} bins" for name, rows in every.items())
    return table(("scorer", "fit", *heads), lines)


def _mean_error(shuffles: Sequence[Predictions]) -> float:
    return sum(predictions.error for predictions in shuffles) / len(shuffles)


def _error(predictions: Predictions) -> str:
    return f"{predictions.error:.3f} ({predictions.error_by_chance:.3f})"


def _guarantees(trust: Trust) -> list[str]:
    """For each source a heading and the table of decisions under its guarantee."""
    parts = []
    for name, source in trust.sources.items():
        thresholds = {scorer.name: rule_of(scorer, source).escape.min_ok_confidence for scorer in trust.scorers}
        lines = []
        for at, scorer, rates in trust.rates[name]:
            threshold = thresholds[scorer]
            needed = f"{bad_pictures_needed(ESCAPE)} defective cells are needed" if threshold is None else f"{threshold:.3f}"
            lines.append(row(at, scorer, needed, *map(_percent, (rates.escape, rates.passed, rates.overkill, rates.review))))
        parts.append(f"Threshold from: {name}\n\n{table(GUARANTEE_HEADS, lines)}")
    return parts


def _other_rates(trust: Trust) -> str:
    """The table of the judge's escape and passed cells for several guaranteed rates."""
    lines = []
    for name, source in trust.sources.items():
        for rate in ESCAPE_RATES:
            threshold = rule_of(trust.judge, source, escape=rate).escape.min_ok_confidence
            every = [decision_rates(trust.judge, source, rows, escape=rate) for rows in (source, *trust.targets.values())]
            shares = [f"{rates.escape.value:.1%} / {rates.passed.value:.1%}" for rates in every]
            lines.append(row(name, f"{rate:.0%}", "nothing is OK" if threshold is None else f"{threshold:.3f}", *shares))
    return table(("threshold from", "guaranteed escape", "an OK needs", "there, cross-fitted", *trust.targets), lines)


def _sets(trust: Trust) -> str:
    """The table of coverages."""
    lines = [
        row(name, at, f"{coverage.nominal:.0%}", f"{coverage.reached:.1%}", f"{coverage.ambiguous:.1%}")
        for name, by_set in trust.coverages.items()
        for at, by_nominal in by_set.items()
        for coverage in by_nominal
    ]
    return table(SET_HEADS, lines)


def _percent(figure: Interval) -> str:
    return f"{figure.value:.1%} ({figure.low:.1%} to {figure.high:.1%})"
