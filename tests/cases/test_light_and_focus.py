"""Pictures that are over-exposed, dark, faint or out of focus: each is a FAULT with its own reason, never an OK."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from edge.demo.cells import load_cells
from edge.picture.decode import read_picture
from edge.picture.health import HealthCheck
from edge.records import Pixels, Reason
from firmware_config.station import Picture, read_station
from tests.support.repository import STARTER_SOURCES
from tests.support.sample_records import frame
from tests.support.tiny_bundle import is_one_sentence

LEARNED = read_station(STARTER_SOURCES / "weights/station.toml").picture
"""The limits that `kotoba-edge measure` found from the training cells."""

HELD_OUT = [cell for cell in load_cells()[:60] if cell.material == "mono"]
DEFECTIVE = [read_picture(cell.path) for cell in HELD_OUT if cell.probability == 1.0][:12]


def trouble(pixels: Pixels, settings: Picture) -> Reason | None:
    found = HealthCheck(settings).trouble(frame(pixels=pixels))
    assert found is None or is_one_sentence(found[1])
    return found and found[0]


def light(factor: float) -> Callable[[Pixels], Pixels]:
    return lambda pixels: np.clip(pixels * factor, 0, 255).astype(np.uint8)


def contrast(factor: float) -> Callable[[Pixels], Pixels]:
    return lambda pixels: np.clip((pixels - pixels.mean()) * factor + pixels.mean(), 0, 255).astype(np.uint8)


def blur(sigma: float, noise: float = 0) -> Callable[[Pixels], Pixels]:
    def blurred(pixels: Pixels) -> Pixels:
        grey = cv2.GaussianBlur(pixels[:, :, 0].astype(np.float32), (0, 0), sigma)
        grey = grey + np.random.default_rng(0).normal(0, noise, grey.shape)
        return np.repeat(np.clip(grey.round(), 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)

    return blurred


def exposed_until(share: float) -> Callable[[Pixels], Pixels]:
    """Over-exposed until this share of the pixels is at full white."""

    def exposed(pixels: Pixels) -> Pixels:
        return light(255.5 / max(1.0, float(np.quantile(pixels, 1 - share))))(pixels)

    return exposed


@pytest.mark.parametrize("share", [0.92, 0.95, 0.97, 0.999])
def test_a_defective_cell_that_is_white_nearly_all_over_is_clipped_also_without_learned_limits(share: float) -> None:
    assert {trouble(exposed_until(share)(pixels), Picture()) for pixels in DEFECTIVE} == {Reason.CLIPPED}


@pytest.mark.parametrize("factor", [1 / 16, 1 / 20, 1 / 32])
def test_a_cell_with_a_sixteenth_of_the_light_is_dark_or_blank_also_without_learned_limits(factor: float) -> None:
    assert {trouble(light(factor)(pixels), Picture()) for pixels in DEFECTIVE} <= {Reason.DARK, Reason.BLANK}


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        (exposed_until(0.06), {Reason.CLIPPED}),
        (exposed_until(0.3), {Reason.CLIPPED}),
        (exposed_until(0.6), {Reason.CLIPPED}),
        (light(0.25), {Reason.DARK, Reason.BLANK}),
        (light(0.35), {Reason.DARK, Reason.BLANK}),
        (contrast(0.15), {Reason.BLANK}),
        (contrast(0.25), {Reason.BLANK}),
        (contrast(0.3), {Reason.BLANK}),
        (blur(4), {Reason.BLURRED, Reason.BLANK}),
        (blur(4, noise=1), {Reason.BLURRED, Reason.BLANK}),
        (blur(8), {Reason.BLURRED, Reason.BLANK}),
    ],
)
def test_a_change_of_light_contrast_or_focus_has_its_reason(change: Callable[[Pixels], Pixels], reasons: set[Reason]) -> None:
    found = [trouble(change(pixels), LEARNED) for pixels in DEFECTIVE]

    assert None not in found
    assert set(found) <= reasons


def test_cells_of_runs_that_the_limits_have_not_seen_cross_none() -> None:
    assert [cell.row for cell in HELD_OUT if trouble(read_picture(cell.path), LEARNED)] == []


def test_light_outside_the_region_of_interest_does_not_matter() -> None:
    lamp = DEFECTIVE[0].copy()
    lamp[:, :150] = 255
    right_half = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))

    assert trouble(lamp, Picture(max_clipped=0.1)) is Reason.CLIPPED
    assert trouble(lamp, Picture(max_clipped=0.1, roi=right_half)) is None


def test_a_part_in_front_of_a_lamp_passes_where_the_station_says_so() -> None:
    silhouette = np.full((200, 200, 3), 255, np.uint8)
    silhouette[95:105, 95:105] = np.arange(100).reshape(10, 10, 1)

    assert trouble(silhouette, Picture(blank_spread=0)) is Reason.CLIPPED
    assert trouble(silhouette, Picture(blank_spread=0, max_clipped=1.0)) is None


def test_a_dark_field_picture_passes_where_the_station_says_so() -> None:
    dark_field = np.full((200, 200, 3), 4, np.uint8)
    dark_field[100, 20:180] = 240

    assert trouble(dark_field, Picture(blank_spread=0)) is Reason.DARK
    assert trouble(dark_field, Picture(blank_spread=0, min_light=0)) is None
