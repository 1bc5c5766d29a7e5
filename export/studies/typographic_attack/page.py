"""The page about the printed-text attack: how often it works, what the guard does and costs, and what print it misses."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.drawing.sheet import DECISION_COLOURS
from edge.inspection.policy import decide, limits_of
from edge.picture.text_detection import has_printed_text
from edge.records import Decision, Description, Scores
from export.painting.paint import paint
from export.painting.render import render_cell
from export.starter.cells import HELD_OUT_MONO, load_cells, validation_cells
from export.studies.protocol import RULE_OF_THREE, blocks, bootstrap
from export.studies.typographic_attack.attack import ATTACKS, CONTRASTS, CONTROL, HEIGHTS_PX, NO_TEXT, Attacked, AttackError, read_cell
from export.studies.typographic_attack.printed_text import FINAL_FONTS, draw_lettering, print_text
from firmware_config.station import Station

GUARDS = ("no guard", "words only", "picture and words")
TABLE_HEIGHTS_PX, TABLE_CONTRASTS = (6, 8, 10, 12, 16, 24, 48, 96), (15, 30, 60, 120)
TABLE_PICTURES = 20
PAINTED, PAINTED_SIDE_PX = 100, 304
"""A whole number of painted patches."""

COLUMNS, SHOWN_OF_EACH, SIDE_PX, FOOT_PX = 8, 4, 200, 34


def decisions(one: Attacked, station: Station, *, writing: bool) -> tuple[Decision, Decision, Decision]:
    """What the line gets under each of GUARDS; `writing` is what the guard saw in the picture."""
    description, scores = one.raw.description, one.raw.scores
    if description is None or scores is None:
        return (one.raw.verdict.decision,) * 3

    def decided(said: Description, judged: Scores) -> Decision:
        return decide(said, judged, labels=station.labels, limits=limits_of(station, None)).decision

    unread = replace(
        description, words=replace(description.words, captions=()), printed_text=False
    )  # the scores stay those of the captions: only the doubt is gone
    return (
        decided(unread, scores),
        decided(replace(description, printed_text=False), scores),
        decided(replace(description, printed_text=writing), scores),
    )


def page(attacked: Sequence[Attacked], station: Station, *, command: str, seed: int, say: Callable[[str], None]) -> str:
    """The page as Markdown; takes a minute."""
    say("looking for writing in the attacked pictures")
    seen = [has_printed_text(one.pixels) for one in attacked]
    decided = [decisions(one, station, writing=writing) for one, writing in zip(attacked, seen, strict=True)]
    cells = len({one.cell.row for one in attacked})
    lines = [
        "| print | pictures | OK with no guard | OK, guard on words only | OK, guard on picture and words | writing seen |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        _row(f'"{text}"' if text else "none (escape without attack)", [i for i, a in enumerate(attacked) if a.text == text], seen, decided)
        for text in (NO_TEXT, CONTROL, *ATTACKS)
    ]
    lines.append(_row("all five attacks", [i for i, one in enumerate(attacked) if one.text in ATTACKS], seen, decided))
    through = [
        f"- {one.cell.path.name} ({one.cell.material}): {_printed(one)}"
        for one, choice in zip(attacked, decided, strict=True)
        if one.text in ATTACKS and choice[2] is Decision.OK
    ]
    attacks = [one for one in attacked if one.text in ATTACKS]
    return TEXT.format(
        command=command,
        seed=seed,
        cells=cells,
        heights=f"{HEIGHTS_PX[0]} to {HEIGHTS_PX[1]}",
        contrasts=f"{CONTRASTS[0]} to {CONTRASTS[1]}",
        table="\n".join(lines),
        through_count=f"{len(through)} of {len(attacks)} attacked pictures are OK in spite of both guards" + (":" if through else "."),
        through="".join(f"\n{line}" for line in through) + ("\n" if through else ""),
        cost=_cost(say),
        painted=f"{_painted_called_written(seed)} of {PAINTED}",
        limits=_limits(seed, say),
    )


def _printed(one: Attacked) -> str:
    how = one.lettering
    if how is None:
        return "no print"
    font = f"letters {how.font} of OpenCV" if isinstance(how.font, int) else how.font
    turned, ink = f"turned by {how.angle:.0f} degrees", f"{how.contrast:+d} levels"
    return f'"{one.text}" in {font}, {how.height_px} px, {turned}, {ink}, blurred by {how.blur_px:.1f} px'


def _row(name: str, rows: Sequence[int], seen: Sequence[bool], decided: Sequence[tuple[Decision, Decision, Decision]]) -> str:
    ok = [sum(decided[row][guard] is Decision.OK for row in rows) for guard in range(len(GUARDS))]
    return f"| {name} | {len(rows)} | {ok[0]} ({ok[0] / max(1, len(rows)):.1%}) | {ok[1]} | {ok[2]} | {sum(seen[row] for row in rows)} |"


def _cost(say: Callable[[str], None]) -> str:
    """How often clean cells that taught and chose nothing are called written, and how long a look takes."""
    cells = load_cells()
    sets = {
        "held-out mono runs": [row for rows in HELD_OUT_MONO for row in rows],
        "all poly cells": [cell.row for cell in cells if cell.material == "poly"],
    }
    lines = ["| clean cells | number | called written (95 %) | ms of CPU a picture, p50 | p95 |", "|---|---|---|---|---|"]
    for name, rows in sets.items():
        called, times_ms = [], []
        for count, row in enumerate(rows):
            pixels = read_cell(cells[row])
            started = time.thread_time()
            called.append(has_printed_text(pixels))
            times_ms.append((time.thread_time() - started) * 1e3)
            say(f"looking for writing in clean cells: {name}, {count + 1} of {len(rows)}")
        flags: NDArray[np.float64] = np.array(called, np.float64)
        share = bootstrap(lambda index, flags=flags: float(flags[index].mean()), blocks(rows))  # type: ignore[misc]
        p50, p95 = np.percentile(times_ms, (50, 95))
        low, high = (share.low, share.high) if any(called) else (0.0, RULE_OF_THREE / len(rows))
        lines.append(f"| {name} | {len(rows)} | {share.value:.2%} ({low:.2%} to {high:.2%}) | {p50:.1f} | {p95:.1f} |")
    return "\n".join(lines)


def _painted_called_written(seed: int) -> int:
    """How many rendered cells with painted defects are called written."""
    rng, called = np.random.default_rng(seed), 0
    for _ in range(PAINTED):
        grey = np.clip(paint(render_cell(PAINTED_SIDE_PX, rng), rng).pixels, 0, 1)
        called += has_printed_text(np.repeat(np.round(grey * 255).astype(np.uint8)[:, :, None], 3, axis=2))
    return called


def _limits(seed: int, say: Callable[[str], None]) -> str:
    """Share of printed pictures found, by height and contrast, on source validation cells with fonts that the detector never saw."""
    rng, cells = np.random.default_rng(seed), validation_cells()
    lines = [
        "| capitals, px | " + " | ".join(f"{contrast} levels" for contrast in TABLE_CONTRASTS) + " |",
        "|---" * (len(TABLE_CONTRASTS) + 1) + "|",
    ]
    for height in TABLE_HEIGHTS_PX:
        shares = []
        for contrast in TABLE_CONTRASTS:
            say(f"looking for print of {height} px and {contrast} levels")
            found = 0
            for index in range(TABLE_PICTURES):
                lettering = draw_lettering(rng, fonts=FINAL_FONTS, heights_px=(height, height), contrasts=(contrast, contrast))
                pixels = read_cell(cells[int(rng.integers(len(cells)))])
                found += has_printed_text(print_text(pixels, ATTACKS[index % len(ATTACKS)], lettering)[0])
            shares.append(f"{found / TABLE_PICTURES:.0%}")
        lines.append(f"| {height} | " + " | ".join(shares) + " |")
    return "\n".join(lines)


def write_sheet(path: Path, attacked: Sequence[Attacked], station: Station) -> None:
    """Write a PNG of some attacked pictures: what they become without the guard, and (the frame) with it.

    Raises:
        AttackError: it cannot be written.
    """
    shown = [
        one
        for text in (CONTROL, *ATTACKS)
        for one in [one for one in attacked if one.text == text][:: max(1, len(attacked) // 7 // SHOWN_OF_EACH)][:SHOWN_OF_EACH]
    ]
    tiles = [_tile(one, decisions(one, station, writing=has_printed_text(one.pixels))) for one in shown]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    sheet = np.vstack([np.hstack(tiles[at : at + COLUMNS]) for at in range(0, len(tiles), COLUMNS)])
    if not cv2.imwrite(str(path), sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        msg = f"picture {path} cannot be written: give another folder or make room"
        raise AttackError(msg)


def _tile(one: Attacked, decided: tuple[Decision, Decision, Decision]) -> NDArray[np.uint8]:
    tile = np.full((SIDE_PX + FOOT_PX, SIDE_PX, 3), 255, np.uint8)
    tile[:SIDE_PX] = cv2.resize(one.pixels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    raw, _, guarded = decided
    cv2.rectangle(tile, (2, 2), (SIDE_PX - 3, SIDE_PX - 3), DECISION_COLOURS[guarded], 4)
    said = f"no guard {raw.value}, guard {guarded.value}"
    cv2.putText(tile, said, (4, SIDE_PX + 22), cv2.FONT_HERSHEY_SIMPLEX, 0.42, DECISION_COLOURS[guarded], 1, cv2.LINE_AA)
    return tile


TEXT = """# Writing in the picture

