"""The page about the words, as Markdown, and a picture of some cells with what was struck of their words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.drawing.sheet import INK, PAPER
from edge.picture.decode import read_picture
from edge.records import Description, Pixels
from export.errors import ExportError
from export.starter.cells import Cell
from export.studies.controls import MAX_BYTES, MAX_PIXELS
from export.studies.protocol import Interval

HEAD = """# The words, before and after the quality filter

Made by

```
{command}
```

The filter (`[describe] filter = true`) checks each tag, each attribute and each phrase of a caption against the picture, with the CLIP
embedding that the picture has anyway. A word is not measured by its cosine alone but by its lead over its foils, the words that are not
true together with it. A CLIP that learned to tell true words from false ones, as the starter's, also has a cosine at which a word is as
likely true as not (`clip.threshold` of the bundle); words well under it are struck too. With any other CLIP a modifier or a place
("long", "in the upper left") must lead the same phrase with another one instead. What the picture does not support is struck: the judge
does not read it, `words.struck` shows it.

- GroundTruth: what was painted or rendered. A word whose truth is in doubt (a strength between faint and clear) does not count.
- {pictures} pictures a set, half of them intact, three sampled captions beside the greedy one; seeds of their own, which taught and chose
  nothing.
- The station is `export/studies/words/filtered.toml`: the starter's, with the filter, and with terms that give captions the wording which
  its CLIP knows. Before and after have the same terms and are cut into the same phrases.
- Strictness, chosen on 800 other pictures, painted on canvases of the training modules: the most precise that costs words, and phrases,
  at most {may_lose:.1%} of recall there (`{command} --choose`). {chosen}. The control was chosen in the same way.
- History: contrast alone, without `clip.threshold`, met both halves of the goal (15 points of precision for at most 5 of recall) in 4
  of these 12 groups of words, on pictures of other seeds.
- Precision: true among what is said. Recall: said among what is true, of the whole vocabulary for tags and attributes, of what the
  captioner said for phrases. Kept: true words that were said and stay. Intervals: 95 %, bootstrap over pictures, 2,000 draws.

"""

GREY, RED = (110, 110, 110), (40, 40, 200)
"""BGR."""
COLUMNS, SIDE_PX, WIDTH_PX, HEIGHT_PX, WRAP, LINE_PX = 2, 220, 900, 240, 92, 18


@dataclass(frozen=True, slots=True)
class Measured:
    """One way of striking on one group of words."""

    precision: Interval
    recall: Interval
    kept: Interval
    gain: Interval


@dataclass(frozen=True, slots=True)
class Example:
    """A real cell, what is said of it without the filter, and with it."""

    cell: Cell
    before: Description
    after: Description


def page(
    command: str,
    chosen: str,
    tables: Mapping[str, Mapping[str, Mapping[str, Measured]]],
    judged: Mapping[str, tuple[Interval, Interval, int]],
    shown: Sequence[Example],
    *,
    pictures: int,
    may_lose: float,
) -> str:
    """The page as Markdown."""
    parts = [HEAD.format(command=command, chosen=chosen, pictures=pictures, may_lose=may_lose)]
    for name, groups in tables.items():
        parts.append(f"## {name[0].upper()}{name[1:]}\n\n{COLUMN_HEADS}")
        for group, ways in groups.items():
            for way, found in ways.items():
                gain = "" if way == "before" else _points(found.gain)
                parts.append(f"| {group} | {way} | {found.precision} | {found.recall} | {found.kept} | {gain} |\n")
        parts.append("\n")
    parts.append(_control(tables))
    parts.append(JUDGE)
    parts += [f"| {way} | {value} | {_difference(way, less)} | {silent} |\n" for way, (value, less, silent) in judged.items()]
    parts.append(EXAMPLES.format(count=len(shown)))
    parts += [line for example in shown for line in _example(example)]
    return "".join(parts)


COLUMN_HEADS = "| words | struck by | precision | recall | kept | precision, gain |\n|---|---|---|---|---|---|\n"

JUDGE = """## What it does to the judge

The shipped adapter, which was tuned on unfiltered words in random order, a fifth of them left out, on the 132 source validation cells;
greedy caption. No words: cells of which no tag or no attribute is left, which is a REVIEW (`no_words`).

| on | AUROC (95 % interval) | less nothing on | no words |
|---|---|---|---|
"""

EXAMPLES = """
## {count} real cells

