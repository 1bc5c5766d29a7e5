"""The page of the study of the words, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.records import Description
from export.starter.cells import Cell
from export.studies.protocol import RESAMPLES, Interval
from export.studies.template import fill, row, table, wrapped

BEFORE, FILTER = "before", "**the filter**"
WORD_HEADS = ("words", "filter", "precision", "recall", "true words kept", "gain of precision")
JUDGE_HEADS = ("active", "AUROC (95 % interval)", "minus AUROC with nothing active", "no words")


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one filter on one group of words; `kept` is the share of true words kept, `gain` that of precision."""

    precision: Interval
    recall: Interval
    kept: Interval
    gain: Interval


@dataclass(frozen=True, slots=True)
class JudgeFigures:
    """The judge's AUROC with some settings, the difference from the AUROC with plain settings, and the number of cells without words."""

    auroc: Interval
    difference: Interval
    without_words: int


@dataclass(frozen=True, slots=True)
class Example:
    """A real cell and its description without the filter and with it."""

    cell: Cell
    before: Description
    after: Description


Tables = Mapping[str, Mapping[str, Mapping[str, Figures]]]
"""By set of pictures, group of words and filter; BEFORE comes first, FILTER second and the control with a threshold last."""


def page(
    command: str,
    chosen: str,
    tables: Tables,
    judged: Mapping[str, JudgeFigures],
    examples: Sequence[Example],
    *,
    pictures: int,
    may_lose: float,
) -> str:
    """Return the page as Markdown; `chosen` names the strictness in use, `may_lose` is the share of recall that choosing it could lose."""
    return fill(
        Path(__file__).with_name("page.md"),
        answer=wrapped(_answer(tables, judged)),
        command=command,
        chosen=chosen,
        pictures=pictures,
        may_lose=f"{may_lose:.1%}",
        resamples=f"{RESAMPLES:,}",
        tables="\n\n".join(_section(name, groups) for name, groups in tables.items()),
        control=_control(tables),
        judged=_judged(judged),
        example_count=len(examples),
        examples="\n\n".join(_example(example) for example in examples),
    )


def _answer(tables: Tables, judged: Mapping[str, JudgeFigures]) -> str:
    """Two sentences: the ranges over all groups of words, and the judge with everything active."""
    figures = [filters[FILTER] for groups in tables.values() for filters in groups.values()]
    gains, kept = ([getattr(one, name).value for one in figures] for name in ("gain", "kept"))
    (plain, *_, full) = judged.values()
    return (
        f"The filter raises the precision of words by {min(gains) * 100:.1f} to {max(gains) * 100:.1f} points and keeps {min(kept):.1%} to "
        f"{max(kept):.1%} of the true words. The starter's judge has an AUROC of {plain.auroc.value:.3f} without the filter and "
        f"{full.auroc.value:.3f} with filter and terms."
    )


def _section(name: str, groups: Mapping[str, Mapping[str, Figures]]) -> str:
    """The heading and table of one set of pictures."""
    lines = []
    for group, filters in groups.items():
        for way, figures in filters.items():
            gain = "" if way == BEFORE else _points(figures.gain)
            lines.append(row(group, way, figures.precision, figures.recall, figures.kept, gain))
    return f"## {name[0].upper()}{name[1:]}\n\n{table(WORD_HEADS, lines)}"


def _control(tables: Tables) -> str:
    """Say how often the control with one threshold is more precise than the filter."""
    pairs = [list(filters.values()) for groups in tables.values() for filters in groups.values()]
    ahead = sum(filters[-1].precision.value > filters[1].precision.value for filters in pairs)
    return f"In {ahead} of these {len(pairs)} comparisons the control with one cosine threshold is more precise than the filter."


def _points(gain: Interval) -> str:
    return f"{gain.value * 100:+.1f} ({gain.low * 100:+.1f} to {gain.high * 100:+.1f}) points"


def _judged(judged: Mapping[str, JudgeFigures]) -> str:
    """The table of the judge; the first row, with nothing active, has no difference."""
    lines = []
    for number, (active, figures) in enumerate(judged.items()):
        less = figures.difference
        verdict = "better" if less.low > 0 else "worse" if less.high < 0 else "no difference shown"
        difference = f"{less.value:+.3f} ({less.low:+.3f} to {less.high:+.3f}): {verdict}" if number else ""
        lines.append(row(active, figures.auroc, difference, figures.without_words))
    return table(JUDGE_HEADS, lines)


def _example(example: Example) -> str:
    """The words of one cell, what was struck crossed out."""
    cell, before, after = example.cell, example.before.words, example.after.words
    lines = [f"**{cell.path.name}**, {cell.material}, labelled {cell.label.rsplit(' ', 1)[0]}\n"]
    for name, tags, left in (("tags", before.tags, after.tags), ("attributes", before.attributes, after.attributes)):
        if tags:
            lines.append(f"- {name}: {', '.join([tag.word for tag in left] + crossed_out(struck(example.after, name[:-1])))}")
    lines.append(f"- captions before: {'; '.join(before.captions)}")
    phrases = crossed_out(struck(example.after, "caption"))
    lines.append(f"- captions after: {'; '.join(after.captions) or 'none'}" + (f". Struck: {', '.join(phrases)}" if phrases else ""))
    return "\n".join(lines)


def struck(after: Description, where: str) -> list[str]:
    """The words that the filter struck from tags, attributes or captions ("tag", "attribute", "caption")."""
    return [word.text for word in after.struck if word.where == where]


def crossed_out(words: Sequence[str]) -> list[str]:
    """Words crossed out in Markdown."""
    return [f"~~{word}~~" for word in words]
