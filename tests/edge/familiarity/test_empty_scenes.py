from __future__ import annotations

import numpy as np

from edge.familiarity.empty_scenes import SCENES, empty_scenes


def test_scenes_of_every_kind_are_the_same_for_the_same_seed() -> None:
    first, again, other = (list(empty_scenes(40, 60, count=3, seed=seed)) for seed in (1, 1, 2))

    assert len(first) == 3 * len(SCENES)
    assert all(scene.shape == (40, 60, 3) and scene.dtype == np.uint8 for scene in first)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
