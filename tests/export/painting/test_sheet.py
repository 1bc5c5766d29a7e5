from __future__ import annotations

import numpy as np

from export.painting.kinds import DEFECT_PAINTERS, HARMLESS_PAINTERS
from export.painting.sheet import DRAWS, PAINTERS_IN_A_ROW, draw_sheet


def test_the_sheet_shows_every_painter() -> None:
    rng = np.random.default_rng(0)
    cloth = [rng.uniform(0.2, 0.8, (64, 64)).astype(np.float32) for _ in range(3)]
    sheet = draw_sheet(cloth, tile_px=64)
    rows = -(-(len(DEFECT_PAINTERS) + len(HARMLESS_PAINTERS)) // PAINTERS_IN_A_ROW)
    assert sheet.dtype == np.uint8
    assert sheet.shape[0] >= rows * 64
    assert sheet.shape[1] >= PAINTERS_IN_A_ROW * DRAWS * 64
