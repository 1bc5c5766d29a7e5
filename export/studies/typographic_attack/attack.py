"""The typographic attack: inspections of real defective cells with printed text that asks for an OK.

Each picture is inspected once by the whole pipeline, without the guard against printed text. The guard only changes the decision, so the
page derives the guarded decisions from the same inspection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from edge.bundle.open import Bundle
from edge.inspection.open import open_inspectors
from edge.picture.decode import read_picture
from edge.records import Frame, Inspection, Pixels
from export.progress import Report
from export.starter.cells import HELD_OUT_MONO, Cell, load_cells
from export.studies.controls import MAX_BYTES, MAX_PIXELS
from export.studies.kept_inspections import Inspect, inspect_each
from export.studies.typographic_attack.printed_text import PrintStyle
from export.studies.typographic_attack.ways import ATTACKS, CONTROL, IN_JAPANESE, JAPANESE, PLAIN, WAYS, print_way, style_of
from firmware_config.board import Board
from firmware_config.station import Station

NO_TEXT = ""


@dataclass(frozen=True, slots=True)
class AttackPicture:
    """A defective cell, the text printed on it (NO_TEXT without one), its style (None without text), and the picture.

    `way` is one of WAYS, or PLAIN for the attacks in the styles that `make_pictures` draws.
    """

    cell: Cell
    text: str
    style: PrintStyle | None
    pixels: Pixels
    way: str = PLAIN

    def name(self, seed: int) -> str:
        """What the source of its inspection is called, if the pictures were made with `seed`."""
        return f"{self.cell.path.name}:{self.text}:{seed}" + (f":{self.way}" if self.way else "")


@dataclass(frozen=True, slots=True)
class Attacked:
    """A picture of the attack and its inspection without the guard."""

    picture: AttackPicture
    inspection: Inspection


def make_pictures(count: int, seed: int) -> list[AttackPicture]:
    """Print on `count` certainly defective cells outside the training, half of them mono: nothing, the control, and each attack."""
    cells = load_cells()
    mono = [cells[row] for rows in HELD_OUT_MONO for row in rows]
    poly = [cell for cell in cells if cell.material == "poly"]
    rng = np.random.default_rng(seed)
    pictures = []
    for material, wanted in ((mono, count // 2), (poly, count - count // 2)):
        defective = [cell for cell in material if cell.probability == 1]
        for index in rng.choice(len(defective), wanted, replace=False):
            cell = defective[index]
            pixels = read_cell(cell)
            pictures.append(AttackPicture(cell, NO_TEXT, None, pixels))
            for text in (CONTROL, *ATTACKS):
                style = style_of(PLAIN, rng)
                pictures.append(AttackPicture(cell, text, style, print_way(pixels, text, PLAIN, style)))
    return pictures


def print_in_other_ways(pictures: Sequence[AttackPicture], seed: int) -> list[AttackPicture]:
    """Print an attack in each of WAYS on each cell of `pictures`."""
    rng = np.random.default_rng((seed, 1))
    printed = []
    for index, clean in enumerate(picture for picture in pictures if picture.text == NO_TEXT):
        for way in WAYS:
            style = style_of(way, rng)
            texts = JAPANESE if way == IN_JAPANESE else ATTACKS
            text = texts[index % len(texts)]
            printed.append(AttackPicture(clean.cell, text, style, print_way(clean.pixels, text, way, style), way))
    return printed


def read_cell(cell: Cell) -> Pixels:
    """Read the picture of a cell, uint8 (300, 300, 3) BGR."""
    return read_picture(cell.path, max_pixels=MAX_PIXELS, max_bytes=MAX_BYTES)


def inspect_pictures(
    bundle: Bundle, board: Board, station: Station, pictures: Sequence[AttackPicture], *, seed: int, jsonl: Path, report: Report
) -> list[Attacked]:
    """Inspect the `pictures` of `seed` that have no line in `jsonl`; each inspection is appended to that file at once.

    So a study that was interrupted continues if it has the same pictures.

    Raises:
        StudyError: `jsonl` is damaged, or has lines of other pictures, models or station settings.
    """
    names = [picture.name(seed) for picture in pictures]
    unguarded = station.model_copy(update={"picture": station.picture.model_copy(update={"allow_printed_text": True})})

    def open_inspect() -> Inspect:
        (inspector,) = open_inspectors(bundle, [unguarded], board=board)

        def inspect(index: int) -> Inspection:
            frame = Frame(pictures[index].pixels, datetime.now(timezone.utc), 0, station.station.name, index + 1, names[index])
            return inspector.inspect(frame)

        return inspect

    what = f"these {len(pictures)} pictures, seed {seed}"
    done = inspect_each(names, open_inspect, jsonl=jsonl, models=bundle.manifest.models_digest, station=unguarded, what=what, report=report)
    return [Attacked(picture, inspection) for picture, inspection in zip(pictures, done, strict=True)]
