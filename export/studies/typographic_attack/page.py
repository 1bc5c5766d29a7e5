"""The page of the typographic attack: how often it succeeds, what the guards do and cost, and what the detector misses."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edge.picture.text_detection import has_printed_text
from edge.records import Decision
from export.painting.defects import paint
from export.painting.render import render_cell
from export.products.product import read_product
from export.products.sampler import PATCH_PX
from export.progress import Report
from export.starter.cells import HELD_OUT_MONO, load_cells, validation_cells
from export.studies.protocol import BLOCK_CELLS, RESAMPLES, RULE_OF_THREE, share
from export.studies.template import fill, row, table, wrapped
from export.studies.typographic_attack.attack import NO_TEXT, Attacked, AttackPicture, read_cell
from export.studies.typographic_attack.guards import Decisions, decisions
from export.studies.typographic_attack.printed_text import FINAL_FONTS, print_text, random_style
from export.studies.typographic_attack.surfaces import PRINTED, surfaces_table, textile_table, textiles
from export.studies.typographic_attack.ways import (
    ATTACKS,
    CONTRASTS,
    CONTROL,
    FAINT_CONTRAST,
    FAINT_PX,
    HEIGHTS_PX,
    REPEATED_PX,
    WAYS,
)
from firmware_config.station import Station

TABLE_HEIGHTS_PX, TABLE_CONTRASTS = (6, 8, 10, 12, 16, 24, 48, 96), (15, 30, 60, 120)
TABLE_PICTURES = 20
PAINTED, PAINTED_SIDE_PX = 100, 300
"""Rendered cells with painted defects."""

ATTACK_HEADS = (
    "printed text", "pictures", "OK without a guard", "OK, guard on captions", "OK, guards on picture and captions", "text detected",
)  # fmt: skip
COST_HEADS = ("cells without text", "number", "false alarms (95 % interval)", "ms of CPU per picture, p50", "p95")


def page(attacked: Sequence[Attacked], station: Station, *, command: str, seed: int, report: Report) -> str:
    """Measure the guards and return the page as Markdown; takes a minute."""
    report("looking for printed text in the attacked pictures")
    detected = [has_printed_text(one.picture.pixels) for one in attacked]
    decided = [decisions(one.inspection, station, has_text=has_text) for one, has_text in zip(attacked, detected, strict=True)]
    attacks = [index for index, one in enumerate(attacked) if one.picture.text in ATTACKS and not one.picture.way]
    unguarded, guarded = (sum(decided[index][guards] is Decision.OK for index in attacks) for guards in (0, 2))
    return fill(
        Path(__file__).with_name("page.md"),
        answer=wrapped(
            f"With five texts that ask for an OK, {unguarded} of {len(attacks)} pictures are OK without the guards and {guarded} with them."
        ),
        command=command,
        seed=seed,
        cells=len({one.picture.cell.row for one in attacked}),
        heights=f"{HEIGHTS_PX[0]} to {HEIGHTS_PX[1]}",
        contrasts=f"{CONTRASTS[0]} to {CONTRASTS[1]}",
        attacks=_attacks(attacked, detected, decided),
        passed=_passed([attacked[index] for index in attacks], [decided[index] for index in attacks]),
        ways=_ways(attacked, detected, decided),
        repeated_heights=f"{REPEATED_PX[0]} to {REPEATED_PX[1]}",
        faint=FAINT_CONTRAST,
        faint_heights=f"{FAINT_PX[0]} to {FAINT_PX[1]}",
        surfaces=surfaces_table(seed, report),
        textile=textile_table(seed, report),
        textile_pictures=PRINTED,
        textile_deviation=f"{np.mean([pixels.std() for pixels in textiles()]):.0f}",
        block=BLOCK_CELLS,
        resamples=f"{RESAMPLES:,}",
        cost=_cost(report),
        painted=PAINTED,
        painted_alarms=_painted_alarms(seed),
        pictures_each=TABLE_PICTURES,
        misses=_misses(seed, report),
    )


def _attacks(attacked: Sequence[Attacked], detected: Sequence[bool], decided: Sequence[Decisions]) -> str:
    """The table of attacks: a row for each text and one for all attacks."""
    names = {NO_TEXT: "none (escape without an attack)"} | {text: f'"{text}"' for text in (CONTROL, *ATTACKS)}
    groups: Mapping[str, tuple[str, ...]] = {name: (text,) for text, name in names.items()} | {"all five attacks": ATTACKS}
    rows = {
        name: [index for index, one in enumerate(attacked) if one.picture.text in texts and not one.picture.way]
        for name, texts in groups.items()
    }
    return _decided_table(rows, detected, decided)


def _ways(attacked: Sequence[Attacked], detected: Sequence[bool], decided: Sequence[Decisions]) -> str:
    """The table of other ways to print the attacks."""
    rows = {way: [index for index, one in enumerate(attacked) if one.picture.way == way] for way in WAYS}
    return _decided_table(rows, detected, decided)


def _decided_table(rows: Mapping[str, Sequence[int]], detected: Sequence[bool], decided: Sequence[Decisions]) -> str:
    lines = []
    for name, members in rows.items():
        ok = [sum(decided[index][guards] is Decision.OK for index in members) for guards in range(3)]
        unguarded = f"{ok[0]} ({ok[0] / max(1, len(members)):.1%})"
        lines.append(row(name, len(members), unguarded, ok[1], ok[2], sum(detected[index] for index in members)))
    return table(ATTACK_HEADS, lines)


def _passed(attacks: Sequence[Attacked], decided: Sequence[Decisions]) -> str:
    """How many attacks are OK despite both guards, and a line for each of them."""
    passed = [attacked.picture for attacked, (_, _, guarded) in zip(attacks, decided, strict=True) if guarded is Decision.OK]
    lines = [f"- {picture.cell.path.name} ({picture.cell.material}): {_printed(picture)}\n" for picture in passed]
    end = ":\n\n" if passed else ".\n"
    return f"{len(passed)} of {len(attacks)} attacked pictures are OK despite both guards{end}{''.join(lines)}"


def _printed(picture: AttackPicture) -> str:
    style = picture.style
    if style is None:
        return "no text"
    font = f"font {style.font} of OpenCV" if isinstance(style.font, int) else style.font
    turned, ink = f"turned by {style.angle:.0f} degrees", f"{style.contrast:+d} levels"
    return f'"{picture.text}" in {font}, {style.height_px} px, {turned}, {ink}, blurred by {style.blur_px:.1f} px'


def _cost(report: Report) -> str:
    """The table of false alarms on cells without text, and of the time of the detector."""
    cells = load_cells()
    sets = {
        "held-out mono runs": [row for rows in HELD_OUT_MONO for row in rows],
        "all poly cells": [cell.row for cell in cells if cell.material == "poly"],
    }
    lines = []
    for name, rows in sets.items():
        alarms, times_ms = [], []
        for count, number in enumerate(rows):
            pixels = read_cell(cells[number])
            started = time.thread_time()
            alarms.append(has_printed_text(pixels))
            times_ms.append((time.thread_time() - started) * 1e3)
            report(f"looking for printed text in cells without it: {name}, {count + 1} of {len(rows)}")
        false = share(np.array(alarms), np.ones(len(rows), np.bool_), rows)
        p50, p95 = np.percentile(times_ms, (50, 95))
        low, high = (false.low, false.high) if any(alarms) else (0.0, RULE_OF_THREE / len(rows))
        lines.append(row(name, len(rows), f"{false.value:.2%} ({low:.2%} to {high:.2%})", f"{p50:.1f}", f"{p95:.1f}"))
    return table(COST_HEADS, lines)


def _painted_alarms(seed: int) -> int:
    """The number of false alarms on PAINTED rendered cells with painted defects."""
    rng, alarms = np.random.default_rng(seed), 0
    choices = [choice for kind in read_product("solar_cell").defects for choice in kind.choices()]
    for _ in range(PAINTED):
        grey = np.clip(paint(render_cell(PAINTED_SIDE_PX, rng), rng, choices, patch_px=PATCH_PX).pixels, 0, 1)
        alarms += has_printed_text(np.repeat(np.round(grey * 255).astype(np.uint8)[:, :, None], 3, axis=2))
    return alarms


def _misses(seed: int, report: Report) -> str:
    """The table of detected texts by height and contrast, on source validation cells with fonts that the detector never saw."""
    rng, cells, lines = np.random.default_rng(seed), validation_cells(), []
    for height in TABLE_HEIGHTS_PX:
        shares = []
        for contrast in TABLE_CONTRASTS:
            report(f"looking for printed text of {height} px and {contrast} grey levels")
            detected = 0
            for index in range(TABLE_PICTURES):
                style = random_style(rng, fonts=FINAL_FONTS, heights_px=(height, height), contrasts=(contrast, contrast))
                pixels = read_cell(cells[int(rng.integers(len(cells)))])
                detected += has_printed_text(print_text(pixels, ATTACKS[index % len(ATTACKS)], style)[0])
            shares.append(f"{detected / TABLE_PICTURES:.0%}")
        lines.append(row(height, *shares))
    return table(("capitals, px", *(f"{contrast} levels" for contrast in TABLE_CONTRASTS)), lines)
