"""Known pictures of a station, measured: the limits of a healthy picture, and the memory of what the station knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.familiarity.empty_scenes import empty_scenes
from edge.familiarity.learn import Learned, learn
from edge.interfaces import VisionModels
from edge.measures.view import View, view_of
from edge.picture.exposure import Exposure, measure
from edge.picture.health import HealthCheck, pixels_of_interest
from edge.picture.roi import crop
from edge.records import Capture, LostFrame, Pixels
from firmware_config.station import Picture, Station

MARGINS = {"blank_spread": 0.3, "min_light": 0.5, "max_clipped": 0.3, "min_sharpness": 0.3}
"""How far a limit lies beyond the known picture that is farthest out, as a share of that picture's distance to the median.

Chosen on cells (docs/studies/familiarity.md): no cell of a run that was left out crosses a limit; every cell at a third of its contrast, a
quarter of its light or blurred by 4 pixels does. Light has the widest margin: it differs most between runs.
"""
MOST = {"blank_spread": 128.0, "min_light": 255.0, "max_clipped": 1.0, "min_sharpness": 255.0}
"""The largest limits that a station takes."""
LEAST_MAX_CLIPPED = 0.02
"""A share of white pixels that hides nothing: where no known picture has any, a bright scratch must not be a camera's fault."""
LIMIT_DIGITS = 3
FEW_PICTURES = 200


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit for the station's [picture] section, and the known pictures' lowest, middle and highest value."""

    key: str
    value: float
    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class KnownPictures:
    """Known pictures of one station: their exposure, features (N, F), views, and which are of good parts, bool (N,).

    `left_out` are the sentences of pictures that could not be used. `size` is (H, W) of what the models see of the first picture.
    """

    exposures: tuple[Exposure, ...]
    features: NDArray[np.float32]
    views: tuple[View, ...]
    good: NDArray[np.bool_]
    left_out: tuple[str, ...]
    size: tuple[int, int]


def measure_pictures(captures: Iterable[tuple[Capture, bool]], station: Station, vision: VisionModels) -> KnownPictures:
    """Measure captures, each with whether its part is good; the result is in the order of the names, so neighbours stay together.

    Only unreadable pictures and those of another size are left out: the present limits of light and focus are what is to be replaced.

    Raises:
        EdgeError: no picture can be used.
        BundleError, DescribeError: the bundle gives no features, or the model failed.
    """
    health = HealthCheck(_without_limits(station.picture))
    exposures, features, views, good, names, left_out = [], [], [], [], [], []
    size: tuple[int, int] | None = None
    for capture, is_good in captures:
        trouble = capture.detail if isinstance(capture, LostFrame) else (health.trouble(capture) or (None, None))[1]
        if trouble is not None or isinstance(capture, LostFrame):
            left_out.append(f"{capture.source}: {trouble}")
            continue
        pixels = _seen_by_models(capture.pixels, station.picture)
        size = size or (pixels.shape[0], pixels.shape[1])
        exposures.append(measure(pixels_of_interest(capture.pixels, station.picture)))
        features.append(vision.features(pixels))
        views.append(view_of(pixels))
        good.append(is_good)
        names.append(capture.source)
    if size is None:
        found = f"{len(left_out)} pictures, none of them usable, the first is {left_out[0]}" if left_out else "no picture"
        msg = f"measuring known pictures: found {found}: give the folder of the station's own pictures"
        raise EdgeError(msg)
    order = sorted(range(len(names)), key=names.__getitem__)
    in_order = tuple(exposures[i] for i in order), np.stack(features)[order], tuple(views[i] for i in order), np.array(good)[order]
    return KnownPictures(*in_order, tuple(left_out), size)


def learned_memory(known: KnownPictures, vision: VisionModels, *, false_alarm: float) -> Learned:
    """Learn the memory of known pictures; empty scenes of the same size set its outer limit.

    Raises:
        EdgeError: there are too few good pictures.
    """
    scenes = np.stack([vision.features(scene) for scene in empty_scenes(*known.size)])
    return learn(known.features, known.good, scenes, false_alarm=false_alarm)


def limits(exposures: Sequence[Exposure]) -> Iterator[Limit]:
    """The limits of a healthy picture, in the order of the station's keys; none for sharpness where the pictures are too small."""
    measures = {"blank_spread": "spread", "min_light": "light", "max_clipped": "clipped", "min_sharpness": "sharpness"}
    for key, name in measures.items():
        values = np.array([getattr(exposure, name) for exposure in exposures], np.float64)
        if np.isnan(values).any():
            continue
        low, middle, high = float(values.min()), float(np.median(values)), float(values.max())
        extreme = high if key == "max_clipped" else low
        value = extreme + MARGINS[key] * (extreme - middle)
        if key == "max_clipped":
            value = max(value, LEAST_MAX_CLIPPED)
        yield Limit(key, round(min(max(value, 0.0), MOST[key]), LIMIT_DIGITS), low, middle, high)


def _seen_by_models(pixels: Pixels, settings: Picture) -> Pixels:
    return pixels if settings.roi is None else crop(pixels, settings.roi)


def _without_limits(settings: Picture) -> Picture:
    """The settings of a picture without limits of light, contrast and focus, and without the check for a frozen camera."""
    free = {"blank_spread": 0.0, "min_light": 0.0, "max_clipped": 1.0, "min_sharpness": None, "frozen_after": None}
    return settings.model_copy(update=free)