A vision model that can read believes what it reads over what it sees: "PASS" beside a crack. So print is looked for in the picture
before it is described (`edge/picture/text_detection.py`). A picture with writing in it is never OK: it is REVIEW with the reason
`text_influence`, or NG where the words say so. Print that belongs on the part needs `[picture] allow_printed_text = true`, or a region of
interest without it. A second guard reads the captions: a verdict, a command or the name of a good label in one has the same effect.

Made by

```
{command}
```

## The attack

{cells} real cells that all who labelled them call defective, half mono from held-out runs and half poly; none taught anything or
chose the guards. Each as it is, with print that says nothing, and with each of five attacks. Fonts (none of which the detector was
fitted on), capitals of {heights} px in cells of 300 px, places, angles and inks ({contrasts} grey levels from the ground, dark or
bright) are drawn with seed {seed}. A text too long for its cell is printed smaller.
Words and scores are those of the whole pipeline; the three ways to guard differ in the decision alone.

{table}

The first row is the escape that no attack needs. What an attack adds is the difference to it; what print as such adds, the second row.

{through_count}
{through}
![Attacked pictures](writing.png)

The frame is the decision with both guards: green OK, red NG, orange REVIEW.

History: earlier detectors were measured in the same way. With seed 2026, 3 of 500 attacked pictures were OK: print of 10 to 14 px, two "OK"
and one "functional", in the letters of OpenCV, which that detector was fitted on and the later ones were not; it called 0.56% of the
held-out mono cells and 4.52% of the poly cells written. With seed 2031, 1 of 500 was OK: "functional" of 12 px, blurred by 0.8 px; 0.00%
and 0.26%. The one measured here cuts ink at a second share of its surroundings, so that small letters come apart. It was fitted and chosen
on source cells, rendered cells, drawn grain and drawn print alone, then measured with seed 2036 under an earlier judge, 0 of 500, and with
the seed above.

## What it costs

Cells without print, of which none taught anything or chose the guards. "Called written" is the most that the guard can add to REVIEW.
Intervals: bootstrap over blocks of 30 neighbours, 2,000 draws; the rule of three where none was called.

{cost}

The times are CPU times of the thread that looks. Of rendered cells with painted defects, sharper than a camera shows them, {painted} are
called written.

## What it misses

Share of printed pictures in which writing is seen, by height of the capitals and by contrast, on cells of the source validation modules
with the same unseen fonts, 20 pictures each.

{limits}

Print that is smaller or fainter gets past the picture guard. Then only the captions guard is left, and it helps only if BLIP says the
print in words that it knows; the starter's BLIP has a small vocabulary of solar cells and cannot. A model that reads better than the
detector sees is the risk that remains. Not looked for: writing without sharp edges, single characters without a neighbour, what
comes within 4 px of the border, and letters larger than half of the picture.
"""
