"""A copy of every product that comes along can be taught, from its first file to a signed bundle that verifies."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from export.cli import main
from export.products.gallery import neutral_pictures
from export.products.product import built_in_products, read_product
from export.teach.run import run
from firmware_config.board import read_board
from firmware_config.exit_codes import DONE
from firmware_config.station import read_station
from tests.support.teaching import FEWEST_GOOD
from tests.support.tiny_llama import write_llama
from tests.support.tiny_teaching import LLM, tiny_plan


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

    plan, out = tiny_plan(mine), tmp_path / "out"
    run(plan, out=out, key=tmp_path / "keys/builder.key", cache=tmp_path / "cache", board=read_board("cpu"), report=lambda _: None)

    assert main(["verify", str(out), "--keys", str(tmp_path / "keys")]) == DONE
    labels = read_station(out / "stations/default.toml").labels
    assert [(label.name, label.decision) for label in labels] == [(label.name, label.decision) for label in plan.labels]
    assert {label.decision for label in labels} >= {"ok", "ng"}
