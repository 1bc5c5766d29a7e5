"""What docs/consumer.md shows is true: its Python runs, its SQL works on the tables, its columns are those that there are."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import edge.consumer
from edge.consumer import SqliteStore
from tests.support.mosquitto import Mosquitto
from tests.support.repository import ROOT
from tests.support.running_consumer import Rows
from tests.support.scripted_box import ScriptedBox, verdict

PAGE = (ROOT / "docs/consumer.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "verdicts.sqlite"
    store = SqliteStore(path)
    store.open("plant/line1")
    store.close()
    return path


def test_the_page_fits_on_a_screen_or_two() -> None:
    assert len(PAGE.splitlines()) <= 80


def test_the_columns_of_each_table_are_those_that_the_page_names(database: Path) -> None:
    told = {name: re.findall(r"`(\w+)`", columns) for name, columns in re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE, re.MULTILINE)}
    with closing(sqlite3.connect(database)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()]
        there = {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for name in names}
    assert told == {name: columns for name, columns in there.items() if name != "consumer"}


def test_the_queries_of_the_page_work(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        for query in block("sql").strip().split(";\n"):
            assert connection.execute(query).fetchall() == []


@pytest.mark.long
@pytest.mark.parametrize("source", ["page", "docstring"])
def test_the_example_of_the_page_counts_each_verdict_once(tmp_path: Path, source: str) -> None:
    program = block("python") if source == "page" else example_of(edge.consumer.__doc__ or "")
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    process = subprocess.Popen(
        [sys.executable, "-c", program.replace("1883", str(broker.port))], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}
    )
    rows = Rows(tmp_path / "verdicts.sqlite")
    try:
        with ScriptedBox(broker.port) as box:
            box.say_state(verdict(1, station="cell-99"))
            rows.wait(lambda rows: rows.select("SELECT 1 FROM streams") != [])
            box.publish(*(verdict(seq) for seq in [1, 2, 3, 2, 1, 4]))
            rows.wait_for(1, 2, 3, 4)
    finally:
        process.kill()
        process.wait()
        broker.kill()
    assert rows.select("SELECT decision, parts FROM tally") == [("OK", 4)]


def example_of(docstring: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in docstring.splitlines() if line.startswith("    ") or not line)
