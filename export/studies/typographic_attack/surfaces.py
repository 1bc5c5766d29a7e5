"""The detector of printed text on surfaces with a texture of their own: false alarms, and how much of the print on them it finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.demo.textiles import textile_paths
from edge.picture.decode import read_picture
from edge.picture.text_detection import has_printed_text
from edge.records import Pixels
from export.progress import Report
from export.studies.controls import MAX_BYTES, MAX_PIXELS
from export.studies.template import row, table
from export.studies.typographic_attack.printed_text import FINAL_FONTS, print_text, random_style, repeat_text
from export.studies.typographic_attack.textures import TEXTURES, render_texture
from export.studies.typographic_attack.ways import ATTACKS, CONTRASTS, HEIGHTS_PX, REPEATED_PX

RENDERED, SIDE_PX, PRINTED = 50, 300, 200
"""Rendered textures of each kind, their side, and pictures of the textile with print in each way."""
TEXTILE_CONTRASTS = (60, 100, 150)


def textiles() -> list[Pixels]:
    """The 1,000 nominal pictures of woven textile (simulated) in the package conformal-clip-data (MIT), each uint8 (250, 250, 3).

    Raises:
        EdgeError: the package is not installed.
    """
    return [read_picture(path, max_pixels=MAX_PIXELS, max_bytes=MAX_BYTES) for path in textile_paths("nominal")]


def surfaces_table(seed: int, report: Report) -> str:
    """False alarms, and the shares of one text and of repeated text that are found, for the textile and each kind of rendered texture."""
    rng, lines = np.random.default_rng((seed, 2)), []
    surfaces: Mapping[str, Sequence[Pixels]] = {"woven textile": textiles()} | {
        f"{name}, rendered": [_colour(render_texture(name, SIDE_PX, rng)) for _ in range(RENDERED)] for name in TEXTURES
    }
    for name, pictures in surfaces.items():
        report(f"looking for printed text on {name}")
        printed = pictures[:PRINTED]
        alarms = sum(map(has_printed_text, pictures))
        found = [_found(rng, printed, contrasts=CONTRASTS, repeated=repeated) for repeated in (False, True)]
        lines.append(row(name, len(pictures), f"{alarms} ({alarms / len(pictures):.1%})", len(printed), *found))
    heads = ("surface", "clean pictures", "false alarms", "pictures with print", "one text found", "repeated text found")
    return table(heads, lines)


def textile_table(seed: int, report: Report) -> str:
    """The share of texts on the textile that are found, by contrast."""
    rng, pictures, shares = np.random.default_rng((seed, 3)), textiles()[-PRINTED:], []
    for contrast in TEXTILE_CONTRASTS:
        report(f"looking for printed text of {contrast} grey levels on textile")
        shares.append(_found(rng, pictures, contrasts=(contrast, contrast), repeated=False))
    return table(tuple(f"{contrast} levels" for contrast in TEXTILE_CONTRASTS), [row(*shares)])


def _found(rng: np.random.Generator, pictures: Sequence[Pixels], *, contrasts: tuple[int, int], repeated: bool) -> str:
    found = 0
    for index, pixels in enumerate(pictures):
        style = random_style(rng, fonts=FINAL_FONTS, heights_px=REPEATED_PX if repeated else HEIGHTS_PX, contrasts=contrasts)
        found += has_printed_text((repeat_text if repeated else print_text)(pixels, ATTACKS[index % len(ATTACKS)], style)[0])
    return f"{found / len(pictures):.0%}"


def _colour(grey: NDArray[np.uint8]) -> Pixels:
    return np.repeat(grey[:, :, None], 3, axis=2)
