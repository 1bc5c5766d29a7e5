from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge.commands.history_options import moment
from edge.errors import HistoryError, SpoolError
from edge.inspection.ids import OrderedIds
from edge.records import Decision
from edge.spool.file import open_connection
from edge.spool.history import History, description_and_scores
from edge.spool.store import Spool
from tests.support.inspections import FULL, LOST, inspection
from tests.support.judged_words import write_lines

START = datetime(2026, 5, 4, 8, tzinfo=timezone.utc)


@pytest.fixture(params=["spool", "lines"])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[History]:
    """Three hours of a station, one inspection each hour, and one of another station."""
    inspections = [replace(inspection(n), id=f"a{n}-{n}", captured_at=START + timedelta(hours=n), seq=n + 1) for n in range(3)]
    inspections.append(replace(inspection(9, station="s2"), id="b9-9", seq=1))
    if request.param == "lines":
        yield History(write_lines(tmp_path / "lines.jsonl", inspections), is_spool=False)
        return
    with closing(Spool(tmp_path / "spool.sqlite")) as spool:  # the daemon goes on running beside us
        for stored in inspections:
            spool.commit(stored)
        yield History(tmp_path / "spool.sqlite", is_spool=True)


def test_the_beginning_of_an_id_is_enough(history: History) -> None:
    assert [inspection.id for inspection in history.find(["b", "a1"])] == ["b9-9", "a1-1"]


def test_an_id_that_several_begin_with_is_refused_with_their_names(history: History) -> None:
    with pytest.raises(HistoryError, match=r"'a' could be a0-0, a1-1, a2-2 in .*: give more of the id"):
        history.find(["a"])


def test_an_id_that_is_not_there_is_refused(history: History) -> None:
    with pytest.raises(HistoryError, match="holds no inspection whose id begins or ends with 'c'"):
        history.find(["c"])


def test_the_end_of_an_id_is_enough(history: History) -> None:
    assert [inspection.id for inspection in history.find(["-9", "2-2"])] == ["b9-9", "a2-2"]


def test_station_and_number_are_enough(history: History) -> None:
    assert [inspection.id for inspection in history.find(["s2:1", "s1:3"])] == ["b9-9", "a2-2"]
    with pytest.raises(HistoryError, match="holds no inspection STATION:SEQ s1:4: correct"):
        history.find(["s1:4"])


def test_among_thousands_of_one_second_the_beginning_is_ambiguous_and_the_end_is_not(tmp_path: Path) -> None:
    new_id = OrderedIds(now_ms=lambda: 1_780_000_000_000)
    ids = [new_id() for _ in range(3_000)]
    history = History(write_lines(tmp_path / "lines", [replace(inspection(n), id=one) for n, one in enumerate(ids)]), is_spool=False)

    assert [found.id for found in history.find([ids[7][-12:], ids[8]])] == ids[7:9]
    with pytest.raises(HistoryError, match=f"could be {ids[0]}, {ids[1]}, {ids[2]} and 2997 more in .*: give more of the id; the ends"):
        history.find([ids[0][:12]])


def test_inspections_are_selected_by_station_time_and_number(history: History) -> None:
    def ids(*, since: datetime | None = None, until: datetime | None = None, limit: int | None = None) -> list[str]:
        return [inspection.id for inspection in history.select(station="s1", since=since, until=until, limit=limit)]

    assert ids() == ["a0-0", "a1-1", "a2-2"]
    assert ids(since=START + timedelta(hours=1)) == ["a1-1", "a2-2"]
    assert ids(until=START + timedelta(hours=2)) == ["a0-0", "a1-1"]
    assert ids(limit=2) == ["a0-0", "a1-1"]


def test_selecting_nothing_is_an_error_that_says_what_was_asked(history: History) -> None:
    with pytest.raises(HistoryError, match="no inspection of station s1 since 2027-01-01T00:00:00"):
        history.select(station="s1", since=datetime(2027, 1, 1, tzinfo=timezone.utc))


def test_a_full_id_is_found_even_where_a_longer_one_begins_with_it(tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "lines", [replace(inspection(1), id="ab"), replace(inspection(2), id="abc")])
    (found,) = History(lines, is_spool=False).find(["ab"])
    assert found.id == "ab"


def test_a_copy_of_an_inspection_is_selected_once(tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "lines", [inspection(1), replace(inspection(1), replayed=True)])
    assert len(History(lines, is_spool=False).select(station="s1")) == 1


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=r"there is no such file: give the spool"):
        History(tmp_path / "spool", is_spool=True).find(["a"])


def test_a_line_that_is_no_inspection_is_named(tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "lines", [inspection(1)])
    lines.write_bytes(lines.read_bytes() + b'{"half":')
    with pytest.raises(HistoryError, match=r"line 2 of .*lines: decoding an inspection"):
        History(lines, is_spool=False).find(["s1"])


def test_looking_into_the_spool_of_a_stopped_box_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "spool 1%.sqlite"
    with closing(Spool(path)) as spool:
        spool.commit(inspection(1))
    before = sorted(tmp_path.iterdir())
    assert len(History(path, is_spool=True).find(["s1"])) == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_row_that_changed_on_disk_is_not_believed(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    spool.commit(inspection(1))
    spool.close()
    connection = open_connection(tmp_path / "spool.sqlite")
    connection.execute("UPDATE inspections SET body = replace(body, 'OK', 'NG')")
    connection.close()
    with pytest.raises(SpoolError, match=r"row 1 .* has changed on disk"):
        History(tmp_path / "spool.sqlite", is_spool=True).find(["s1"])


def test_a_file_that_is_no_spool_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, and long enough to have a header\n" * 10)
    with pytest.raises(SpoolError, match="SQLite reports file is not a database: give the spool of a box"):
        History(tmp_path / "text", is_spool=True).find(["a"])


def test_a_fault_has_no_words_to_judge() -> None:
    with pytest.raises(HistoryError, match=r"is a FAULT \(camera_stalled\), so no words were judged"):
        description_and_scores(LOST)
    faulty = replace(FULL, verdict=replace(FULL.verdict, decision=Decision.FAULT))
    with pytest.raises(HistoryError, match="is a FAULT"):
        description_and_scores(faulty)


def test_times_are_read_with_their_zone_and_as_an_age() -> None:
    assert moment("2026-05-04T08:00:00Z") == START
    assert moment("2026-05-04T17:00+09:00") == START
    assert timedelta(hours=7.9) < datetime.now(timezone.utc) - moment("8h") < timedelta(hours=8.1)
