"""The change gate in the describer and in the command that studies it, on the starter bundle."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from edge.bundle.open import open_bundle
from edge.cli import main
from edge.describers import open_describer
from edge.describers.clip_blip import ClipBlipDescriber
from edge.picture.decode import read_picture
from edge.records import Description, Pixels
from firmware_config.board import read_board
from firmware_config.signature import read_trusted_keys
from firmware_config.station import Describe, Reuse
from tests.support.sample_records import frame
from tests.support.tiny_bundle import is_one_sentence

ROOT = Path(__file__).parents[3]
BUNDLE, KEYS, GOLDEN = ROOT / ".kotoba/starter", ROOT / ".kotoba/keys", ROOT / "export/starter/golden"
STATION = BUNDLE / "golden/station.toml"


@pytest.fixture(scope="module")
def models() -> ClipBlipDescriber:
    bundle = open_bundle(BUNDLE, trusted=read_trusted_keys(KEYS))
    return open_describer(bundle, settings=Describe(samples=0), board=read_board("cpu"))


def cell(name: str) -> Pixels:
    return read_picture(GOLDEN / f"{name}.png", max_pixels=10**6, max_bytes=10**7)


def was_reused(description: Description) -> bool:
    return dict(description.timings_ms)["blip"] == 0.0


def gated(models: ClipBlipDescriber) -> ClipBlipDescriber:
    return models.for_settings(Describe(samples=0, reuse=Reuse(max_grey=1.0, min_cosine=0.99)))


def test_a_picture_that_stays_gets_its_captions_without_blip(models: ClipBlipDescriber) -> None:
    describer = gated(models)
    first, second = (describer.describe(frame(pixels=cell("crack-0"))) for _ in range(2))
    assert not was_reused(first)
    assert was_reused(second)
    assert (second.tags, second.attributes, second.captions) == (first.tags, first.attributes, first.captions)


def test_another_picture_gets_captions_of_its_own(models: ClipBlipDescriber) -> None:
    describer = gated(models)
    describer.describe(frame(pixels=cell("intact-0")))
    other = describer.describe(frame(pixels=cell("dead-cell-0")))
    assert not was_reused(other)
    assert other.captions == models.describe(frame(pixels=cell("dead-cell-0"))).captions


def test_stations_do_not_share_captions(models: ClipBlipDescriber) -> None:
    one, other = gated(models), gated(models)
    one.describe(frame(pixels=cell("crack-0")))
    assert not was_reused(other.describe(frame(pixels=cell("crack-0"))))


def test_without_the_setting_every_picture_is_captioned(models: ClipBlipDescriber) -> None:
    assert not any(was_reused(models.describe(frame(pixels=cell("crack-0")))) for _ in range(2))


def study(folder: Path, *more: str) -> int:
    return main(["gate", "study", str(folder), "--station", str(STATION), "--bundle", str(BUNDLE), "--keys", str(KEYS), *more])


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for number, name in enumerate(("intact-0", "intact-0", "crack-0", "crack-0")):
        shutil.copy(GOLDEN / f"{name}.png", tmp_path / f"{number}.png")
    return tmp_path


def test_the_study_prints_a_row_for_each_pair_of_limits(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("source,label\n0.png,ok\n1.png,functional\n2.png,crack\n3.png,ng\n")
    truth.rename(truth := tmp_path.parent / f"{tmp_path.name}-truth.csv")
    assert study(pictures, "--max-grey", "1", "255", "--min-cosine", "0.99", "0", "--truth", str(truth)) == 0
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 2 + 4
    assert "2 of 4 (50.0%)" in rows[2]
    assert "3 of 4 (75.0%)" in rows[-1]
    assert "defects that became OK" in rows[0]


@pytest.mark.parametrize(("more", "word"), [(("--max-grey", "-1"), "limits"), (("--truth", "no-such.csv"), "truth")])
def test_a_mistake_is_one_sentence(pictures: Path, more: tuple[str, ...], word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert study(pictures, *more) == 1
    said = capsys.readouterr().err.strip()
    assert word in said
    assert is_one_sentence(said)


def test_pictures_are_left_alone(models: ClipBlipDescriber) -> None:
    pixels = cell("crack-0")
    before = pixels.copy()
    gated(models).describe(frame(pixels=pixels))
    assert np.array_equal(pixels, before)
