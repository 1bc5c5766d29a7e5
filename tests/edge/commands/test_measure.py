"""`kotoba-edge measure`: lines for the station file that the box takes, and one sentence for each mistake."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cli import main
from edge.demo.cells import load_cells
from edge.picture.decode import read_picture
from firmware_config.station import Station, read_station
from firmware_config.toml import parse_toml
from tests.support.picture_files import png
from tests.support.repository import KEYS, STARTER
from tests.support.station_files import changed_station
from tests.support.tiny_bundle import is_one_sentence

STATION = STARTER / "golden/station.toml"
CELLS = [cell for cell in load_cells()[900:1000] if cell.certain]
GOOD = [str(cell.path) for cell in CELLS if not cell.defective][:24]
DEFECTIVE = [str(cell.path) for cell in CELLS if cell.defective][:4]


def measured(*arguments: str, out: Path, station: Path = STATION) -> int:
    options = ["--station", str(station), "--bundle", str(STARTER), "--keys", str(KEYS), "--out", str(out)]
    return main(["measure", *arguments, *options])


def one_error(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    assert is_one_sentence(line.removeprefix("kotoba-edge: "))
    return line


def with_lines(text: str) -> Station:
    """The golden station with the lines that the command printed."""
    return Station.model_validate(read_station(STATION).model_dump() | parse_toml(text.encode()))


def test_the_lines_make_a_station_that_knows_its_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert measured(*GOOD, "--known", *DEFECTIVE, out=tmp_path / "memory.json") == 0

    text = capsys.readouterr().out
    station = with_lines(text)
    assert station.familiarity.memory_file == tmp_path / "memory.json"
    assert station.picture.min_sharpness is not None
    assert 20 < station.picture.blank_spread < 128
    assert "28 known pictures, 24 of them of good parts" in text
    assert "expect about one false alarm of a limit in 28 healthy pictures" in text


def test_a_station_with_the_lines_inspects_its_own_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measured(*GOOD, out=tmp_path / "memory.json")
    station = tmp_path / "cell.toml"
    station.write_text(changed_station(STATION, parse_toml(capsys.readouterr().out.encode())))

    options = ["--station", str(station), "--bundle", str(STARTER), "--keys", str(KEYS), "--jsonl", str(tmp_path / "lines.jsonl")]
    assert main(["inspect", *GOOD[:3], *options]) == 0

    lines = (tmp_path / "lines.jsonl").read_text()
    assert lines.count('"degree":"known"') == 3
    assert "FAULT" not in lines


def test_a_station_that_measures_says_what_is_unlike_its_good_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measured(*GOOD, out=tmp_path / "memory.json")
    lines = capsys.readouterr().out
    station = tmp_path / "cell.toml"
    familiarity = parse_toml(lines.encode())["familiarity"]
    station.write_text(changed_station(STATION, {"describe": {"measured": True}, "familiarity": familiarity}))
    dim = np.rint(read_picture(Path(GOOD[0])) * 0.5).astype(np.uint8)
    (tmp_path / "dim.png").write_bytes(cv2.imencode(".png", dim)[1].tobytes())

    options = ["--station", str(station), "--bundle", str(STARTER), "--keys", str(KEYS), "--jsonl", str(tmp_path / "lines.jsonl")]
    assert main(["inspect", GOOD[0], str(tmp_path / "dim.png"), *options]) == 0

    good, dimmed = (json.loads(line) for line in (tmp_path / "lines.jsonl").read_text().splitlines())
    assert not any("darker than usual" in word for word, _ in good["words"]["measured"])
    assert any("darker than usual" in word for word, _ in dimmed["words"]["measured"])
    assert dimmed["timings_ms"]["measures"] > 0
    # The starter's judge has learned one measure alone: its calibration does not hold.
    assert "uncalibrated" in good["reasons"]


@pytest.mark.parametrize("memory", ["", "memory_file"])
def test_a_station_that_shall_measure_without_measures_is_told_in_one_sentence(
    tmp_path: Path, memory: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sections: dict[str, dict[str, object]] = {"describe": {"measured": True}}
    if memory:
        measured(*GOOD, out=tmp_path / "memory.json")
        capsys.readouterr()
        old = json.loads((tmp_path / "memory.json").read_text()) | {"measures": None}
        (tmp_path / "memory.json").write_text(json.dumps(old))
        sections["familiarity"] = {"memory_file": str(tmp_path / "memory.json")}
    (tmp_path / "cell.toml").write_text(changed_station(STATION, sections))

    options = ["--station", str(tmp_path / "cell.toml"), "--bundle", str(STARTER), "--keys", str(KEYS)]
    assert main(["inspect", GOOD[0], *options]) == 78

    assert "[describe] measured is set, but the" in one_error(capsys)


def test_an_operator_reads_the_comments_in_japanese(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    station = tmp_path / "cell.toml"
    station.write_text(changed_station(STATION, {"station": {"language": "ja"}}))

    assert measured(*GOOD, out=tmp_path / "memory.json", station=station) == 0

    text = capsys.readouterr().out
    assert "既知の画像 24 枚(うち良品 24 枚)" in text
    assert with_lines(text).familiarity.memory_file is not None


def test_pictures_that_cannot_be_read_are_left_out_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.png").write_bytes(png()[:60])

    assert measured(*GOOD, str(tmp_path / "broken.png"), out=tmp_path / "memory.json") == 0

    assert "left out: 1 pictures" in (text := capsys.readouterr().out)
    assert "broken.png is cut off" in text


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        (GOOD[:19], "learning from 19 good pictures: at least 20 are needed"),
        (["nowhere"], "inspecting nowhere: there is no such file or folder"),
    ],
)
def test_a_mistake_is_one_sentence(pictures: Sequence[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert measured(*pictures, out=tmp_path / "memory.json") != 0

    assert said in one_error(capsys)
    assert not (tmp_path / "memory.json").exists()


def test_a_folder_without_a_picture_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert measured(str(tmp_path), out=tmp_path / "memory.json") == 1

    assert "found no picture" in one_error(capsys)


def test_pictures_none_of_which_can_be_read_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")

    assert measured(str(tmp_path), out=tmp_path / "memory.json") == 1

    assert "none of them usable, the first is a.png" in one_error(capsys)


def test_a_memory_that_cannot_be_written_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert measured(*GOOD, out=tmp_path / "nowhere/memory.json") == 78

    assert "cannot be written" in one_error(capsys)
