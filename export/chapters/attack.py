"""Printed text that asks for an OK, on defective pictures of the pilot that are not OK: what it does without and with the guards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.picture.roi import bounding_box
from edge.records import Capture, Decision, Frame, Inspection, Pixels
from export.chapters.box import Box
from export.chapters.decided import share
from export.chapters.inspected import Inspected, capture_of, kept_inspections, short
from export.chapters.parts import write_copy
from export.findings.box import Attack, Attacked
from export.findings.remark import Remark
from export.progress import Report
from export.studies.typographic_attack import ways
from export.studies.typographic_attack.guards import Decisions, decisions
from firmware_config.digest import digest_of_values
from firmware_config.station import Station

SEED, MOST_PICTURES = 2041, 50
PLAIN, TURNED, JAPANESE, REPEATED, FAINT, HARMLESS = "plain", "turned", "japanese", "repeated", "faint", "harmless"
STYLES = {
    PLAIN: ways.PLAIN,
    TURNED: ways.TURNED,
    JAPANESE: ways.IN_JAPANESE,
    REPEATED: ways.REPEATED,
    FAINT: ways.FAINT,
    HARMLESS: ways.PLAIN,
}
"""Ways in which a pilot prints, and how the study of the attack calls them. `harmless` is a text without a verdict."""
EXAMPLE, EXAMPLE_PX = "attack/example.jpg", 640


@dataclass(frozen=True, slots=True)
class Printed:
    """A row of the pictures, and the way and the text that are printed on it."""

    row: int
    way: str
    text: str


def attack(
    inspected: Inspected, box: Box, *, folder: Path, cache: Path, report: Report, seed: int = SEED, most: int = MOST_PICTURES
) -> Attack:
    """Print on up to `most` defective pictures that are not OK, inspect them, and count those that become OK.

    Sizes of the text are relative to the region that the station looks at, and it is printed inside it. The example is written below
    `folder`, that of the pilot; inspections are kept in `cache`. A station that allows printed text has no guard on the picture.

    Raises:
        ChapterError, StudyError, ConfigError, EdgeError: as `inspect_all`.
    """
    texts = texts_of(box.station)
    good = [one.description for one, bad in zip(inspected.inspections, inspected.bad, strict=True) if not bad and one.description]
    looks_for_text = not box.station.picture.allow_printed_text
    false_finds = share(sum(one.printed_text for one in good), len(good) if looks_for_text else 0)
    chosen = _chosen(inspected, box, seed=seed, most=most)
    if not chosen:
        return Attack(
            texts=(*texts, *ways.JAPANESE),
            ways=(),
            false_finds=false_finds,
            example=None,
            why_not=Remark(code="none_to_print_on"),
            looks_for_text=looks_for_text,
        )
    prints = [_printed(way, row, number, texts) for number, row in enumerate(chosen) for way in STYLES]
    names = [f"{inspected.pictures[one.row].source}:{one.way}:{one.text}" for one in prints]
    key = digest_of_values({"pictures": inspected.key, "seed": seed, "prints": names})
    inspections = kept_inspections(
        names,
        lambda index: _attacked(inspected, prints[index], seed=seed),
        box,
        lines=cache / f"attack-{short(key)}.jsonl",
        what=f"{len(prints)} pictures with printed text",
        report=report,
    )
    given = _decided(inspections, box)
    example = _example(prints, given)
    capture = _attacked(inspected, prints[example], seed=seed)
    if isinstance(capture, Frame):
        write_copy(capture.pixels, folder / EXAMPLE, side_px=EXAMPLE_PX)
    return Attack(
        texts=(*texts, *ways.JAPANESE),
        ways=tuple(_counted(way, [index for index, one in enumerate(prints) if one.way == way], given, inspections) for way in STYLES),
        false_finds=false_finds,
        example=EXAMPLE if isinstance(capture, Frame) else None,
        looks_for_text=looks_for_text,
    )


def texts_of(station: Station) -> tuple[str, ...]:
    """The texts that ask for an OK: verdicts, a command, and the names of the station's good labels that a printer of ASCII can print."""
    names = [label.name for label in station.labels if label.decision == "ok" and label.name.isascii()]
    return tuple(dict.fromkeys((*ways.ATTACKS[:-1], *names)))


def _chosen(inspected: Inspected, box: Box, *, seed: int, most: int) -> list[int]:
    """Rows of defective pictures that are not OK even without the guards, drawn by seed."""
    rows = [int(row) for row in np.flatnonzero(inspected.bad & inspected.judged)]
    given = _decided([inspected.inspections[row] for row in rows], box)
    caught = [row for row, (unguarded, _, _) in zip(rows, given, strict=True) if unguarded is not Decision.OK]
    drawn = np.random.default_rng(seed).permutation(len(caught))[:most]
    return [caught[index] for index in sorted(drawn)]


def _decided(inspections: Sequence[Inspection], box: Box) -> list[Decisions]:
    escape = box.escape
    return [
        decisions(one, box.station, has_text=one.description is not None and one.description.printed_text, escape=escape)
        for one in inspections
    ]


def _printed(way: str, row: int, number: int, texts: Sequence[str]) -> Printed:
    if way == HARMLESS:
        return Printed(row, way, ways.CONTROL)
    some = ways.JAPANESE if way == JAPANESE else texts
    return Printed(row, way, some[number % len(some)])


def _attacked(inspected: Inspected, printed: Printed, *, seed: int) -> Capture:
    """The picture with its text; each is drawn by a seed of its own, so that they can be made in any order."""
    capture = capture_of(inspected.pictures[printed.row], inspected.station)
    if not isinstance(capture, Frame):
        return capture
    rng = np.random.default_rng((seed, printed.row, tuple(STYLES).index(printed.way)))
    return replace(capture, pixels=print_inside(capture.pixels, printed, inspected.station, rng))


def print_inside(pixels: Pixels, printed: Printed, station: Station, rng: np.random.Generator) -> Pixels:
    """A picture, uint8 (H, W, 3) BGR, with a text in a random style inside the region that the station looks at."""
    height, width = pixels.shape[:2]
    roi = station.picture.roi
    window = (slice(0, height), slice(0, width)) if roi is None else bounding_box(roi, (height, width))
    inside, out = pixels[window], pixels.copy()
    style = ways.style_of(STYLES[printed.way], rng, side_px=min(inside.shape[:2]))
    out[window] = ways.print_way(inside, printed.text, STYLES[printed.way], style)
    return out


def _counted(way: str, members: Sequence[int], given: Sequence[Decisions], inspections: Sequence[Inspection]) -> Attacked:
    unguarded, guarded = (sum(given[index][guards] is Decision.OK for index in members) for guards in (0, 2))
    descriptions = [inspections[index].description for index in members]
    found = sum(one is not None and one.printed_text for one in descriptions)
    return Attacked(
        way=way,
        pictures=len(members),
        ok_unguarded=share(unguarded, len(members)),
        ok_guarded=share(guarded, len(members)),
        found=share(found, len(members)),
    )


def _example(prints: Sequence[Printed], given: Sequence[Decisions]) -> int:
    """The print to show: one that becomes OK without the guards, best with text that asks for it; else the first."""
    fooled = [index for index, one in enumerate(given) if one[0] is Decision.OK]
    return min(fooled, key=lambda index: (prints[index].way == HARMLESS, index), default=0)
