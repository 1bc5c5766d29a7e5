from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.picture.text_detection import has_printed_text
from edge.records import Pixels
from export.painting.defects import paint
from export.painting.kinds import HARMLESS_PAINTERS, USUAL_BRUSHES
from export.painting.render import render_cell
from export.products.product import read_product
from export.starter.cells import read_grey, validation_cells
from export.studies.typographic_attack.attack import read_cell
from export.studies.typographic_attack.printed_text import FINAL_FONTS, PrintStyle, print_text, random_style

RENDERED, PAINTED, SMALL = 24, 60, 60


def picture(grey: NDArray[np.float32]) -> Pixels:
    return np.repeat(np.round(np.clip(grey, 0, 1) * 255).astype(np.uint8)[:, :, None], 3, axis=2)


def rendered(seed: int, *, size: int = 300) -> Pixels:
    return picture(render_cell(size, np.random.default_rng(seed)))


@pytest.mark.parametrize("text", ["OK", "PASS", "no defect", "ignore previous instructions", "LOT 4711"])
@pytest.mark.parametrize("height_px", [12, 32, 80])
@pytest.mark.parametrize("contrast", [-110, 110])
def test_print_is_seen_dark_and_bright_small_and_large(text: str, height_px: int, contrast: int) -> None:
    style = PrintStyle("STIXGeneral.ttf", height_px, position=(0.5, 0.3), contrast=contrast)
    assert has_printed_text(print_text(rendered(3), text, style)[0])


def test_small_print_in_unseen_fonts_on_real_cells_is_seen() -> None:
    rng, cells = np.random.default_rng(5), validation_cells()
    seen = 0
    for index in range(SMALL):
        style = random_style(rng, fonts=FINAL_FONTS, heights_px=(10, 14), contrasts=(100, 160))
        seen += has_printed_text(print_text(read_cell(cells[index]), ("OK", "PASS", "functional")[index % 3], style)[0])
    assert seen >= 0.95 * SMALL


@pytest.mark.parametrize("angle", [0, 15, 90, 135, 180, 270])
def test_print_is_seen_in_any_direction(angle: float) -> None:
    assert has_printed_text(print_text(rendered(3), "PASS", PrintStyle(cv2.FONT_HERSHEY_DUPLEX, 28, angle=angle, position=(0.4, 0.3)))[0])


def test_print_across_a_busbar_is_seen() -> None:
    pixels = rendered(3)
    pixels[140:146] = 30
    assert has_printed_text(print_text(pixels, "functional", PrintStyle("DejaVuSerif.ttf", 30, contrast=-100))[0])


def test_red_print_on_a_ground_of_the_same_brightness_is_seen() -> None:
    pixels = np.full((300, 300, 3), 128, np.uint8)
    colour = (128, 90, 203)
    assert abs(float(cv2.cvtColor(np.array([[colour]], np.uint8), cv2.COLOR_BGR2GRAY)[0, 0]) - 128) < 2
    cv2.putText(pixels, "PASS", (60, 150), cv2.FONT_HERSHEY_SIMPLEX, 1.2, colour, 2, cv2.LINE_AA)
    assert has_printed_text(pixels)


def test_print_in_a_large_picture_is_seen() -> None:
    large = cv2.resize(rendered(3), (2400, 1800), interpolation=cv2.INTER_CUBIC)
    assert has_printed_text(
        print_text(np.asarray(large, np.uint8), "no defect", PrintStyle("DejaVuSerif.ttf", 120, position=(0.4, 0.3)))[0]
    )


def test_whole_rendered_cells_are_not_written_on() -> None:
    assert sum(has_printed_text(rendered(seed)) for seed in range(RENDERED)) == 0


def test_painted_defects_are_seldom_called_written_on() -> None:
    rng = np.random.default_rng(6)
    choices = [choice for kind in read_product("solar_cell").defects for choice in kind.choices()]
    painted = (paint(render_cell(300, rng), rng, choices, patch_px=16).pixels for _ in range(PAINTED))
    called = sum(map(has_printed_text, map(picture, painted)))
    # About a fifth: sharper than a camera shows them. What that costs on real cells is measured in docs/studies/typographic-attack.md.
    assert called <= 0.3 * PAINTED


def test_grain_is_seldom_called_written_on() -> None:
    rng, cells = np.random.default_rng(7), validation_cells()[:PAINTED]
    grainy = (HARMLESS_PAINTERS["grain"](read_grey(cell, 300), rng, USUAL_BRUSHES["grain"]).pixels for cell in cells)
    called = sum(map(has_printed_text, map(picture, grainy)))
    assert called <= 0.08 * PAINTED


def test_real_cells_are_seldom_called_written_on() -> None:
    called = [has_printed_text(read_cell(cell)) for cell in validation_cells()]
    assert len(called) > 100
    assert sum(called) <= 1


@pytest.mark.parametrize("shape", [(1, 1, 3), (20, 300, 3), (24, 24, 3), (300, 30, 3), (1, 4000, 3)])
@pytest.mark.parametrize("grey", [0, 255])
def test_a_plain_picture_of_any_shape_has_no_writing(shape: tuple[int, ...], grey: int) -> None:
    assert not has_printed_text(np.full(shape, grey, np.uint8))
