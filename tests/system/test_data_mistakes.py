"""Mistakes in the pictures of a study: each is one sentence, before a figure is made of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from edge.demo.cells import Cell, load_cells
from export.cli import main
from tests.support.repository import KEYS, STARTER

pytestmark = pytest.mark.long

FUNCTIONAL, DEFECTIVE = "functional", "defective"


def cells(label: str, count: int, *, first: int = 0) -> list[Cell]:
    return [cell for cell in load_cells() if cell.certain and cell.defective is (label == DEFECTIVE)][first : first + count]


def lay_out(root: Path, taken: Iterable[tuple[str, Iterable[Cell]]]) -> Path:
    """A tree with the cells of each `DOMAIN/CLASS`."""
    for place, some in taken:
        (root / place).mkdir(parents=True)
        for cell in some:
            shutil.copy(cell.path, root / place)
    return root


def refused_pilot(pictures: Path, capsys: pytest.CaptureFixture[str], *data: str) -> str:
    """The sentence with which `kotoba-export pilot` refuses these pictures, before it makes anything; `data` are more lines of [data]."""
    spec, out = pictures.parent / "pilot.toml", pictures.parent / "pilot"
    lines = ["[pilot]", 'name = "p"', 'product = { en = "cells", ja = "セル" }', "[data]", f'pictures = "{pictures}"', *data]
    spec.write_text("\n".join([*lines, "[bundle]", f'bundle = "{STARTER}"', f'keys = "{KEYS}"']), encoding="utf-8")
    assert main(["pilot", str(spec), "--out", str(out), "--check"]) == 78
    assert not out.exists()
    (sentence,) = capsys.readouterr().err.splitlines()
    return sentence.removeprefix("kotoba-export: ")


def described(pictures: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, list[str]]:
    """The exit code of `kotoba-export describe`, and its sentences on stderr."""
    out = pictures.parent / "texts"
    code = main(["describe", str(pictures), "--out", str(out), "--bundle", str(STARTER), "--keys", str(KEYS), *more])
    return code, [line for line in capsys.readouterr().err.splitlines() if line]


def told(sentences: list[str], part: str) -> str:
    (found,) = [sentence for sentence in sentences if part in sentence]
    return found


def test_pictures_of_one_class_are_described_and_said_to_be_useless_for_a_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = lay_out(
        tmp_path / "pictures", [("line1/functional", cells(FUNCTIONAL, 10)), ("line2/functional", cells(FUNCTIONAL, 10, first=20))]
    )
    code, said = described(pictures, capsys)
    assert code == 0
    assert told(said, "All labelled pictures") == "All labelled pictures are 'functional': a study needs at least two classes."
    assert "no picture is defective (their labels are functional): a pilot needs both classes" in refused_pilot(pictures, capsys)


def test_a_domain_with_three_pictures_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = lay_out(
        tmp_path / "pictures",
        [
            ("line1/functional", cells(FUNCTIONAL, 6)),
            ("line1/defective", cells(DEFECTIVE, 5)),
            ("line2/defective", cells(DEFECTIVE, 3, first=9)),
        ],
    )
    code, said = described(pictures, capsys)
    assert code == 0
    assert (
        told(said, "is small")
        == "The domain 'line2' is small: 3 of its pictures have a label and words, and below 10 no rate means anything."
    )


def test_an_unreadable_picture_is_counted_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = lay_out(tmp_path / "pictures", [("line1/functional", cells(FUNCTIONAL, 10)), ("line1/defective", cells(DEFECTIVE, 10))])
    (pictures / "line1/defective/cut off.png").write_bytes(cells(DEFECTIVE, 1)[0].path.read_bytes()[:900])
    code, said = described(pictures, capsys)
    assert code == 0
    sentence = "Not described: 1 of the pictures, the first is line1/defective/cut off.png; the column error says why."
    assert told(said, "Not described") == sentence


def test_the_same_picture_in_two_splits_is_refused_with_both_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = lay_out(tmp_path / "pictures", [("a", cells(FUNCTIONAL, 2)), ("b", cells(FUNCTIONAL, 1))])
    names = sorted(path.relative_to(pictures).as_posix() for path in pictures.rglob("*.png"))
    table = pictures / "pictures.csv"
    table.write_text(
        "path,label,domain,split\n" + "".join(f"{name},functional,line1,{'train' if name < 'b' else 'test'}\n" for name in names)
    )
    code, (sentence,) = described(table, capsys)
    assert code == 78
    assert f"{names[0]} (split train) and {names[2]} (split test) are the same picture: keep one of them" in sentence
    assert refused_pilot(table, capsys) == sentence.removeprefix("kotoba-export: ")


def test_a_label_that_the_station_does_not_know_is_refused_with_those_that_it_knows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = lay_out(tmp_path / "pictures", [("line1/hairline", cells(DEFECTIVE, 1)), ("line1/functional", cells(FUNCTIONAL, 1))])
    code, (sentence,) = described(pictures, capsys, "--station", str(STARTER / "stations/default.toml"))
    assert code == 78
    assert "is labelled 'hairline', which the station does not know (it knows functional, crack," in sentence


def test_a_pilot_needs_a_side_for_each_label_if_it_names_the_defective_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = lay_out(tmp_path / "pictures", [("line1/hairline", cells(DEFECTIVE, 1)), ("line1/functional", cells(FUNCTIONAL, 1))])
    said = refused_pilot(pictures, capsys, 'good_labels = ["functional"]', 'bad_labels = ["crack"]')
    assert said == "data.bad_labels names 'crack', which no picture has (their labels are functional, hairline): correct it"
    assert refused_pilot(pictures, capsys, 'bad_labels = ["functional"]') == (
        "pictures are labelled 'hairline', which is neither in data.good_labels nor in data.bad_labels: add it to one of them"
    )


def test_a_seen_domain_that_no_picture_has_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = lay_out(tmp_path / "pictures", [("line1/defective", cells(DEFECTIVE, 1)), ("line1/functional", cells(FUNCTIONAL, 1))])
    said = refused_pilot(pictures, capsys, 'seen = ["line9"]')
    assert said == "data.seen names the domain 'line9', which no picture has (they have line1): correct it"
