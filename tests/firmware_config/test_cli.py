from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from firmware_config import cameras, outputs, station
from firmware_config.cli import main
from firmware_config.new_station import CAMERAS, Answers, camera_of, station_text
from tests.support.repository import GOLDEN


def blank(name: str, camera: str) -> str:
    return station_text(name, Answers(camera=camera_of(camera)))


@pytest.mark.parametrize("camera", CAMERAS)
def test_a_new_station_is_valid(camera: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cell.toml"
    assert main(["new", "cell", "--camera", camera, "--out", str(path)]) == 0
    assert main(["check", "--elsewhere", str(path)]) == 0
    assert f"{path}: valid, station cell, camera {camera}, digest sha256:" in capsys.readouterr().out


def test_a_new_station_shows_every_key_there_is() -> None:
    text = "".join(blank("cell", camera) for camera in CAMERAS)
    shown = set(re.findall(r"^(?:# )?(\w+) = ", text, re.MULTILINE))
    models = [model for module in (cameras, outputs, station) for model in vars(module).values() if isinstance(model, type)]
    sections = {*models} - {BaseModel, station.Station, outputs.Outputs}
    keys = {key for model in sections if issubclass(model, BaseModel) for key in model.model_fields}
    assert keys - {"tls", "terms"} <= shown  # these are sections


@pytest.mark.parametrize("camera", CAMERAS)
def test_each_key_that_is_not_set_is_valid_as_it_stands_there(camera: str) -> None:
    # A folder to move files to belongs to after = "move" only.
    text = re.sub("^# ", "", blank("cell", camera).replace('after = "leave"', 'after = "move"'), flags=re.MULTILINE)
    all_set = station.parse_station(text.encode(), source="cell.toml")
    assert all_set.camera.kind == camera
    assert all_set.outputs.mqtt is not None
    assert all_set.outputs.mqtt.tls is not None
    assert all_set.describe.terms


def test_without_out_a_new_station_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "cell"]) == 0
    assert capsys.readouterr().out == station_text("cell", Answers())


def test_a_file_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cell.toml"
    path.write_text("mine")
    assert main(["new", "cell", "--out", str(path)]) == 1
    assert path.read_text() == "mine"
    assert "already exists" in capsys.readouterr().err


def test_a_path_that_cannot_be_written_is_an_error_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "cell", "--out", str(tmp_path / "nowhere" / "cell.toml")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["new", "a/b"], ["new", "cell", "--camera", "webcam"], ["check"], ["schema", "sink"]])
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)


def test_a_wrong_file_among_good_ones_exits_78_with_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "good.toml").write_text(blank("good", "v4l2"))
    (tmp_path / "wrong.toml").write_text("[station]\n")
    assert main(["check", str(tmp_path)]) == 78
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    warning, error = printed.err.splitlines()
    assert warning.startswith("kotoba-config: warning: station good can never say OK: ")
    assert re.fullmatch(r"kotoba-config: station file .*wrong\.toml: .*", error)


def test_json_has_one_object_per_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = tmp_path / "good.toml"
    good.write_text(blank("good", "v4l2"))
    missing = tmp_path / "missing.toml"
    assert main(["check", "--json", str(good), str(missing)]) == 78
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["ok"]
    assert first["station"] == "good"
    assert not second["ok"]
    assert "cannot be read" in second["error"]


def test_a_folder_without_files_is_an_error(tmp_path: Path) -> None:
    assert main(["check", str(tmp_path)]) == 78


def test_a_station_whose_files_are_missing_is_refused_on_its_own_machine(tmp_path: Path) -> None:
    path = tmp_path / "cell.toml"
    path.write_text(blank("cell", str(tmp_path / "nowhere")))
    assert main(["check", "--elsewhere", str(path)]) == 0
    assert main(["check", str(path)]) == 78


def test_boards_are_checked_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--kind", "board", "cpu"]) == 0
    assert "board cpu" in capsys.readouterr().out


def test_a_manifest_that_is_not_valid_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    assert main(["check", "--kind", "manifest", str(tmp_path / "manifest.json")]) == 78
    assert main(["check", "--kind", "manifest", str(tmp_path / "missing.json")]) == 78


@pytest.mark.parametrize("kind", ["station", "board", "manifest", "calibration"])
def test_the_schema_is_the_golden_one(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """After an intended change: python -m tests.support.golden."""
    assert main(["schema", kind]) == 0
    assert capsys.readouterr().out == (GOLDEN / f"{kind}.schema.json").read_text()


@pytest.mark.parametrize("kind", ["message", "asyncapi"])
def test_what_consumers_read_is_shipped(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", kind]) == 0
    assert json.loads(capsys.readouterr().out)
