"""A consumer whose PostgreSQL server is away for a while, refuses a verdict, or cannot be reached at all."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from edge.consumer import PostgresStore
from edge.consumer.status import status
from edge.errors import StoreError
from firmware_config.errors import ConfigError
from tests.support.mosquitto import Mosquitto, free_port
from tests.support.postgres import Postgres, made_postgres, running_postgres
from tests.support.running_consumer import Rows, consuming
from tests.support.scripted_box import ScriptedBox, verdict


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with made_postgres() as made:
        yield made


@pytest.fixture
def postgres(server: Postgres) -> Iterator[Postgres]:
    with running_postgres(server):
        yield server


@pytest.fixture
def box(tmp_path: Path) -> Iterator[ScriptedBox]:
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    with ScriptedBox(broker.port) as made:
        yield made
    broker.kill()


def seqs(server: Postgres) -> list[int]:
    with psycopg.connect(server.dsn) as connection:
        if connection.execute("SELECT to_regclass('kotoba.verdicts')").fetchone() == (None,):
            return []
        return [seq for (seq,) in connection.execute("SELECT seq FROM kotoba.verdicts ORDER BY seq").fetchall()]


@pytest.fixture(autouse=True)
def _log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def wait_until_connected(rows: Rows, caplog: pytest.LogCaptureFixture) -> None:
    rows.wait(lambda _: any(message.startswith("connected") for message in caplog.messages))


def wait_for(rows: Rows, server: Postgres, *wanted: int) -> None:
    rows.wait(lambda _: seqs(server) == list(wanted))


def test_a_server_that_is_away_for_a_while_costs_nothing(
    postgres: Postgres, box: ScriptedBox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with consuming(box.port, tmp_path / "none", store=PostgresStore(postgres.dsn)) as rows:
        wait_until_connected(rows, caplog)
        box.publish(*(verdict(seq) for seq in range(1, 6)))
        wait_for(rows, postgres, *range(1, 6))
        postgres.stop()
        box.publish(*(verdict(seq) for seq in range(6, 100)))
        rows.wait(lambda _: any("nothing is acknowledged until it can be written" in message for message in caplog.messages))
        postgres.start()
        wait_for(rows, postgres, *range(1, 100))
    complaints = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(complaints) == len(set(complaints))
    assert not any("sesame" in message for message in caplog.messages)
    with psycopg.connect(postgres.dsn) as connection:
        assert connection.execute("SELECT first_seq, last_seq FROM kotoba.positions").fetchall() == [(1, 99)]
        row = connection.execute("SELECT captured_at, reasons, message->>'station' FROM kotoba.verdicts WHERE seq = 7").fetchone()
    assert row is not None
    assert row[0] == verdict(7).captured_at
    assert row[2] == "cell-01"


def test_a_verdict_that_it_refuses_is_kept_apart_and_does_not_stop_the_others(
    postgres: Postgres, box: ScriptedBox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with consuming(box.port, tmp_path / "none", store=PostgresStore(postgres.dsn)) as rows:
        wait_until_connected(rows, caplog)
        box.publish(verdict(1), replace(verdict(2), detail="a NUL \0 in a text that we have no column for"), verdict(3))
        wait_for(rows, postgres, 1, 3)
    with psycopg.connect(postgres.dsn) as connection:
        ((why, payload),) = connection.execute("SELECT why, payload FROM kotoba.rejected").fetchall()
    assert "the database refuses it" in why
    assert json.loads(payload)["seq"] == 2
    seen = status(PostgresStore(postgres.dsn).look())
    assert (seen["stations"]["cell-01"]["missing"], seen["rejected"]) == (0, 1)


def test_a_server_that_cannot_be_reached_is_told_without_the_password() -> None:
    store = PostgresStore(f"host=127.0.0.1 port={free_port()} dbname=line user=kotoba password=sesame")
    with pytest.raises(StoreError, match=r"opening the database line at 127\.0\.0\.1: ") as refused:
        store.open("plant/line1")
    assert "sesame" not in str(refused.value)


def test_a_connection_string_that_is_none_is_not_repeated() -> None:
    with pytest.raises(ConfigError, match="is not understood") as refused:
        PostgresStore("host=db password=sesame nonsense")
    assert "sesame" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_file_of_the_connection_string_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="with the connection string cannot be read \\(No such file or directory\\)"):
        PostgresStore.from_file(tmp_path / "dsn")
