from __future__ import annotations

import cv2
import numpy as np

from edge.records import Pixels
from export.studies.texture_statistics import local_contrast_scores, whole_picture_scores


def texture(seed: int, period_px: float = 6.0) -> Pixels:
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:80, :80]
    weave = 120 + 40 * np.sin(xx * 6.28 / period_px + rng.uniform(0, 6)) * np.sin(yy * 6.28 / period_px) + rng.normal(0, 8, xx.shape)
    return np.repeat(np.clip(weave, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


GOOD = [texture(seed) for seed in range(40)]
UNSEEN = [texture(seed) for seed in range(100, 110)]


def test_another_scale_of_the_whole_texture_is_farther_than_any_good_picture() -> None:
    scores = whole_picture_scores(GOOD, [*UNSEEN, *(texture(seed, period_px=6.6) for seed in range(10))])
    assert scores[10:].min() > scores[:10].max()


def test_a_blurred_place_is_farther_than_any_good_picture() -> None:
    blurred = [texture(seed) for seed in range(200, 210)]
    for picture in blurred:
        picture[30:55, 30:55] = cv2.GaussianBlur(picture[30:55, 30:55], (0, 0), 3)
    scores = local_contrast_scores(GOOD, [*UNSEEN, *blurred])
    assert scores[10:].min() > scores[:10].max()
