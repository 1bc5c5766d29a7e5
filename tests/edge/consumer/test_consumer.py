"""A consumer between a real broker and a real database, with boxes that are scripted."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.consumer import LineProtocolStore, VerdictMessage
from edge.message import encode
from tests.support.mosquitto import Mosquitto
from tests.support.points import read_point
from tests.support.repository import ROOT
from tests.support.running_consumer import Rows, consuming
from tests.support.scripted_box import ScriptedBox, verdict


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path / "broker")
    made.start()
    yield made
    made.kill()


@pytest.fixture
def box(broker: Mosquitto) -> Iterator[ScriptedBox]:
    with ScriptedBox(broker.port) as made:
        yield made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "verdicts.sqlite"


def verdicts(first: int, last: int, **which: str) -> list[Any]:
    return [verdict(seq, **which) for seq in range(first, last + 1)]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_each_verdict_is_there_once_however_often_it_comes(broker: Mosquitto, box: ScriptedBox, path: Path, protocol: str) -> None:
    with consuming(broker.port, path, protocol=protocol) as rows:
        connected(rows, box)
        for _ in range(3):
            box.publish(*verdicts(1, 50), *verdicts(20, 30))
        rows.wait_for(*range(1, 51))
    assert rows.gaps() == []
    assert rows.select("SELECT * FROM rejected") == []


def test_what_is_missing_in_the_middle_comes_again(broker: Mosquitto, box: ScriptedBox, path: Path) -> None:
    with consuming(broker.port, path) as rows:
        connected(rows, box)
        box.store(*verdicts(11, 20))
        box.publish(*verdicts(1, 10), *verdicts(21, 30))
        rows.wait_for(*range(1, 31))
        rows.wait(lambda rows: rows.gaps() == [(11, 20, "filled")])
    assert box.next_request() == {"station": "cell-01", "epoch": "e1", "first": 11, "last": 20}
    assert rows.select("SELECT seq FROM verdicts WHERE message LIKE '%\"replayed\":true%' ORDER BY seq") == [
        (seq,) for seq in range(11, 21)
    ]


def test_what_is_missing_at_the_end_is_told_by_the_state(broker: Mosquitto, box: ScriptedBox, path: Path) -> None:
    with consuming(broker.port, path) as rows:
        connected(rows, box)
        box.store(*verdicts(4, 9))
        box.publish(*verdicts(1, 3))
        box.say_state(verdict(9))
        rows.wait_for(*range(1, 10))


def test_what_is_missing_at_the_begin_is_asked_for_from_the_start_only(
    broker: Mosquitto, box: ScriptedBox, path: Path, tmp_path: Path
) -> None:
    box.store(*verdicts(1, 9))
    with consuming(broker.port, path) as rows, consuming(broker.port, tmp_path / "all.sqlite", from_start=True) as all_rows:
        for each in (rows, all_rows):
            connected(each, box)
        box.publish(*verdicts(10, 12))
        all_rows.wait_for(*range(1, 13))
        box.publish(verdict(13))
        rows.wait(lambda rows: 13 in rows.seqs())
    assert rows.gaps() == []


def test_a_new_epoch_begins_at_one_while_the_old_one_still_has_a_gap(broker: Mosquitto, box: ScriptedBox, path: Path) -> None:
    box.store(*verdicts(2, 3), *verdicts(1, 2, epoch="e2"))
    with consuming(broker.port, path) as rows:
        connected(rows, box)
        box.publish(verdict(1), verdict(4), verdict(3, epoch="e2"))
        rows.wait_for(1, 2, 3, 4)
        rows.wait_for(1, 2, 3, epoch="e2")


def test_a_hole_that_fills_by_itself_is_not_asked_for(broker: Mosquitto, box: ScriptedBox, path: Path) -> None:
    with consuming(broker.port, path, gap_patience_s=30.0) as rows:
        connected(rows, box)
        box.publish(verdict(1), *verdicts(100, 110), *verdicts(2, 99))
        rows.wait_for(*range(1, 111))
    assert box.requests.empty()
    assert rows.gaps() == []


def test_what_the_box_has_no_more_is_lost_and_not_asked_for_again(
    broker: Mosquitto, box: ScriptedBox, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    box.store(verdict(5))
    with consuming(broker.port, path, gap_patience_s=0.2) as rows:
        connected(rows, box)
        box.publish(verdict(1), verdict(6), verdict(9))
        rows.wait(lambda rows: rows.gaps() == [(2, 4, "lost"), (5, 5, "filled"), (7, 8, "lost")])
        box.publish(verdict(11))
        rows.wait(lambda rows: (10, 10, "lost") in rows.gaps())
    assert rows.seqs() == [1, 5, 6, 9, 11]
    assert "lost station=cell-01 epoch=e1 first=10 last=10 verdicts=1: no box has them any more" in errors(caplog)
    asked = [(request["first"], request["last"]) for request in drained(box)]
    assert asked.count((10, 10)) == 1


def test_a_lost_verdict_that_arrives_after_all_is_taken(broker: Mosquitto, box: ScriptedBox, path: Path) -> None:
    with consuming(broker.port, path) as rows:
        connected(rows, box)
        box.publish(verdict(1), verdict(3))
        rows.wait(lambda rows: rows.gaps() == [(2, 2, "lost")])
        box.publish(verdict(2))
        rows.wait_for(1, 2, 3)
        rows.wait(lambda rows: rows.gaps() == [(2, 2, "filled")])


def test_a_box_that_refuses_is_asked_again_when_it_says_that_it_is_back(broker: Mosquitto, path: Path) -> None:
    with (
        ScriptedBox(broker.port, refuse=lambda number: "too many requests" if number == 1 else None) as box,
        consuming(broker.port, path) as rows,
    ):
        connected(rows, box)
        box.store(verdict(2))
        box.publish(verdict(1), verdict(3))
        box.next_request()
        rows.wait(lambda rows: rows.gaps() == [(2, 2, "open")])
        box.say_info()
        rows.wait_for(1, 2, 3)


def test_two_boxes_with_two_stations_on_one_root_each_give_their_own(broker: Mosquitto, box: ScriptedBox, path: Path) -> None:
    with ScriptedBox(broker.port, name="box-2", stations=("cell-02",)) as other, consuming(broker.port, path) as rows:
        connected(rows, box)
        for each, station in ((box, "cell-01"), (other, "cell-02")):
            each.store(verdict(2, station=station))
            each.publish(verdict(1, station=station), verdict(3, station=station))
        for station in ("cell-01", "cell-02"):
            rows.wait_for(1, 2, 3, station=station)
    assert [request["station"] for request in drained(box)] == ["cell-01"]
    assert [request["station"] for request in drained(other)] == ["cell-02"]


def test_a_station_of_no_box_keeps_its_gap_open(broker: Mosquitto, box: ScriptedBox, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with consuming(broker.port, path) as rows:
        connected(rows, box)
        box.publish(verdict(1, station="cell-07"), verdict(3, station="cell-07"))
        rows.wait(lambda rows: rows.gaps() == [(2, 2, "open")])
    assert "missing station=cell-07: no box says that it has this station, so nobody can be asked" in caplog.messages


def test_what_is_no_verdict_is_kept_apart_and_does_not_stop_the_others(broker: Mosquitto, box: ScriptedBox, path: Path) -> None:
    with consuming(broker.port, path) as rows:
        connected(rows, box)
        box.send_raw("cell-01/verdict", b"\xff\x00 nonsense")
        box.send_raw("cell-01/verdict", b"\xff\x00 nonsense")
        box.send_raw("cell-01/verdict", encode(verdict(9, station="cell-02")))
        box.send_raw("cell-01/verdict", b"x" * 1_000_001)
        box.send_raw("cell-01/verdict", b"x" * 5_000_000)  # MQTT 5: stays at the broker
        box.publish(*verdicts(1, 3))
        rows.wait_for(1, 2, 3)
    rejected = rows.select("SELECT why, copies, size FROM rejected ORDER BY why")
    assert rejected == [
        ("it has 1000001 bytes, expected at most 1000000", 1, 1_000_001),
        ("it is not UTF-8 (invalid start byte at byte 0)", 2, 11),
        ("it is of station cell-02, and its topic names cell-01", 1, len(encode(verdict(9, station="cell-02")))),
    ]


def test_a_verdict_that_cannot_be_stored_is_not_asked_for_again(broker: Mosquitto, box: ScriptedBox, path: Path) -> None:
    with consuming(broker.port, path) as rows:
        connected(rows, box)
        box.publish(verdict(1))
        box.send_raw("cell-01/verdict", encode(replace(verdict(2), part_id="A\0B")))
        box.publish(verdict(3))
        rows.wait_for(1, 3)
    ((why,),) = rows.select("SELECT why FROM rejected")
    assert "NUL" in why
    assert rows.gaps() == []
    with consuming(broker.port, path) as rows:
        box.publish(verdict(4))
        rows.wait_for(1, 3, 4)
    assert rows.gaps() == []


def test_another_verdict_with_a_number_that_was_used_is_kept_apart(broker: Mosquitto, box: ScriptedBox, path: Path) -> None:
    with consuming(broker.port, path) as rows:
        connected(rows, box)
        box.publish(verdict(1), replace(verdict(1), id="somebody else"), replace(verdict(2), id=verdict(1).id), verdict(3))
        rows.wait_for(1, 3)
    reasons = [why for (why,) in rows.select("SELECT why FROM rejected ORDER BY why")]
    assert reasons == [
        "its id cell-01-e1-1 is that of another verdict: look at the box's spool",
        "its number 1 is that of verdict cell-01-e1-1: look at the box's spool",
    ]
    assert rows.gaps() == []


def test_rows_that_somebody_deletes_do_not_come_back(broker: Mosquitto, box: ScriptedBox, path: Path) -> None:
    with consuming(broker.port, path) as rows:
        connected(rows, box)
        box.publish(*verdicts(1, 5))
        rows.wait_for(*range(1, 6))
        with sqlite3.connect(path) as connection:
            connection.execute("DELETE FROM verdicts WHERE seq < 5")
        connection.close()
        box.publish(*verdicts(1, 6))
        rows.wait_for(5, 6)
    assert rows.select("SELECT * FROM rejected") == []


def test_what_came_while_it_was_away_waits_at_the_broker(broker: Mosquitto, box: ScriptedBox, path: Path) -> None:
    with consuming(broker.port, path) as rows:
        connected(rows, box)
        box.publish(*verdicts(1, 3))
        rows.wait_for(1, 2, 3)
    box.publish(*verdicts(4, 300))
    with consuming(broker.port, path) as rows:
        rows.wait_for(*range(1, 301))
    assert box.requests.empty()


def test_a_broker_that_forgets_everything_loses_nothing(broker: Mosquitto, box: ScriptedBox, path: Path, tmp_path: Path) -> None:
    with consuming(broker.port, path) as rows:
        connected(rows, box)
        box.publish(*verdicts(1, 3))
        rows.wait_for(1, 2, 3)
        broker.kill()
        (tmp_path / "broker/mosquitto.db").unlink()
        box.store(*verdicts(4, 8))
        broker.start()
        box.wait_until_connected()
        box.say_state(verdict(8))
        rows.wait_for(*range(1, 9))


def test_what_a_hook_writes_happens_exactly_once(broker: Mosquitto, box: ScriptedBox, path: Path) -> None:
    def count(each: VerdictMessage, connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE IF NOT EXISTS parts (seq INTEGER, decision TEXT)")
        connection.execute("INSERT INTO parts VALUES (?, ?)", (each.seq, each.decision))

    with consuming(broker.port, path, on_verdict=count) as rows:
        connected(rows, box)
        box.publish(*verdicts(1, 40), *verdicts(1, 40))
        rows.wait_for(*range(1, 41))
    assert [seq for (seq,) in rows.select("SELECT seq FROM parts ORDER BY seq")] == list(range(1, 41))


def test_a_hook_that_fails_ends_the_consumer_and_its_verdict_comes_again(broker: Mosquitto, box: ScriptedBox, path: Path) -> None:
    def fail(each: VerdictMessage, connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE IF NOT EXISTS parts (seq INTEGER)")
        connection.execute("INSERT INTO parts VALUES (?)", (each.seq,))
        if each.seq == 3:
            msg = "the part is unknown"
            raise LookupError(msg)

    def failing() -> None:
        with consuming(broker.port, path, on_verdict=fail) as rows:
            connected(rows, box)
            box.publish(verdict(1))
            rows.wait_for(1)
            box.publish(verdict(2), verdict(3))
            rows.wait_for_failure()

    with pytest.raises(LookupError, match="the part is unknown"):
        failing()
    with consuming(broker.port, path, on_verdict=lambda *_: None) as rows:
        rows.wait_for(1, 2, 3)
    assert (3,) not in rows.select("SELECT seq FROM parts")


def test_lines_are_each_there_once(broker: Mosquitto, box: ScriptedBox, tmp_path: Path) -> None:
    path = tmp_path / "verdicts.lp"
    state = tmp_path / "verdicts.lp.state.sqlite"
    for first in (1, 31):
        with consuming(broker.port, state, store=LineProtocolStore(path)) as rows:
            connected(rows, box)
            box.publish(*verdicts(first, first + 30), *verdicts(first, first + 9))
            rows.wait(lambda rows, last=first + 30: rows.select("SELECT max(last_seq) FROM positions") == [(last,)])  # type: ignore[misc]
        with path.open("a") as file:
            file.write("kotoba_verdict,station=cell-01 half a li")  # as a power cut may leave it
    with consuming(broker.port, state, store=LineProtocolStore(path)) as rows:
        rows.wait(lambda _: "half" not in path.read_text())
    assert [read_point(line).fields["seq"] for line in path.read_text().splitlines()] == list(range(1, 62))


def test_importing_it_loads_no_models_and_no_numbers() -> None:
    program = "import sys, edge.consumer; print(*{'numpy', 'cv2', 'onnxruntime', 'llama_cpp', 'tokenizers', 'psycopg'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []


def connected(rows: Rows, box: ScriptedBox) -> None:
    """Wait until the consumer listens: it notes the state of a station that has nothing else to do with the test."""
    box.say_state(verdict(1, station="cell-99"))
    rows.wait(lambda rows: rows.select("SELECT 1 FROM streams WHERE station = 'cell-99'") != [])


def drained(box: ScriptedBox) -> list[dict[str, Any]]:
    requests = []
    while not box.requests.empty():
        requests.append(box.requests.get())
    return requests


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
