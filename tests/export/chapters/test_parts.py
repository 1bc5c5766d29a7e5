"""Wrongly decided parts, with a copy of each picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from export.chapters.errors import ChapterError
from export.chapters.parts import COPY_PX, write_copy, wrong_parts
from export.chapters.verdicts import as_it_comes
from tests.support.inspected_pictures import inspected

LOG_ODDS = np.array([-1.0, -3.0, -2.0, 3.0, -1.0, 2.0, -4.0])
BAD = np.array([True, True, True, True, False, False, False])


def test_the_surest_mistakes_come_first_with_their_words(tmp_path: Path) -> None:
    pictures = inspected(LOG_ODDS, BAD, domains=("one",), folder=tmp_path)

    found = wrong_parts(pictures, as_it_comes(pictures), folder=tmp_path / "pilot")

    assert [part.source for part in found.escaped] == ["one-001.png", "one-002.png", "one-000.png"]
    assert [(part.source, part.decision, part.label) for part in found.overkilled] == [("one-005.png", "NG", "good")]
    assert found.escaped[0].captions == ("a blue solar cell",)
    assert all((tmp_path / "pilot" / (part.picture or "")).is_file() for part in (*found.escaped, *found.overkilled))


def test_at_most_so_many_are_shown_and_the_rest_is_counted(tmp_path: Path) -> None:
    pictures = inspected(LOG_ODDS, BAD, domains=("one",), folder=tmp_path)
    found = wrong_parts(pictures, as_it_comes(pictures), folder=tmp_path / "pilot", most=2)
    assert [part.source for part in found.escaped] == ["one-001.png", "one-002.png"]
    assert found.left_out == (1, 0)
    assert len(list((tmp_path / "pilot" / "parts").iterdir())) == 3


def test_only_the_asked_domains_are_shown_and_old_copies_go(tmp_path: Path) -> None:
    pictures = inspected(LOG_ODDS, BAD, domains=("one", "two"), folder=tmp_path)
    wrong_parts(pictures, as_it_comes(pictures), folder=tmp_path / "pilot")
    found = wrong_parts(pictures, as_it_comes(pictures), folder=tmp_path / "pilot", domains={"two"})
    assert not found.escaped
    assert {path.name for path in (tmp_path / "pilot" / "parts").iterdir()} == {Path(part.picture or "").name for part in found.overkilled}


def test_a_picture_of_somebody_else_stays(tmp_path: Path) -> None:
    pictures = inspected(LOG_ODDS, BAD, domains=("one",), folder=tmp_path)
    (tmp_path / "pilot/parts").mkdir(parents=True)
    for name in ("IMG_0001.jpg", "0123456789abcdef.jpg"):
        (tmp_path / "pilot/parts" / name).write_bytes(b"a picture")

    wrong_parts(pictures, as_it_comes(pictures), folder=tmp_path / "pilot")

    assert (tmp_path / "pilot/parts/IMG_0001.jpg").exists()
    assert not (tmp_path / "pilot/parts/0123456789abcdef.jpg").exists()


def test_a_picture_that_is_gone_has_no_copy(tmp_path: Path) -> None:
    pictures = inspected(LOG_ODDS, BAD, domains=("one",))
    found = wrong_parts(pictures, as_it_comes(pictures), folder=tmp_path)
    assert [part.picture for part in found.escaped] == [None] * 3


def test_a_copy_is_small_and_always_the_same(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (900, 1600, 3), np.uint8)
    for name in ("a.jpg", "b.jpg"):
        write_copy(pixels, tmp_path / name)
    copy = cv2.imread(str(tmp_path / "a.jpg"))
    assert copy is not None
    assert copy.shape == (180, COPY_PX, 3)
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()


def test_a_copy_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "parts").write_text("a file")
    with pytest.raises(ChapterError, match=r"writing the copy .* of a picture: .*: make room, or give another folder"):
        write_copy(np.zeros((8, 8, 3), np.uint8), tmp_path / "parts" / "one.jpg")
