"""What stands out from cloth: a patch of another weave does, a patch of the same does not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from export.painting.defects import Choice, paint
from export.painting.scene import Brush
from export.painting.visibility import stands_out

SEEN = 4.0
MASK = np.zeros((200, 200), np.float32)
MASK[60:84, 90:114] = 1


def cloth(seed: int, *, turned: bool = False) -> NDArray[np.float32]:
    """A weave whose threads run along one diagonal, or `turned` along the other; float32 (200, 200)."""
    noise = np.random.default_rng(seed).standard_normal((200, 200)).astype(np.float32)
    along = cv2.filter2D(noise, -1, np.eye(9, dtype=np.float32) / 9, borderType=cv2.BORDER_REFLECT)
    along = along[:, ::-1] if turned else along
    return np.asarray(0.5 + 0.1 * along / along.std(), np.float32)


def with_patch(picture: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(MASK > 0, other, picture)


def seen(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    return stands_out(before, after, MASK, np.random.default_rng(0))


@pytest.mark.parametrize("seed", range(5))
def test_a_patch_of_the_same_weave_does_not_stand_out_and_another_does(seed: int) -> None:
    here = cloth(seed)
    assert seen(here, with_patch(here, cloth(seed + 100))) < SEEN
    assert seen(here, with_patch(here, cloth(seed + 100, turned=True))) > SEEN, "other threads"
    assert seen(here, with_patch(here, np.asarray(cv2.GaussianBlur(here, (0, 0), 1.5), np.float32))) > SEEN, "blurred"
    assert seen(here, here + 0.15 * MASK) > SEEN, "brighter"
    assert abs(seen(here, here + 0.003 * MASK) - seen(here, here)) < 1, "hardly brighter"


def test_colour_and_a_change_of_the_whole_surface_are_compared_too() -> None:
    here, whole = cloth(1), np.ones((200, 200), np.float32)
    in_colour = np.repeat(here[:, :, None], 3, 2)
    assert stands_out(in_colour, in_colour, MASK, np.random.default_rng(0)) < SEEN
    assert stands_out(in_colour, 0.5 + 0.4 * (in_colour - 0.5), whole, np.random.default_rng(0)) > SEEN


def test_what_does_not_stand_out_is_not_painted() -> None:
    """A patch from elsewhere on the cloth, for which nobody sees a reason, and one that is shuffled."""
    same, shuffled = (
        Choice("patch", painter, 1, Brush(strength=(1, 1), size=(0.1, 0.2))) for painter in ("patch_elsewhere", "patch_shuffled")
    )

    def share(choice: Choice, apart: float) -> float:
        painted = [paint(cloth(seed), np.random.default_rng(seed), [choice], patch_px=16, apart=apart).defects for seed in range(40)]
        return sum(map(bool, painted)) / len(painted)

    assert share(same, 0) == 1
    assert share(same, SEEN) < 0.35
    assert share(shuffled, SEEN) > 0.6, "small blocks of a narrow patch may still not be seen"
