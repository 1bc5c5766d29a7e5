"""A copy of every product that comes along can be taught, from its first file to a signed bundle that verifies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from export.cli import main
from export.products.gallery import neutral_pictures
from export.products.guide import read_guide
from export.products.product import built_in_products, read_product
from firmware_config.exit_codes import DONE
from firmware_config.station import read_station
from tests.support.repository import ROOT
from tests.support.teaching import FEWEST_GOOD
from tests.support.tiny_llama import write_llama
from tests.support.tiny_teaching import LLM


@pytest.mark.slow
@pytest.mark.parametrize("name", built_in_products())
def test_a_copy_of_a_product_is_taught_and_its_station_has_the_labels_of_its_guide(name: str, tmp_path: Path) -> None:
    good, mine = tmp_path / "good", tmp_path / "mine"
    good.mkdir()
    for number, picture in enumerate(neutral_pictures(read_product(name), count=FEWEST_GOOD, seed=7)):
        assert cv2.imwrite(str(good / f"{number:02d}.png"), np.asarray(np.round(picture * 255), np.uint8))
    assert main(["product", "new", name, str(mine), "--good", str(good)]) == DONE
    with (mine / "teach.toml").open("a", encoding="utf-8") as spec:
        spec.write(LLM)
    write_llama(mine / "model.gguf")

    teaching = [sys.executable, "-m", "tests.support.tiny_teaching", str(mine)]
    taught = subprocess.run(teaching, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1_800)

    assert taught.returncode == DONE, taught.stderr
    assert main(["verify", str(mine / "out/mine"), "--keys", str(mine / "keys")]) == DONE
    labels = read_station(mine / "out/mine/stations/default.toml").labels
    assert [(label.name, label.decision) for label in labels] == [(label.name, label.decision) for label in read_guide(name).labels]
