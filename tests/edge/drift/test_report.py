from __future__ import annotations

import json
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from edge.cli import main
from edge.drift.report import report
from edge.drift.sentence import sentence
from edge.drift.state_file import Counted, write_counted
from edge.drift.watch import Change
from edge.drift.words import Word
from edge.message import encode
from tests.support.counted_windows import BEGIN, SHIFT, inspected, window
from tests.support.sample_records import station

UTC = timezone.utc
QUIET = [window(at, {"uneven light": 3 + at % 3}) for at in range(42)]
UNEVEN = [window(at, {"uneven light": 12}) for at in range(42, 44)]
STATION = """
[station]
name = "cell-01"
path = "plant/line"
[camera]
kind = "folder"
path = "PICTURES"
[[labels]]
name = "good"
decision = "ok"
[[labels]]
name = "bad"
decision = "ng"
"""


def change(count: int, before: int, word: Word = Word("tag", "uneven light")) -> Change:  # noqa: B008 -- a tuple
    return Change("changed", word, BEGIN + 4 * SHIFT, BEGIN + 6 * SHIFT, count, 400, before, 400, 1e-6)


@pytest.mark.parametrize(
    ("count", "before", "english", "japanese"),
    [
        (12, 4, "three times as often", "約 3 倍に増えています"),
        (8, 4, "twice as often", "約 2 倍に増えています"),
        (6, 4, "more often", "増えています"),
        (4, 12, "three times more rarely", "約 3 分の 1 に減っています"),
        (4, 8, "half as often", "約半分に減っています"),
        (4, 5, "less often", "減っています"),
        (9, 0, "is new", "新しく現れています"),
        (0, 9, "is no longer said", "現れなくなりました"),
    ],
)
def test_a_change_is_one_sentence_with_its_numbers(count: int, before: int, english: str, japanese: str) -> None:
    assert (
        sentence(change(count, before), station="cell-02", language="en", zone=UTC)
        == f"since Tuesday 3 Nov 14:00 'uneven light' {english} on cell-02 ({count} of 400, before {before} of 400)"
    )
    assert (
        sentence(change(count, before), station="cell-02", language="ja", zone=UTC)
        == f"火曜 (11/3) 14:00 から cell-02 で「uneven light」が{japanese}(400 件中 {count} 件、以前は 400 件中 {before} 件)"
    )


def test_a_reason_is_said_in_the_language_of_the_operator() -> None:
    unfamiliar = change(12, 4, Word("reason", "unfamiliar"))
    assert "「未知の画像」" in sentence(unfamiliar, station="cell-02", language="ja", zone=timezone(timedelta(hours=9)))


def test_a_report_says_what_was_told_and_what_lasts() -> None:
    assert report(station(), [*QUIET, *UNEVEN], since=UNEVEN[0].start, zone=UTC).splitlines() == [
        "cell-01: 800 parts described from Monday 16 Nov 06:00 to Monday 16 Nov 22:00",
        "in this time:",
        "  since Monday 16 Nov 06:00 'uneven light' three times as often on cell-01 (24 of 800, before 168 of 16800)",
    ]
    assert report(station(), [*QUIET, *UNEVEN], since=UNEVEN[-1].end, zone=UTC).splitlines()[0] == "still so:"
    assert report(station(), QUIET, zone=UTC).splitlines()[1:] == ["no word has changed"]
    assert report(station(), QUIET[:3], zone=UTC).splitlines()[1].startswith("the reference has 3 of 42 windows")


WATCHED = """
[drift]
min_parts = 20
reference_windows = 14
"""


@pytest.fixture
def box(tmp_path: Path) -> list[str]:
    (tmp_path / "stations").mkdir()
    (tmp_path / "pictures").mkdir()
    (tmp_path / "stations/cell-01.toml").write_text(STATION.replace("PICTURES", str(tmp_path / "pictures")))
    return ["--stations", str(tmp_path / "stations"), "--spool", str(tmp_path / "spool.sqlite")]


def test_the_command_reads_what_the_daemon_has_counted(box: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_counted(tmp_path / "drift.json", {"cell-01": Counted([*QUIET, *UNEVEN])})

    assert main(["drift", "--week", "--json", "--station", "cell-01", *box]) == 0

    line = json.loads(capsys.readouterr().out)
    assert {key: line[key] for key in ("station", "news", "word", "count", "parts", "lasts")} == {
        "station": "cell-01",
        "news": "changed",
        "word": "uneven light",
        "count": 24,
        "parts": 800,
        "lasts": True,
    }


def test_an_unknown_station_is_refused_in_one_sentence(box: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drift", "--station", "cell-09", *box]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_lines_of_the_file_output_are_counted_and_the_daemons_counts_are_not(
    box: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    station_file, lines = tmp_path / "stations/cell-01.toml", tmp_path / "verdicts.jsonl"
    station_file.write_text(station_file.read_text() + WATCHED)
    write_counted(tmp_path / "drift.json", {"cell-01": Counted(QUIET)})
    parts = [inspected(shift, number, uneven=10 if shift < 14 else 30) for shift in range(16) for number in range(50)]
    lines.write_bytes(b"".join(encode(part) + b"\n" for part in parts))

    assert main(["drift", "--json", "--jsonl", str(lines), *box[:2]]) == 0

    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(each["word"], each["count"], each["parts"], each["count_before"]) for each in told if each["word"] == "uneven light"} == {
        ("uneven light", 60, 100, 140)
    }
