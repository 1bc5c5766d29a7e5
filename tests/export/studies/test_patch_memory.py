from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.records import Pixels
from export.studies.imagenet import feature_maps, kept
from export.studies.patch_memory import PatchMemory, patch_memory_scores

SIDE_PX, PLANTED = 96, slice(40, 64)


def texture(seed: int) -> Pixels:
    """A fine weave with noise, uint8 (SIDE_PX, SIDE_PX, 3)."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:SIDE_PX, :SIDE_PX]
    weave = 120 + 40 * np.sin(xx * 1.3 + rng.uniform(0, 6)) * np.sin(yy * 0.7 + rng.uniform(0, 6)) + rng.normal(0, 6, xx.shape)
    return np.repeat(np.clip(weave, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def with_planted_patch(seed: int) -> Pixels:
    """The same with a patch that lies turned by 90 degrees: its tones are those of the rest."""
    picture = texture(seed)
    picture[PLANTED, PLANTED] = np.rot90(picture[PLANTED, PLANTED])
    return picture


GOOD = [texture(seed) for seed in range(8)]


def test_a_planted_patch_is_more_unusual_than_any_good_picture() -> None:
    asked = [*(texture(seed) for seed in range(20, 26)), *(with_planted_patch(seed) for seed in range(20, 26))]

    scores = patch_memory_scores(GOOD, asked, seed=0)

    assert scores.dtype == np.float64
    assert scores[6:].min() > 1.2 * scores[:6].max()


def test_the_most_unusual_place_is_where_the_patch_was_planted() -> None:
    memory = PatchMemory.learn(feature_maps(GOOD, stride=8), seed=0)
    for seed in range(20, 24):
        (distances,) = memory.distances(feature_maps([with_planted_patch(seed)], stride=8))
        row, column = np.unravel_index(int(distances.argmax()), distances.shape)
        assert PLANTED.start - 8 <= 8 * row <= PLANTED.stop
        assert PLANTED.start - 8 <= 8 * column <= PLANTED.stop


def test_the_same_seed_chooses_the_same_memory() -> None:
    maps = feature_maps(GOOD, stride=8)
    first, same, other = (PatchMemory.learn(maps, seed=seed).patches.numpy() for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first[0], other[0])


def test_features_that_are_kept_are_made_once(tmp_path: Path) -> None:
    def fail() -> NDArray[np.generic]:
        message = "made again"
        raise AssertionError(message)

    made = kept(tmp_path / "new/maps.npy", lambda: np.arange(4))
    assert np.array_equal(kept(tmp_path / "new/maps.npy", fail), made)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["maps.npy"]
