from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from export.cli import main
from export.errors import SpecError
from export.products.gallery import draw_gallery, gallery, neutral_pictures
from export.products.guide import read_guide
from export.products.product import built_in_products, read_product
from export.teach.spec import read_teach_spec
from firmware_config.exit_codes import BAD_CONFIG, DONE
from tests.support.teaching import FEWEST_GOOD
from tests.support.tiny_bundle import is_one_sentence

BUSINESSES = ("Surface", "Assembly", "Weld", "Print and label", "Food", "Textile", "Solar")
NEED_STRUCTURE = {"pale print", "seam gap", "foreign patch", "scrambled patch"}
"""Kinds that change the structure of a surface: on a neutral one a person sees little of them."""


def write_good(folder: Path, name: str, count: int) -> None:
    folder.mkdir(parents=True)
    product = read_product(name)
    for number, picture in enumerate(neutral_pictures(product, count=count, seed=7)):
        assert cv2.imwrite(str(folder / f"{number:02d}.png"), np.asarray(np.round(picture * 255), np.uint8))


def test_there_is_a_product_for_each_business() -> None:
    titles = [read_guide(name).business.en for name in built_in_products()]
    assert [business for business in BUSINESSES if not any(title.startswith(business) for title in titles)] == []


@pytest.mark.parametrize("name", built_in_products())
def test_a_guide_has_a_label_with_a_meaning_for_good_parts_and_for_each_defect(name: str) -> None:
    guide, product = read_guide(name), read_product(name)
    assert {label.name for label in guide.labels} == {product.good.label, *(kind.label or kind.name for kind in product.defects)}
    assert [label.name for label in guide.labels if label.decision == "ok"] == [product.good.label]
    assert len(guide.labels) == len({label.ja for label in guide.labels})
    assert all(not text.isascii() for label in guide.labels for text in (label.ja, label.meaning_ja))
    said = (guide.business, guide.use_for, guide.not_for, *guide.capture, *guide.look_out)
    assert all(sentence.en.isascii() and not sentence.ja.isascii() for sentence in said)


@pytest.mark.parametrize("name", built_in_products())
def test_every_kind_of_a_product_can_be_painted_on_a_neutral_surface_and_changes_it(name: str) -> None:
    product = read_product(name)
    canvases = neutral_pictures(product)
    shown = list(gallery(product, canvases, draws=2))
    assert [one.name for one in shown] == [kind.name for kind in product.defects] + [thing.name for thing in product.harmless]
    for one in (found for found in shown if found.is_defect):
        assert len(one.pictures) >= 2, one.name
        for picture in one.pictures:
            change = min(float(np.abs(picture - canvas).max()) for canvas in canvases)
            assert change > (0.02 if one.name in NEED_STRUCTURE else 0.05), one.name
    sheet = draw_gallery(shown, tile_px=64)
    assert sheet.shape[0] == len(shown) * (64 + 20)


@pytest.mark.parametrize("name", built_in_products())
def test_a_copy_of_a_product_passes_the_checks_of_teaching(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_good(tmp_path / "good", name, FEWEST_GOOD)
    assert main(["product", "new", name, str(tmp_path / "mine"), "--good", str(tmp_path / "good")]) == DONE
    spec, product = read_teach_spec(tmp_path / "mine/teach.toml")
    assert product.model_copy(update={"masks": None}) == read_product(name).model_copy(update={"masks": None})
    assert product.masks is None or product.masks == tmp_path / "mine/product/masks"
    assert [label.name for label in spec.labels] == [label.name for label in read_guide(name).labels]
    assert all(label.meaning for label in spec.labels)
    assert main(["teach", str(tmp_path / "mine/teach.toml"), "--check", "--cache", str(tmp_path / "cache")]) == DONE
    assert "16 to paint on" in capsys.readouterr().out


@pytest.mark.parametrize("language", ["en", "ja"])
def test_products_are_listed_and_shown_in_both_languages(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["product", "list", "--language", language]) == DONE
    listed = capsys.readouterr().out
    assert all(name in listed for name in built_in_products())
    assert main(["product", "show", "weld", "--language", language]) == DONE
    shown = capsys.readouterr().out
    guide = read_guide("weld")
    sentences = (guide.use_for, guide.not_for, *guide.capture, *guide.look_out)
    assert all((sentence.en if language == "en" else sentence.ja) in shown for sentence in sentences)
    assert "[review]" in shown
    assert ("pore cluster (ブローホールの集まり)" in shown) == (language == "ja")


def test_a_sheet_is_drawn_on_pictures_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_good(tmp_path / "good", "weld", 2)
    out = tmp_path / "sheet.png"
    assert main(["product", "sheet", "weld", "--out", str(out), "--good", str(tmp_path / "good")]) == DONE
    assert "6 kinds of defect and 4 harmless things of weld" in capsys.readouterr().out
    sheet = cv2.imread(str(out))
    assert sheet is not None
    assert len(np.unique(sheet)) > 100


def test_a_kind_that_cannot_be_seen_on_the_pictures_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "good").mkdir()
    cv2.imwrite(str(tmp_path / "good/black.png"), np.zeros((224, 224, 3), np.uint8))
    assert main(["product", "sheet", "weld", "--out", str(tmp_path / "s.png"), "--good", str(tmp_path / "good")]) == DONE
    assert "'melt hole' cannot be seen on these pictures" in capsys.readouterr().err


WRONG = {
    "a product that is not there": (["show", "welt"], "product welt: no product of this name comes along: give one of assembly, food"),
    "no folder of good pictures": (["new", "weld", "{tmp}/mine", "--good", "{tmp}/none"], "none is no folder"),
    "a folder that exists": (["new", "weld", "{tmp}", "--good", "{tmp}"], "already exists: give the name of a new folder"),
    "a sheet of no pictures": (["sheet", "weld", "--out", "{tmp}/s.png", "--good", "{tmp}"], "holds no picture"),
    "a sheet of no folder": (["sheet", "weld", "--out", "{tmp}/s.png", "--good", "{tmp}/none"], "none is no folder"),
    "a sheet that cannot be written": (["sheet", "weld", "--out", "{tmp}/none/s.png"], "cannot be written"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_one_sentence_and_writes_nothing(mistake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, expected = WRONG[mistake]
    assert main(["product", *(word.replace("{tmp}", str(tmp_path)) for word in words)]) == BAD_CONFIG
    error = capsys.readouterr().err.removeprefix("kotoba-export: ").strip()
    assert expected in error
    assert is_one_sentence(error), error
    assert list(tmp_path.iterdir()) == []


def test_a_guide_of_no_product_is_refused() -> None:
    with pytest.raises(SpecError, match="no product of this name comes along"):
        read_guide("../starter")
