"""The page of the trust study: tables in Markdown, and which goals were reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.bundle.open import Bundle
from edge.calibration.conformal import bad_pictures_needed
from edge.calibration.reliability import bins_for
from export.studies.protocol import BLOCK, DRAWS, Interval
from export.studies.results import Study
from export.studies.trust.measure import (
    CHOSEN,
    CLEAN,
    COVERAGE,
    DEALS,
    ESCAPE,
    JUDGE,
    KINDS,
    SPLIT_BLOCK,
    SPLITS,
    Coverage,
    Kept,
    Stated,
    Way,
    coverage_on,
    coverage_on_source,
    dealt_blocks,
    kept,
    rule_of,
    sources,
    stated,
    uncalibrated,
    ways_of,
)
from export.studies.trust.plots import draw_promise, draw_reliability, draw_risk
from firmware_config.board import Board
from firmware_config.station import Station

ECE_GOAL, COVERAGE_GOAL = 0.05, 0.02
PROMISES = (0.02, 0.05, 0.1, 0.2)

HEAD = """# What a confidence is worth

Bundle {bundle} version {version}, `{digest}`, on the ELPV data set, cut by production run. Made by

```
{command}
```

- A station's calibration does three things: it makes probabilities honest, it sets the confidence that an OK needs for a stated escape
  rate, and it says when two decisions are possible. This page measures all three where it was made, and where it was not.
- **Source, taught nothing**: two modules (rows 420 to 479 and 1404 to 1475) that taught neither the vision models nor the judge; they
  chose thresholds, the bundle's temperature and the vision models' teachers. **Source with training modules**: the same and the 762 cells
  that taught the vision models; of them the 457 that are surely good taught the judge too, which saw them varied and most under grain,
  with defects painted on and without. All 894 chose how the judge is tuned. **Held-out mono** and **poly**: other modules, another
  material; nothing was learned or fitted on them.
- Only good or defective is known of a cell (defective: a labelled probability of at least 0.5). Probability means that of all labels that
  are not ok.
- On the source every figure is cross-fitted; but for the coverage of sets, ten stretches of neighbours, each told by a fit on the other
  nine. On the targets the fit on the whole source is used as it is.
- ECE on the source is given twice. **Dealt**: blocks of {split} to 15 neighbours in ten hands, each told by a fit on the other nine; mean
  over {deals} deals, the range in brackets is theirs and no interval. So cells come as the labelled ones did, which is what a calibration
  promises for. **In stretches**: the fit then lacks a tenth of the cells in one piece, of the larger source whole modules; one such piece
  has 2 % of defective cells, another 90 %, so that is a small change of domain. Of the smaller source a stretch is no longer than a block.
- ECE: bins of equally many cells, about 25 each, 5 to 15 in all. "By chance" is what a judge whose probabilities are all true would show
  with so many cells (in stretches): a smaller error cannot be told from it.
- The kind of fit was chosen before any target was measured. Two things were changed after a look at all figures, for the source's sake:
  the sets' threshold rests on dealt pictures, not on stretches (stretches gave 95.8 % on the source at a nominal 90 %), and ECE on dealt
  blocks stands beside that in stretches, by which alone the goal was measured at first, and missed.
- Intervals: 95 %, bootstrap over blocks of {block} neighbouring cells, {draws:,} draws.
- The controls learned from the 762 training cells and go the same way: the same fit, threshold, sets and policy.
"""

HONEST = """## Are the probabilities honest?

![stated against true](trust-reliability.png)

ECE (by chance), on the sources dealt / in stretches. The fit in bold was chosen on the source with training modules; the fit for the
targets is that on the source that taught nothing.
"""

PROMISE = """## What becomes of a promised escape?

Promised: at most {escape:.0%} of defective cells become OK. The policy is the product's own: an OK needs the threshold, a set of one
decision, and nothing else in doubt; a likely defect is NG; the rest is REVIEW. A promise is kept by passing less: see what passes.

![promised against reached](trust-promise.png)
"""

LOOSER = """What a looser promise would give: defective cells that pass / good cells that pass, with the judge
"""

SUREST = """## How wrong are the surest?

Calibrated on the source that taught nothing.

![surest first](trust-risk.png)
"""

SETS = """## Does the set hold the truth?

