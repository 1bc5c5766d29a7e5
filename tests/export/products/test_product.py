from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path

import pytest

from export.cli import main
from export.errors import SpecError
from export.painting.conditions import Conditions
from export.products.product import Product, built_in_products, read_product
from firmware_config.exit_codes import DONE
from tests.support.tiny_bundle import is_one_sentence

PRODUCT = """
name = "bolt"
ja = "ボルト"
part = { text = "bolt", ja = "ボルト" }
side_px = 100

[[harmless]]
name = "dust"
ja = "ほこり"
painter = "dust"
share = 0.3

[[defects]]
name = "scratch"
ja = "傷"
painter = "scratch"
size = [0.1, 0.8]
width = [0.01, 0.02]

[[defects]]
name = "stain"
ja = "汚れ"
painters = { blob = 2, ragged_spot = 1 }
often_with = "scratch"

[[words]]
text = "long scratch"
ja = "長い傷"
defects = ["scratch"]
size_above = [0.4, 0.6]
"""


def write(folder: Path, *changes: tuple[str, str]) -> Path:
    text = PRODUCT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "product.toml").write_text(text, encoding="utf-8")
    return folder


WRONG = {
    "a misspelt key": (("often_with", "oftenwith"), "defects.1.oftenwith: there is no such key, the nearest is often_with"),
    "a misspelt painter": (('painter = "scratch"', 'painter = "scrach"'), "there is no defect painter 'scrach', the nearest is 'scratch'"),
    "a painter of no kind": (("ragged_spot = 1", "hole = 1"), "there is no defect painter 'hole', there are 31 others"),
    "a harmless painter among defects": (("painters = { blob = 2, ragged_spot = 1 }", 'painter = "dust"'), "no defect painter 'dust'"),
    "no painter": (('painter = "scratch"\n', ""), "'scratch' needs either painter or painters"),
    "capitals": (('name = "scratch"', 'name = "Scratch"'), "'Scratch' is no phrase"),
    "a range upside down": (("[0.1, 0.8]", "[0.8, 0.1]"), "the range begins at 0.8 and ends at 0.1"),
    "a size below two pixels": (
        ("[0.1, 0.8]", "[0.01, 0.8]"),
        "its size begins at 0.01, 1.0 of the eye's 100 pixels",
    ),
    "a hairline below a pixel": (("width = [0.01", "width = [0.004"), "its width begins at 0.004, 0.4 of the eye's 100 pixels"),
    "geometry without masks": (('painter = "scratch"', 'painter = "missing_component"'), "needs to know where components are"),
    "an unknown companion": (('often_with = "scratch"', 'often_with = "scratches"'), "often_with of 'stain': there is no 'scratches'"),
    "a word about an unknown kind": (
        ('defects = ["scratch"]', 'defects = ["dent"]'),
        "the word 'long scratch': there is no 'dent'",
    ),
    "a word without a condition": (('defects = ["scratch"]\nsize_above = [0.4, 0.6]', ""), "'long scratch' has no condition"),
    "a name twice": (('name = "dust"', 'name = "stain"'), "names must be distinct, but 'stain' is there twice"),
    "an unknown slot": (("[[words]]", '[captions]\ndamaged = ["a {nown}"]\n[[words]]'), "has no slot 'nown', the nearest is 'noun'"),
    "an open brace": (("[[words]]", '[captions]\nintact = ["a {part"]\n[[words]]'), "has a brace without its partner"),
    "a share above one": (("share = 0.3", "share = 3"), "harmless.0.share: Input should be less than or equal to 1, got 3"),
    "masks that are not there": (("side_px = 100", 'side_px = 100\nmasks = "masks"'), "masks, which is no folder"),
    "no TOML": (("[[words]]", "[[words"), "is not TOML"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_one_sentence_that_names_key_and_value(tmp_path: Path, mistake: str) -> None:
    change, expected = WRONG[mistake]
    with pytest.raises(SpecError) as caught:
        read_product(write(tmp_path, change))
    assert expected in str(caught.value), str(caught.value)
    assert is_one_sentence(str(caught.value)), str(caught.value)


def test_a_product_that_is_not_there_is_refused_with_the_ones_that_are(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"product wooven: .* one of assembly, food, printed_label, solar_cell, surface, weld, woven$"):
        read_product("wooven")
    with pytest.raises(SpecError, match=r"product\.toml: give a folder that holds one"):
        read_product(tmp_path)


@pytest.mark.parametrize("name", built_in_products())
def test_a_product_that_comes_with_the_package_can_be_read_by_its_name(name: str) -> None:
    product = read_product(name)
    assert product.name == name
    assert all(kind.ja and kind.weights for kind in product.defects)


def test_a_textile_is_neither_mirrored_nor_scaled_nor_exposed_otherwise() -> None:
    product = read_product("woven")
    still = Conditions(**asdict(product.conditions.conditions))
    assert not product.scaled
    assert (still.flips, still.gain, still.gamma) == ("turned", (1, 1), (1, 1))
    assert (still.moved_share, still.blurred_share, still.quarter_turns) == (0, 0, False)


def test_a_product_may_name_every_condition_of_capture() -> None:
    assert set(Product.model_fields["conditions"].default.model_dump()) == {field.name for field in fields(Conditions)}


def test_what_a_kind_does_not_say_is_as_usual_for_its_painter(tmp_path: Path) -> None:
    product = read_product(write(tmp_path, ('painter = "scratch"', 'painter = "scratch"\ndirection = "brighter"')))
    scratch, blob, spot = (choice for kind in product.defects for choice in kind.choices())
    assert (scratch.brush.size, scratch.brush.width, scratch.brush.direction) == ((0.1, 0.8), (0.01, 0.02), "brighter")
    assert blob.brush.strength != spot.brush.strength
    assert (blob.share, spot.share) == pytest.approx((2 / 3, 1 / 3))
    assert (blob.name, blob.often_with) == ("stain", "scratch")


def test_the_schema_of_a_product_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "product"]) == DONE
    assert '"often_with"' in capsys.readouterr().out