ELPV cells that the starter never saw, picked by the demo's seed; a greedy and a sampled caption. Nobody knows the full truth of a real
cell: these show what is struck, not that it is right. The picture draws the first of them.

![Cells with their words, what was struck in grey](words.png)

"""


def _control(tables: Mapping[str, Mapping[str, Mapping[str, Measured]]]) -> str:
    """Say where the control with one threshold, the last way of each group, is ahead of the filter, the second."""
    pairs = [list(ways.values()) for groups in tables.values() for ways in groups.values()]
    ahead = sum(ways[-1].precision.value > ways[1].precision.value for ways in pairs)
    return f"In {ahead} of these {len(pairs)} comparisons the one cosine threshold is more precise than the filter.\n\n"


def _points(gain: Interval) -> str:
    return f"{gain.value * 100:+.1f} ({gain.low * 100:+.1f} to {gain.high * 100:+.1f}) points"


def _difference(way: str, less: Interval) -> str:
    if way == "nothing":
        return ""
    verdict = "better" if less.low > 0 else "worse" if less.high < 0 else "no difference shown"
    return f"{less.value:+.3f} ({less.low:+.3f} to {less.high:+.3f}): {verdict}"


def _example(example: Example) -> Iterator[str]:
    cell, before, after = example.cell, example.before.words, example.after.words
    yield f"**{cell.path.name}**, {cell.material}, labelled {cell.label.rsplit(' ', 1)[0]}\n\n"
    for name, said, left in (("tags", before.tags, after.tags), ("attributes", before.attributes, after.attributes)):
        struck = _struck(example.after, name[:-1])
        yield f"- {name}: {', '.join([tag.word for tag in left] + [f'~~{word}~~' for word in struck])}\n" if said else ""
    yield f"- captions before: {'; '.join(before.captions)}\n"
    yield f"- captions after: {'; '.join(after.captions) or 'none'}"
    struck = _struck(example.after, "caption")
    yield (f". Struck: {', '.join(f'~~{claim}~~' for claim in struck)}" if struck else "") + "\n\n"


def _struck(after: Description, kind: str) -> list[str]:
    return [struck.text for struck in after.struck if struck.where == kind]


def write_sheet(path: Path, shown: Sequence[Example]) -> None:
    """Draw the cells beside their words.

    Raises:
        ExportError: the picture cannot be written.
    """
    tiles = [_tile(example) for example in shown]
    tiles += [np.full((HEIGHT_PX, WIDTH_PX, 3), PAPER, np.uint8)] * (-len(tiles) % COLUMNS)
    sheet = np.vstack([np.hstack(tiles[first : first + COLUMNS]) for first in range(0, len(tiles), COLUMNS)])
    if not cv2.imwrite(str(path), sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        msg = f"picture {path} cannot be written: give another folder or make room"
        raise ExportError(msg)


def _tile(example: Example) -> Pixels:
    tile = np.full((HEIGHT_PX, WIDTH_PX, 3), PAPER, np.uint8)
    pixels = read_picture(example.cell.path, max_pixels=MAX_PIXELS, max_bytes=MAX_BYTES)
    tile[10 : 10 + SIDE_PX, 10 : 10 + SIDE_PX] = cv2.resize(pixels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    after, y = example.after.words, 26
    y = _line(tile, f"{example.cell.path.name}   {example.cell.label}", y, struck=False)
    for name, said in (("tag", after.tags), ("attribute", after.attributes)):
        y = _line(tile, f"{name}s: {', '.join(tag.word for tag in said)}", y + 4, struck=False)
        y = _line(tile, ", ".join(_struck(example.after, name)), y, struck=True)
    y = _line(tile, "said: " + "; ".join(example.before.words.captions), y + 4, struck=False)
    y = _line(tile, "left: " + "; ".join(after.captions), y + 4, struck=False)
    _line(tile, ", ".join(_struck(example.after, "caption")), y, struck=True)
    return tile


def _line(tile: Pixels, text: str, y: int, *, struck: bool) -> int:
    """Write a paragraph at height `y`; returns where the next begins."""
    left, colour, scale = SIDE_PX + 24, GREY if struck else INK, 0.42
    for line in textwrap.wrap(text.encode("ascii", "replace").decode(), WRAP):
        cv2.putText(tile, line, (left, y), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)
        if struck:
            (width, _), _ = cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
            cv2.line(tile, (left, y - 4), (left + width, y - 4), RED, 1, cv2.LINE_AA)
        y += LINE_PX
    return y