A set holds decisions, not labels: of a defective cell only "defective" is known, and a line acts on the decision alone. A set of two
decisions is REVIEW, unless a defect is likelier. Coverage on the source is the mean over {splits} random splits, cut between blocks of
{block} to 15 neighbours, fitted on four fifths and measured on the last. Nothing is promised of the targets: they are not drawn as the
source was.
"""

Promises = Mapping[str, Sequence[tuple[str, str, Kept]]]
"""By source: set, way and what became of the promise."""
Sets = Mapping[str, Mapping[str, Sequence[Coverage]]]
"""By source and set: one coverage for each nominal one."""


def write_page(study: Study, bundle: Bundle, board: Board, station: Station, *, command: str, out: Path) -> None:
    """Measure, write the page to `out` and its plots beside it (`trust-*.png`)."""
    ways, known, targets = ways_of(study, bundle, board, station), sources(), study.sets
    judge, clean = ways[0], known[CLEAN]
    promises = {
        name: [(target, way.name, kept(way, source, rows)) for target, rows in {name: source, **targets}.items() for way in ways]
        for name, source in known.items()
    }
    sets = {
        name: {name: coverage_on_source(judge, source), **{target: coverage_on(judge, source, rows) for target, rows in targets.items()}}
        for name, source in known.items()
    }
    about = {"bundle": bundle.manifest.name, "version": bundle.manifest.bundle_version, "digest": bundle.digest}
    parts = [HEAD.format(**about, command=command, block=BLOCK, draws=DRAWS, split=SPLIT_BLOCK, deals=DEALS)]
    parts += [
        "## In short\n",
        *_goals(judge, known, promises, sets),
        *_elsewhere(ways, clean, targets, promises),
        "",
        HONEST,
        *_errors(ways, known, targets),
        "",
    ]
    parts.append(PROMISE.format(escape=ESCAPE))
    for name, source in known.items():
        thresholds = {way.name: rule_of(way, source).escape.min_ok_confidence for way in ways}
        parts += [f"Threshold set on: {name}\n", *_promise(promises[name], thresholds), ""]
    parts += [LOOSER, *_looser(judge, known, targets), "", SUREST, SETS.format(splits=SPLITS, block=SPLIT_BLOCK), *_sets(sets), ""]
    out.write_text("\n".join(parts), encoding="utf-8")

    every = {**known, **targets}
    honest = {name: (uncalibrated(judge, rows), stated(judge, CHOSEN, known.get(name, clean), rows)) for name, rows in every.items()}
    draw_reliability(honest, out.with_name("trust-reliability.png"))
    shown = {CLEAN: clean, **targets}
    risk = {name: {way.name: stated(way, CHOSEN, clean, rows) for way in ways} for name, rows in shown.items()}
    draw_risk(risk, out.with_name("trust-risk.png"))
    draw_promise(promises[CLEAN], out.with_name("trust-promise.png"))


def _goals(judge: Way, known: Mapping[str, Sequence[int]], promises: Promises, sets: Sets) -> list[str]:
    """One line a goal, reached or not."""
    lines = []
    for name, source in known.items():
        before, deals, stretches = uncalibrated(judge, source), dealt_blocks(judge, CHOSEN, source), stated(judge, CHOSEN, source, source)
        least, mean, most = min(one.error for one in deals), _mean_error(deals), max(one.error for one in deals)
        said = (
            f"{before.error:.3f} before. After ({CHOSEN}; goal {ECE_GOAL}): dealt {mean:.3f} ({least:.3f} to {most:.3f}): "
            f"{_reached(mean <= ECE_GOAL)}; in stretches {stretches.error:.3f}: {_reached(stretches.error <= ECE_GOAL)}; "
            f"{stretches.by_chance:.3f} by chance"
        )
        lines.append(f"- ECE on {name}, {len(source)} cells: {said}.")
    for name, reached in sets.items():
        (one,) = (found for found in reached[name] if found.nominal == COVERAGE)
        close = abs(one.reached - COVERAGE) <= COVERAGE_GOAL
        lines.append(f"- Coverage on {name}: {one.reached:.1%} at {COVERAGE:.0%} nominal; goal within 2 points: {_reached(close)}.")
    for name, rows in promises.items():
        ours = [(target, came) for target, way, came in rows if way == JUDGE]
        found = [f"{target} {_percent(came.escape)}, with {came.passed.value:.1%} of good cells passed" for target, came in ours]
        lines.append(f"- Escape at the threshold set on {name} for {ESCAPE:.0%}: {'; '.join(found)}.")
    return lines


def _elsewhere(ways: Sequence[Way], clean: Sequence[int], targets: Mapping[str, Sequence[int]], promises: Promises) -> list[str]:
    """What calibration on the source does to the targets, and every control that does better than the judge."""
    lines = []
    for name, rows in targets.items():
        before, after = uncalibrated(ways[0], rows), stated(ways[0], CHOSEN, clean, rows)
        word = "better" if after.error < before.error else "**worse**"
        lines.append(f"- ECE on {name}: {before.error:.3f} before, {after.error:.3f} after, calibrated on {CLEAN}: {word}.")
    for name, rows in {CLEAN: clean, **targets}.items():
        judge, *others = ((way.name, stated(way, CHOSEN, clean, rows).error) for way in ways)
        better = [f"{other} {error:.3f}" for other, error in others if error < judge[1]]
        lines += [f"- **Better calibrated than the judge ({judge[1]:.3f}) on {name}**: {'; '.join(better)}."] if better else []
    for target in dict.fromkeys(target for target, _, _ in promises[CLEAN]):
        (_, ours), *theirs = ((way, came) for name, way, came in promises[CLEAN] if name == target)
        less = [f"{way} {came.escape.value:.1%} ({came.passed.value:.1%})" for way, came in theirs if came.escape.value < ours.escape.value]
        said = f"{ours.escape.value:.1%}, {ours.passed.value:.1%} of good cells passed"
        lines += [f"- **Escapes less than the judge ({said}) on {target}**: {'; '.join(less)}."] if less else []
    return lines


def _reached(yes: bool) -> str:  # noqa: FBT001 -- a word for a truth
    return "reached" if yes else "**not reached**"


def _errors(ways: Sequence[Way], known: Mapping[str, Sequence[int]], targets: Mapping[str, Sequence[int]]) -> list[str]:
    """A row for each way and fit."""
    every, clean = {**known, **targets}, known[CLEAN]
    heads = [f"{name}: {len(rows)} cells, {bins_for(len(rows))} bins" for name, rows in every.items()]
    lines = [_row("scored by", "fit", *heads), "|---|---|" + "---|" * len(every)]
    for way in ways:
        lines.append(_row(way.name, "none", *(_error(uncalibrated(way, rows)) for rows in every.values())))
        for kind in KINDS:
            found = [_error(stated(way, kind, known.get(name, clean), rows)) for name, rows in every.items()]
            twice = [f"{_mean_error(dealt_blocks(way, kind, rows)):.3f} / " for rows in known.values()] + [""] * len(targets)
            cells = [first + second for first, second in zip(twice, found, strict=True)]
            lines.append(_row(way.name, f"**{kind}**" if kind == CHOSEN else kind, *cells))
    return lines


def _mean_error(deals: Sequence[Stated]) -> float:
    return sum(one.error for one in deals) / len(deals)


def _error(one: Stated) -> str:
    return f"{one.error:.3f} ({one.by_chance:.3f})"


def _promise(rows: Sequence[tuple[str, str, Kept]], thresholds: Mapping[str, float | None]) -> list[str]:
    lines = ["| cells | scored by | an OK needs | escape | good cells passed | overkill | REVIEW |", "|---|---|---|---|---|---|---|"]
    for target, way, came in rows:
        needs = thresholds[way]
        said = f"too few: {bad_pictures_needed(ESCAPE)} defective cells needed" if needs is None else f"{needs:.3f}"
        lines.append(_row(target, way, said, *map(_percent, (came.escape, came.passed, came.overkill, came.review))))
    return lines


def _looser(judge: Way, known: Mapping[str, Sequence[int]], targets: Mapping[str, Sequence[int]]) -> list[str]:
    heads = ("threshold set on", "promised escape", "an OK needs", "there, cross-fitted", *targets)
    lines = [_row(*heads), "|" + "---|" * len(heads)]
    for name, source in known.items():
        for rate in PROMISES:
            needs = rule_of(judge, source, escape=rate).escape.min_ok_confidence
            found = [kept(judge, source, rows, escape=rate) for rows in (source, *targets.values())]
            shares = [f"{came.escape.value:.1%} / {came.passed.value:.1%}" for came in found]
            lines.append(_row(name, f"{rate:.0%}", "nothing passes" if needs is None else f"{needs:.3f}", *shares))
    return lines


def _sets(sets: Sets) -> list[str]:
    lines = ["| fitted on | cells | nominal | set holds the truth | two decisions possible |", "|---|---|---|---|---|"]
    for source, reached in sets.items():
        for target, some in reached.items():
            lines += [_row(source, target, f"{one.nominal:.0%}", f"{one.reached:.1%}", f"{one.ambiguous:.1%}") for one in some]
    return lines


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _percent(figure: Interval) -> str:
    return f"{figure.value:.1%} ({figure.low:.1%} to {figure.high:.1%})"
