"""Pictures are painted and described, and each word gets its truth: with random weights, whose words are as often false as true."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tqdm import tqdm

from export.models.foils import write_foils
from export.products.product import read_product
from export.products.wording import wording_of
from export.starter.cells import validation_cells
from export.studies.errors import StudyError
from export.studies.words.checked_words import SampleDescriber
from export.studies.words.measure import GROUPS, STATION, choose, measure
from export.studies.words.pictures import on_real, on_rendered
from export.teach.judge_stages import unsigned_bundle
from firmware_config.board import Board
from firmware_config.station import read_station
from tests.support.tiny_spec import write_spec

PRODUCT = read_product("solar_cell")
WORDING = wording_of(PRODUCT)
BOARD = Board(name="test", providers=("cpu",), threads=1)


@pytest.mark.long
def test_the_words_of_painted_pictures_are_checked_and_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tqdm, "monitor_interval", 0)  # else its thread outlives the test
    artefacts = write_spec(tmp_path / "spec").parent / "artefacts"
    models = json.loads((artefacts / "models.json").read_text())
    foils = {word: [other for other in WORDING.tags[:4] if other != word] for word in WORDING.words}
    models["clip"] |= {"threshold": 0.0, **write_foils(foils, artefacts)}
    (artefacts / "models.json").write_text(json.dumps(models))
    describer = SampleDescriber(unsigned_bundle(artefacts), read_station(STATION), BOARD, WORDING)

    pictures = describer.describe(on_rendered(PRODUCT, seed=1, grain=True), 6)

    assert {word.kind for picture in pictures for word in picture.words} >= {"caption", "captions"}
    assert {word.true for picture in pictures for word in picture.words} >= {True, False}
    assert all(picture.true_words["tags"] > 0 for picture in pictures)
    assert measure(pictures, describer.strictness).keys() == GROUPS.keys()
    assert choose(pictures, 0.0)[0].threshold == 0.0
    with pytest.raises(StudyError, match="no filter of these words"):
        choose(pictures, 10.0)  # no cosine reaches it


@pytest.mark.parametrize("grain", [True, False])
def test_rendered_cells_have_grain_or_none(grain: bool) -> None:  # noqa: FBT001 -- a parameter
    sampler = on_rendered(PRODUCT, seed=3, grain=grain)
    scenes = [sampler.draw().scene for _ in range(12)]
    assert {WORDING.rules["poly cell"].truth(scene) for scene in scenes} == {grain}
    assert len({bool(scene.defects) for scene in scenes}) == 2


def test_real_cells_that_are_painted_on_are_those_without_a_labelled_defect() -> None:
    good = sum(cell.probability == 0 for cell in validation_cells())
    assert len(on_real(PRODUCT, validation_cells(), seed=1).canvases.pictures) == good > 20
