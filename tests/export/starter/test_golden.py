from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import pytest

from export.products.product import read_product
from export.starter.golden import main


@pytest.mark.long
def test_golden_pictures_are_two_of_each_kind_that_the_eye_sees_and_two_intact_ones(tmp_path: Path) -> None:
    assert main([str(tmp_path / "golden")]) == 0
    product = read_product("solar_cell")
    seen = [kind.name.replace(" ", "-") for kind in product.defects if not kind.measured_only]
    pictures = sorted((tmp_path / "golden").iterdir())
    assert Counter(path.stem.rpartition("-")[0] for path in pictures) == dict.fromkeys(["intact", *seen], 2)
    for path in pictures:
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert pixels is not None
        assert pixels.shape == (product.side_px, product.side_px)


def test_a_folder_that_is_there_keeps_its_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path)])
    assert f"drawing golden pictures into {tmp_path}: it is there already: name a folder that is not there" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
