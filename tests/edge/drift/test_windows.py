from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge.drift.state_file import LATER_WINDOWS, Counted, read_counted, write_counted
from edge.drift.windows import Counting, bounds
from edge.drift.words import Word, words_of
from edge.errors import HistoryError
from edge.records import Measured, Reason, Tag
from firmware_config.drift import Drift
from tests.support.counted_windows import BEGIN, SHIFT, window
from tests.support.inspections import FULL, LOST

TOKYO = timezone(timedelta(hours=9))
CRACK = Word("tag", "crack")
AT = datetime(2026, 11, 3, 14, tzinfo=TOKYO)


def test_windows_are_the_shifts_of_the_boxs_own_time_zone() -> None:
    assert bounds(AT, Drift(), zone=TOKYO) == (AT, AT + SHIFT)
    assert bounds(AT + timedelta(hours=12), Drift(), zone=TOKYO) == (AT + SHIFT, AT + 2 * SHIFT)
    assert bounds(AT.replace(hour=5), Drift(), zone=TOKYO)[1] == AT.replace(hour=6)


def test_a_window_is_over_with_the_first_part_of_the_next_one_or_by_the_clock() -> None:
    counting = Counting(Drift(min_parts=20), zone=TOKYO)
    assert [counting.add(AT, [CRACK], "models") for _ in range(20)] == [None] * 20

    over = counting.add(AT + SHIFT, [], "models")

    assert over is not None
    assert (over.start, over.parts, over.counts) == (AT, 20, {CRACK: 20})
    assert counting.look(AT + 2 * SHIFT) is None  # of too few parts: it goes on
    for _ in range(19):
        counting.add(AT + 2 * SHIFT, [], "models")
    later = counting.look(AT + 3 * SHIFT)
    assert later is not None
    assert (later.start, later.end, later.parts) == (AT + SHIFT, AT + 3 * SHIFT, 20)


def test_a_clock_that_goes_back_begins_no_window() -> None:
    counting = Counting(Drift(min_parts=20), zone=TOKYO)
    counting.add(AT, [], "models")
    assert counting.add(AT - timedelta(days=1), [CRACK], "models") is None
    assert counting.current is not None
    assert counting.current.parts == 2


def test_a_clock_that_was_years_ahead_does_not_hold_up_a_window() -> None:
    counting = Counting(Drift(min_parts=20), zone=TOKYO)
    counting.add(AT + timedelta(days=2_000), [CRACK], "models")
    assert [counting.add(AT, [], "models") for _ in range(19)] == [None] * 19

    over = counting.look(AT + SHIFT)

    assert over is not None
    assert (over.start, over.end, over.parts) == (AT, AT + SHIFT, 20)


def test_a_window_that_went_on_under_a_clock_that_was_ahead_ends_with_its_shift() -> None:
    counting = Counting(Drift(min_parts=20), zone=TOKYO)
    counting.add(AT, [CRACK], "models")
    assert counting.look(AT + timedelta(days=2_000)) is None
    assert [counting.add(AT, [], "models") for _ in range(19)] == [None] * 19

    over = counting.look(AT + SHIFT)

    assert over is not None
    assert (over.start, over.end, over.parts) == (AT, AT + SHIFT, 20)


def test_an_unfinished_window_of_other_models_is_dropped() -> None:
    counting = Counting(Drift(min_parts=20), zone=TOKYO)
    counting.add(AT, [CRACK], "models")
    counting.add(AT, [], "others")
    assert counting.current is not None
    assert (counting.current.basis, counting.current.parts) == ("others", 1)


def test_words_are_those_of_the_picture_terms_in_captions_and_whether_it_is_known() -> None:
    assert FULL.description is not None
    said = replace(
        FULL.description.words,
        tags=(Tag("busbar", 0.3),),
        attributes=(Tag("thin line", 0.2),),
        captions=("a Crack, and cracked glass",),
        measured=(Measured("darker than usual", 4.0),),
    )
    verdict = replace(FULL.verdict, reasons=(Reason.UNFAMILIAR, Reason.LATE))
    inspection = replace(FULL, description=replace(FULL.description, words=said), verdict=verdict)

    words = words_of(inspection, terms=("crack", "stain", "lass"))
    assert words is not None
    assert set(words) == {
        Word("tag", "busbar"),
        Word("attribute", "thin line"),
        Word("measured", "darker than usual"),
        Word("term", "crack"),
        Word("reason", "unfamiliar"),
    }
    assert words_of(LOST) is None


def test_counts_outlast_a_restart(tmp_path: Path) -> None:
    counting = Counting(Drift(), zone=TOKYO)
    counting.add(AT, [CRACK], "models")
    stations = {"cell-01": Counted([window(0, {"crack": 3}), window(1, {})], counting.current)}

    write_counted(tmp_path / "drift.json", stations)

    assert read_counted(tmp_path / "drift.json") == stations
    assert read_counted(tmp_path / "none.json") == {}


NAIVE, ABOVE = ("2026-11-03T06:00:00", 3), ("2026-11-03T06:00:00Z", 21)


def holding(start: str, count: int) -> bytes:
    """A file with a window of 20 parts."""
    counted = {"start": start, "end": "2026-11-03T14:00:00Z", "basis": "models", "parts": 20, "counts": {"tag": {"crack": count}}}
    return json.dumps({"schema": "kotoba.drift/1", "stations": {"cell-01": {"windows": [], "current": counted}}}).encode()


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema": "kotoba.drift/9", "stations": {}}', b"\xff", holding(*NAIVE), holding(*ABOVE)])
def test_damaged_counts_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "drift.json").write_bytes(content)
    with pytest.raises(HistoryError, match=r"damaged: move the file away"):
        read_counted(tmp_path / "drift.json")


def test_the_reference_is_kept_for_good_and_the_rest_for_two_months() -> None:
    counted = Counted([])
    for at in range(300):
        counted.add(window(at, {}), reference_from=None, reference_windows=42)
    assert len(counted.windows) == 42 + LATER_WINDOWS
    assert counted.windows[41].start == BEGIN + 41 * SHIFT
    assert counted.windows[-1].start == BEGIN + 299 * SHIFT

    counted.add(window(300, {}, basis="others"), reference_from=None, reference_windows=42)
    assert len(counted.windows) == 1
