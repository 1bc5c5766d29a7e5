"""The file of answers when the disk is full, and what people are told about it."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import pytest

from export.agreement.errors import RatingsError
from export.agreement.journal import Journal
from export.agreement.ratings import read_rows

NOON = datetime(2025, 7, 1, 12, 0, tzinfo=timezone.utc)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 7], ids=["nothing fits", "a part of the line fits"])
def test_a_full_disk_leaves_the_answers_before_whole_and_the_next_ones_welcome(tmp_path: Path, room: int) -> None:
    path = tmp_path / "ratings.csv"
    with Journal(path) as journal:
        journal.add(part="a.png", appraiser="A", trial=1, answer="OK", at=NOON)
        with room_for(path.stat().st_size + room), pytest.raises(RatingsError, match="make room; the answers before are in it"):
            journal.add(part="b.png", appraiser="A", trial=1, answer="NG", at=NOON)
        journal.add(part="c.png", appraiser="A", trial=1, answer="NG", at=NOON)

    assert [(row.part, row.answer) for row in read_rows(path)] == [("a.png", "OK"), ("c.png", "NG")]


def test_a_name_with_commas_and_quotes_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    with Journal(path) as journal:
        journal.add(part='a, "b".png', appraiser="佐藤", trial=2, answer="OK", at=NOON)
    with Journal(path) as journal:
        (row,) = journal.rows

    assert (row.part, row.appraiser, row.trial, row.answer) == ('a, "b".png', "佐藤", 2, "OK")
    assert path.read_text(encoding="utf-8").endswith(",2025-07-01T12:00:00+00:00\n")
