"""A bench tries each way once, tells what failed, and suggests only what it saw on a quiet machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edge.errors import EdgeError
from edge.examination.bench import Bench, bench
from edge.examination.measured import Measured, Request
from edge.examination.table import as_json, told
from edge.examination.variants import Row, Variant, thread_counts
from edge.machine.machine import Machine, read_machine
from edge.spool.file import lock_file
from firmware_config.board import read_board
from firmware_config.settings import BoxSettings
from tests.support.machine_files import VNNI, machine
from tests.support.measurements import BOARD, measured, on_llama, rows
from tests.support.repository import KEYS, STARTER

HOLD = "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.flock(file, fcntl.LOCK_SH); print('held', flush=True); sys.stdin.read()"
AT = datetime(2026, 11, 30, 10, 0, tzinfo=timezone.utc)


def settings(root: Path) -> BoxSettings:
    return BoxSettings(bundle=STARTER, keys=KEYS, stations=root / "stations", spool=root / "spool.sqlite")


def ran(root: Path, result: Callable[[Request], Measured], *, seconds: float = 60.0) -> tuple[Bench, list[Request]]:
    asked: list[Request] = []

    def run(request: Request) -> Measured:
        asked.append(request)
        return result(request)

    return bench(settings(root), seconds=seconds, run=run), asked


def test_each_way_is_measured_once_with_its_share_of_the_time(tmp_path: Path) -> None:
    made, asked = ran(tmp_path, lambda _request: measured(70))
    counts = thread_counts(read_machine().processor.cores)
    assert len(asked) == len(made.rows)
    assert [row.variant.differs for row in made.rows[: len(counts)]] == ["nothing", *["threads"] * (len(counts) - 1)]
    assert [request.judge for request in asked].count("llama.cpp") == 1  # the starter has a graph
    assert asked[0].board == read_board("cpu")
    assert all(1 <= request.seconds <= 60 for request in asked)
    assert asked[0].seconds == pytest.approx(60 / len(asked), rel=0.2)


def test_no_way_gets_less_than_a_second(tmp_path: Path) -> None:
    _, asked = ran(tmp_path, lambda _request: measured(70), seconds=0.1)
    assert {request.seconds for request in asked} == {1.0}


def test_a_bench_stands_back_for_a_process_that_has_the_spool_open(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, lock_file(tmp_path / "spool.sqlite")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        if not Path("/proc/locks").read_text(encoding="utf-8"):
            pytest.skip("this kernel lists no locks")
        found, asked = ran(tmp_path, lambda _request: measured(70))
        other.communicate()
    assert found.users == (other.pid,)
    assert all(request.behind for request in asked)
    _, asked = ran(tmp_path, lambda _request: measured(70))
    assert not any(request.behind for request in asked)


def test_where_no_station_needs_the_language_model_its_other_engine_is_no_way(tmp_path: Path) -> None:
    _, asked = ran(tmp_path, lambda _request: measured(70).model_copy(update={"judge": None}))
    assert {request.judge for request in asked} == {"as built"}


def test_a_way_that_cannot_run_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    def run(request: Request) -> Measured:
        if request.judge == "llama.cpp":
            msg = "the language model cannot be loaded: build the bundle again"
            raise EdgeError(msg)
        return measured(70)

    made, _ = ran(tmp_path, run)
    failed = [row.result for row in made.rows if row.measured is None]
    assert failed == ["the language model cannot be loaded: build the bundle again"]
    assert any(line.endswith("judge on llama.cpp: the language model cannot be loaded: build the bundle again") for line in told(made))
    assert [row["error"] for row in _list(as_json(made), "rows") if row["measured"] is None] == failed


def test_a_box_that_cannot_run_as_it_is_is_an_error(tmp_path: Path) -> None:
    def run(_request: Request) -> Measured:
        msg = "the models cannot be loaded: choose another board"
        raise EdgeError(msg)

    with pytest.raises(EdgeError, match="choose another board"):
        ran(tmp_path, run)


def _list(content: dict[str, object], key: str) -> list[dict[str, object]]:
    found = json.loads(json.dumps(content))[key]
    assert isinstance(found, list)
    return found


def made(root: Path, found: list[Row], *, load: float = 0.3, users: tuple[int, ...] = ()) -> Bench:
    first = found[0].measured
    assert first is not None
    return Bench(replaced(root), BOARD, first, tuple(found), users, load, AT)


def replaced(root: Path, cores: int = 4) -> Machine:
    found = machine(root, {"proc/cpuinfo": VNNI, "proc/meminfo": "MemTotal: 16000000 kB\n"})
    return replace(found, processor=replace(found.processor, cores=cores))


def test_the_table_has_a_line_for_each_way(tmp_path: Path) -> None:
    lines = list(told(made(tmp_path, [*rows(100, {2: 60}), on_llama(80)])))
    assert lines[0] == "Intel(R) Xeon(R) Gold 6426Y, 4 cores, AVX512-VNNI and AMX, 16,384 MB, no NVIDIA card; board cpu"
    assert lines[1] == "2026-11-30 10:00 UTC, load of the minute before 0.3 of 4 cores"
    assert lines[3:7] == [
        "                    clip  judge    p50    p95   MB  J  same label  probability",
        "as now              25.0   50.0  100.0  120.0  520  -      2 of 2        0.000",
        "2 threads           15.0   30.0   60.0   72.0  520  -      2 of 2        0.000",
        "judge on llama.cpp  20.0   40.0   80.0   96.0  520  -      2 of 2        0.000",
    ]
    assert "energy is not readable here: not there" in lines


def test_a_few_pictures_have_no_95th_percentile(tmp_path: Path) -> None:
    few = measured(100)
    few = few.model_copy(update={"stations": tuple(one.model_copy(update={"pictures": 9}) for one in few.stations)})
    lines = list(told(made(tmp_path, [Row(Variant("as now", BOARD, "as built", "nothing"), few)])))
    assert lines[4].split() == ["as", "now", "25.0", "50.0", "100.0", "-", "520", "-", "2", "of", "2", "0.000"]


def test_energy_is_a_column_where_it_is_read(tmp_path: Path) -> None:
    found = [Row(Variant("as now", BOARD, "as built", "nothing"), measured(100, joules=2.5))]
    lines = list(told(made(tmp_path, found)))
    assert "  2.50  " in lines[4]
    assert "energy: RAPL, the whole processor, idle included" in lines


def test_a_suggestion_ends_with_the_lines_of_a_board_file(tmp_path: Path) -> None:
    lines = list(told(made(tmp_path, rows(100, {2: 60}))))
    start = lines.index("write this to /etc/kotoba/board.toml, and set KOTOBA_BOARD=/etc/kotoba/board.toml:")
    assert lines[start - 1].startswith("suggestion: threads = 2: 60 ms a picture, now 100 ms")
    (tmp_path / "board.toml").write_text("\n".join(lines[start + 1 :]), encoding="utf-8")
    board = read_board(str(tmp_path / "board.toml"))
    assert (board.name, board.threads, board.providers) == ("cpu-measured", 2, ("cpu",))


def test_where_nothing_is_faster_the_board_stays(tmp_path: Path) -> None:
    assert list(told(made(tmp_path, rows(100, {2: 140}))))[-1].startswith("suggestion: leave the board as it is")


@pytest.mark.parametrize(
    ("load", "users", "why"),
    [(3.4, (), "the machine was busy, its load was 3.4 of 4 cores"), (0.1, (812,), "another process has the spool open")],
)
def test_figures_of_a_disturbed_machine_suggest_nothing(load: float, users: tuple[int, ...], why: str, tmp_path: Path) -> None:
    disturbed = made(tmp_path, rows(100, {2: 60}), load=load, users=users)
    lines = list(told(disturbed))
    assert lines[-1].startswith(f"no suggestion: {why}")
    assert not any(line.startswith("suggestion") for line in lines)
    assert _list(as_json(disturbed), "suggestions") == []


def test_a_daemon_beside_is_named(tmp_path: Path) -> None:
    lines = list(told(made(tmp_path, rows(100, {}), users=(812,))))
    assert lines[1].endswith("process 812 has the spool open, so this ran with low priority, and figures are higher than alone")


def test_programs_get_the_same(tmp_path: Path) -> None:
    content = json.loads(json.dumps(as_json(made(tmp_path, [*rows(100, {2: 60}), on_llama(50)]))))
    assert [(row["name"], row["threads"], row["judge"]) for row in content["rows"]] == [
        ("as now", 4, "as built"), ("2 threads", 2, "as built"), ("judge on llama.cpp", 4, "llama.cpp"),
    ]  # fmt: skip
    assert content["rows"][1]["measured"]["stations"][0]["p50_ms"] == 60
    assert [one["board"] is None for one in content["suggestions"]] == [False, True]
    assert 'name = "cpu-measured"' in content["suggestions"][0]["board"]
