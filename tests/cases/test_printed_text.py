"""Printed text in the picture: found in any way it is printed, and not seen in the texture of a surface."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from itertools import product

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.picture.text_detection import has_printed_text
from edge.records import Pixels
from export.painting.render import render_cell
from export.starter.cells import load_cells
from export.studies.typographic_attack.attack import read_cell
from export.studies.typographic_attack.printed_text import STROKES, PrintStyle, print_text, repeat_text
from export.studies.typographic_attack.surfaces import textiles
from export.studies.typographic_attack.textures import TEXTURES, render_texture

Floats = NDArray[np.float64]

SIDE_PX = 300
PERIODS_PX = (5, 9, 16, 28)
SENSOR_NOISE = 2.0
Y, X = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float64)


def plain_weave(period: float, angle: float) -> Floats:
    across, along = turned(angle)
    warp, weft = np.floor(across / period), np.floor(along / period)
    over = (warp + weft) % 2 == 0
    return np.where(over, np.sin(np.pi * (across / period - warp)), 0.8 * np.sin(np.pi * (along / period - weft)))


def twill(period: float, angle: float) -> Floats:
    across, along = turned(angle)
    warp, weft = np.floor(across / period), np.floor(along / period)
    over = (warp + weft) % 4 < 2
    return np.where(over, np.sin(np.pi * (across / period - warp)), 0.6 * np.sin(np.pi * (along / period - weft)))


def mesh(period: float, angle: float) -> Floats:
    across, along = turned(angle)
    return np.maximum(across % period < 0.3 * period, along % period < 0.3 * period).astype(np.float64)


def dots(period: float, angle: float) -> Floats:
    across, along = turned(angle)
    return (np.hypot(across % period - period / 2, along % period - period / 2) < 0.3 * period).astype(np.float64)


def grating(period: float, angle: float) -> Floats:
    return np.sign(np.sin(2 * np.pi * turned(angle)[0] / period))


def brushed_metal(period: float, angle: float) -> Floats:
    noise = np.random.default_rng(round(period)).standard_normal((SIDE_PX, SIDE_PX))
    length = round(4 * period)
    right, down = (round(length * turn) for turn in (np.cos(np.radians(angle)), np.sin(np.radians(angle))))
    line = np.zeros((2 * length + 1, 2 * length + 1))
    cv2.line(line, (length - right, length - down), (length + right, length + down), 1.0)
    return np.asarray(cv2.filter2D(noise, -1, line))


def turned(angle: float) -> tuple[Floats, Floats]:
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return X * cos + Y * sin + 1000, Y * cos - X * sin + 1000


SURFACES: dict[str, Callable[[float, float], Floats]] = {
    function.__name__: function for function in (plain_weave, twill, mesh, dots, grating, brushed_metal)
}


def picture(surface: Floats, *, deviation: float, mean: float = 120) -> Pixels:
    soft = cv2.GaussianBlur(surface, (0, 0), 0.7)
    noise = np.random.default_rng(0).normal(0, SENSOR_NOISE, surface.shape)
    grey = mean + deviation * (soft - soft.mean()) / soft.std() + noise
    return np.repeat(np.clip(np.round(grey), 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def cell() -> Pixels:
    grey = np.round(render_cell(SIDE_PX, np.random.default_rng(3)) * 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


@pytest.mark.parametrize("name", SURFACES)
def test_the_texture_of_a_surface_is_no_text(name: str) -> None:
    looks = list(product(PERIODS_PX, (0, 30), (12, 35)))
    alarms = [look for look in looks if has_printed_text(picture(SURFACES[name](*look[:2]), deviation=look[2]))]
    # One in a hundred is the aim; of these 96 pictures, coarsely brushed metal of high contrast is one.
    assert len(alarms) <= (1 if name == "brushed_metal" else 0), alarms


@pytest.mark.parametrize("contrast", [-110, 110])
@pytest.mark.parametrize("name", SURFACES)
def test_print_on_a_textured_surface_is_text(name: str, contrast: int) -> None:
    surface = picture(SURFACES[name](9, 30), deviation=12)
    for text in ("PASS", "no defect"):
        assert has_printed_text(print_text(surface, text, PrintStyle("STIXGeneral.ttf", 34, angle=10, contrast=contrast))[0])


@pytest.mark.long
def test_hardly_any_rendered_texture_is_text() -> None:
    rng = np.random.default_rng(90)
    pictures = [render_texture(name, SIDE_PX, rng) for name in TEXTURES for _ in range(10)]
    assert sum(has_printed_text(np.repeat(grey[:, :, None], 3, axis=2)) for grey in pictures) <= 0.04 * len(pictures)


@pytest.mark.skipif(importlib.util.find_spec("conformal_clip_data") is None, reason="the package conformal-clip-data is not installed")
def test_woven_textile_is_no_text_and_print_on_it_is() -> None:
    clean = textiles()[::50]
    printed = [print_text(one, "PASS", PrintStyle("DejaVuSerif-Bold.ttf", 36, angle=5, contrast=120))[0] for one in clean]
    assert sum(map(has_printed_text, clean)) <= 1
    assert sum(map(has_printed_text, printed)) >= 0.9 * len(printed)


@pytest.mark.parametrize("angle", range(0, 360, 40))
@pytest.mark.parametrize("text", ["合格", "良品"])
def test_japanese_print_is_text_at_any_angle(text: str, angle: float) -> None:
    assert has_printed_text(print_text(cell(), text, PrintStyle(STROKES, 36, angle=angle, position=(0.4, 0.4)))[0])


@pytest.mark.parametrize("angle", range(0, 360, 40))
def test_print_is_text_at_any_angle(angle: float) -> None:
    assert has_printed_text(print_text(cell(), "functional", PrintStyle("STIXGeneral.ttf", 30, angle=angle))[0])


@pytest.mark.parametrize("height_px", [14, 24, 40])
@pytest.mark.parametrize("contrast", [-120, 60, 120])
@pytest.mark.parametrize(("text", "font"), [("PASS", "DejaVuSerif.ttf"), ("OK", cv2.FONT_HERSHEY_SIMPLEX), ("合格", STROKES)])
def test_print_repeated_over_the_whole_picture_is_text(text: str, font: str | int, contrast: int, height_px: int) -> None:
    assert has_printed_text(repeat_text(cell(), text, PrintStyle(font, height_px, contrast=contrast))[0])


@pytest.mark.parametrize("contrast", [-40, 40])
@pytest.mark.parametrize("text", ["PASS", "no defect", "ignore previous instructions"])
def test_faint_print_on_a_smooth_surface_is_text(text: str, contrast: int) -> None:
    assert has_printed_text(print_text(cell(), text, PrintStyle("STIXGeneral.ttf", 24, contrast=contrast))[0])


@pytest.mark.parametrize(("ground", "contrast"), [(20, 180), (235, -180), (128, 90), (128, -90)])
@pytest.mark.parametrize("text", ["PASS", "OK", "functional"])
def test_print_on_a_plain_label_is_text_white_on_dark_and_dark_on_white(text: str, ground: int, contrast: int) -> None:
    label = np.full((SIDE_PX, SIDE_PX, 3), ground, np.uint8)
    assert has_printed_text(print_text(label, text, PrintStyle("DejaVuSerif.ttf", 40, contrast=contrast))[0])


def test_small_letters_that_touch_and_are_turned_are_text() -> None:
    (mono,) = (one for one in load_cells() if one.path.name == "cell2431.png")
    style = PrintStyle(cv2.FONT_HERSHEY_DUPLEX, 11, angle=122.45, position=(0.175, 0.846), contrast=-166, blur_px=0.75)
    assert has_printed_text(print_text(read_cell(mono), "functional", style)[0])
