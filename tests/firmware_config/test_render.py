"""`kotoba-config box` and `render`, as a person uses them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from firmware_config.cli import main
from tests.support.golden_boxes import BOXES, golden

LABELS = '[[labels]]\nname = "good"\ndecision = "ok"\n[[labels]]\nname = "bad"\ndecision = "ng"\n'


def station(name: str, camera: str, *, mqtt: str = "", path: str = "plant/line1") -> str:
    outputs = f"[outputs.mqtt]\n{mqtt}\n" if mqtt else ""
    return f'[station]\nname = "{name}"\npath = "{path}"\n[camera]\n{camera}\n{LABELS}{outputs}'


LOGIN = 'password_file = "/run/credentials/kotoba-edge.service/mqtt"'
LOCAL = f'host = "localhost"\nport = 1883\nusername = "line1-box"\n{LOGIN}'
CAMERA_LOGIN = 'password_file = "/run/credentials/kotoba-edge.service/camera-cam-01"'
FIRST = f'kind = "rtsp"\nurl = "rtsp://10.20.5.21/stream1"\n{CAMERA_LOGIN}'
SECOND = 'kind = "rtsp"\nurl = "rtsp://[fd20:5::22]:8554/stream1"\ntransport = "udp"'
CPU = {"cell-01": station("cell-01", FIRST, mqtt=LOCAL), "cell-02": station("cell-02", SECOND)}


def desk(folder: Path, name: str, stations: Mapping[str, str]) -> Path:
    """A folder with the box.toml of a golden box and these station files beside it."""
    (folder / "stations").mkdir()
    for station_name, text in stations.items():
        (folder / "stations" / f"{station_name}.toml").write_text(text)
    return Path(shutil.copy(BOXES / name / "box.toml", folder / "box.toml"))


def test_the_tree_of_a_box_is_written_and_every_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box, tree = desk(tmp_path, "cpu-rtsp", CPU), tmp_path / "tree"
    assert main(["render", str(box), "--root", str(tree)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.splitlines() == [str(tree / path) for path in sorted(golden("cpu-rtsp"))]
    written = {str(path.relative_to(tree)): path.read_text() for path in tree.rglob("*") if path.is_file()}
    assert written == golden("cpu-rtsp")
    assert {path.stat().st_mode & 0o777 for path in tree.rglob("*") if path.is_file()} == {0o644}
    assert {path.stat().st_mode & 0o777 for path in (tree, *tree.rglob("*")) if path.is_dir()} == {0o755}


def test_a_tree_is_never_written_over_another_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box, tree = desk(tmp_path, "cpu-rtsp", CPU), tmp_path / "tree"
    tree.mkdir()
    (tree / "mine").write_text("mine")
    assert main(["render", str(box), "--root", str(tree)]) == 1
    assert capsys.readouterr().err == f"kotoba-config: writing the tree {tree}: Directory not empty: give a new or empty folder\n"
    assert [path.name for path in tree.iterdir()] == ["mine"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["box.toml", "stations", "tree"]


def test_an_empty_folder_becomes_the_tree(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    assert main(["render", str(desk(tmp_path, "cpu-rtsp", CPU)), "--root", str(tmp_path / "tree")]) == 0


@pytest.mark.parametrize("root", ["nowhere/tree", "box.toml"])
def test_a_tree_that_cannot_be_written_is_one_sentence(root: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(desk(tmp_path, "cpu-rtsp", CPU)), "--root", str(tmp_path / root)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_wrong_box_exits_78_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box = desk(tmp_path, "cpu-rtsp", CPU)
    box.write_text(box.read_text().replace("site =", "sight ="))
    assert main(["render", str(box), "--root", str(tmp_path / "tree")]) == 78
    printed = capsys.readouterr()
    assert printed.err == (
        f"kotoba-config: box file {box}: box.sight: there is no such key, the nearest is site, got 'plant/line1': "
        "see `kotoba-config schema box`\n"
    )
    assert not (tmp_path / "tree").exists()


def test_an_unknown_board_exits_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box = desk(tmp_path, "cpu-rtsp", CPU)
    box.write_text(box.read_text().replace('board = "cpu"', 'board = "raspberry"'))
    assert main(["render", str(box), "--root", str(tmp_path / "tree")]) == 78
    assert "board profile raspberry cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("cell-02", station("cell-03", SECOND), "box.toml has no station cell-03, only cell-01, cell-02"),
        ("cell-02", CPU["cell-01"], "cell-01.toml has the name cell-01 too"),
        ("cell-02", station("cell-02", SECOND, path="plant/line2"), "path is plant/line2, and the site of the box is plant/line1"),
        ("cell-02", station("cell-02", FIRST), "its camera is not cam-02 of box.toml, rtsp://fd20:5::22:8554"),
        ("cell-02", station("cell-02", 'kind = "v4l2"\ndevice = "/dev/video0"'), "its camera is not cam-02 of box.toml"),
        ("cell-02", station("cell-02", SECOND.replace("udp", "tcp")), 'transport is "tcp", and that of camera cam-02 in box.toml is "udp"'),
        (
            "cell-02",
            station("cell-02", f"{SECOND}\n{CAMERA_LOGIN}"),
            "password_file and login of camera cam-02 in box.toml belong together",
        ),
        (
            "cell-02",
            station("cell-02", SECOND, mqtt=LOCAL.replace("localhost", "10.20.0.5")),
            'is on the box: set host = "localhost" and port = 1883',
        ),
        ("cell-02", station("cell-02", SECOND, mqtt=LOCAL.replace("1883", "8883")), "is on the box: set host"),
        ("cell-02", station("cell-02", SECOND, mqtt='host = "localhost"'), 'takes username = "line1-box" and password_file'),
        ("cell-02", "[station]\n", "cell-02.toml: station.name: Field required"),
    ],
)
def test_a_station_file_that_says_otherwise_than_the_box_is_refused(
    name: str, text: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = desk(tmp_path, "cpu-rtsp", {**CPU, name: text})
    assert main(["render", str(box), "--root", str(tmp_path / "tree")]) == 78
    printed = capsys.readouterr().err
    assert sentence in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / "tree").exists()


FOLDER = 'kind = "folder"\npath = "/srv/pictures/line"'
TLS = 'ca_file = "/etc/kotoba/tls/ca.pem"\ncert_file = "/etc/kotoba/tls/box.pem"\n'
KEY = 'key_file = "/run/credentials/kotoba-edge.service/tls.key"\n'
REMOTE = f'host = "broker.plant.lan"\nport = 8883\nusername = "press-box"\n{LOGIN}\n[outputs.mqtt.tls]\n{TLS}{KEY}'


@pytest.mark.parametrize(
    ("box", "text", "sentence"),
    [
        ("orin-csi", station("gate-in", 'kind = "v4l2"\ndevice = "/dev/video0"', path="plant/gate"), 'device = "/dev/kotoba/in"'),
        ("orin-csi", station("gate-in", 'kind = "v4l2"\ndevice = "/dev/kotoba/in"', path="plant/gate"), None),
        ("orin-csi", station("gate-out", 'kind = "v4l2"\ndevice = "/dev/kotoba/in"', path="plant/gate"), 'device = "/dev/kotoba/out"'),
        ("nvidia-gige", station("press-03", FOLDER, path="plant/press"), None),
        ("nvidia-gige", station("press-03", FOLDER, mqtt=REMOTE, path="plant/press"), None),
        (
            "nvidia-gige",
            station("press-03", FOLDER, mqtt=REMOTE.replace("8883", "1883"), path="plant/press"),
            "sends to the broker broker.plant.lan:1883",
        ),
        (
            "nvidia-gige",
            station("press-03", FOLDER, mqtt=REMOTE.replace("press-box", "other"), path="plant/press"),
            'takes username = "press-box"',
        ),
        (
            "nvidia-gige",
            station("press-03", FOLDER, mqtt=REMOTE.replace(KEY, ""), path="plant/press"),
            "key_file of [outputs.mqtt.tls] and client_certificate of [broker] in box.toml belong together",
        ),
        (
            "nvidia-gige",
            station("press-03", FOLDER.replace("/srv/pictures", "/srv/picture"), path="plant/press"),
            "its camera is not share of box.toml, the folder /srv/pictures",
        ),
        ("nvidia-gige", station("press-03", 'kind = "video"\npath = "/srv/pictures/a.mp4"', path="plant/press"), None),
    ],
)
def test_each_kind_of_camera_and_broker_is_compared(
    box: str, text: str, sentence: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["render", str(desk(tmp_path, box, {"one": text})), "--root", str(tmp_path / "tree")])
    printed = capsys.readouterr().err
    assert (code == 0) == (sentence is None), printed
    assert (sentence or "has no file in") in printed


def test_a_station_that_moves_files_needs_a_folder_that_may_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = station("press-03", f'{FOLDER}\nafter = "delete"', path="plant/press")
    box = desk(tmp_path, "nvidia-gige", {"one": text})
    assert main(["render", str(box), "--root", str(tmp_path / "tree")]) == 0
    box.write_text(box.read_text().replace("may_change = true", ""))
    assert main(["render", str(box), "--root", str(tmp_path / "other")]) == 78
    assert 'after = "delete" needs may_change = true of camera share in box.toml' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "code"),
    [("/data/verdicts/press.jsonl", 0), ("/var/lib/kotoba/mine.jsonl", 0), ("/data/verdicts/other.jsonl", 78), ("/srv/x.jsonl", 78)],
)
def test_a_file_of_verdicts_lies_where_the_box_may_write(path: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = station("press-03", FOLDER, path="plant/press") + f'[outputs.jsonl]\npath = "{path}"\n'
    assert main(["render", str(desk(tmp_path, "nvidia-gige", {"one": text})), "--root", str(tmp_path / "tree")]) == code
    assert (f"the box may not write {path}" in capsys.readouterr().err) == (code != 0)


def test_a_file_of_verdicts_is_put_aside_by_the_station_or_by_the_box_and_not_by_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rotated = '[outputs.jsonl]\npath = "/data/verdicts/press.jsonl"\nmax_bytes = 1_000_000\n'
    box = desk(tmp_path, "nvidia-gige", {"one": station("press-03", FOLDER, path="plant/press") + rotated})
    assert main(["render", str(box), "--root", str(tmp_path / "tree")]) == 78
    assert "has max_bytes and is one of [storage] verdict_files of box.toml, so two would put it aside" in capsys.readouterr().err


def test_without_station_files_a_person_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box = shutil.copy(BOXES / "orin-csi/box.toml", tmp_path / "box.toml")
    assert main(["render", str(box), "--root", str(tmp_path / "tree")]) == 0
    assert capsys.readouterr().err == "kotoba-config: warning: no station files to compare with: give their folder as --stations\n"


def test_a_new_box_can_be_checked_and_rendered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box = tmp_path / "box.toml"
    assert main(["box", "line3-box", "--site", "plant/line3", "--out", str(box)]) == 0
    assert main(["check", "--kind", "box", str(box)]) == 0
    assert main(["render", str(box), "--root", str(tmp_path / "tree")]) == 0
    assert f"{box}: valid, box line3-box, stations cell-01" in capsys.readouterr().out
    assert main(["box", "line3-box", "--out", str(box)]) == 1
    assert "already exists" in capsys.readouterr().err


def test_a_new_box_goes_to_stdout_and_its_name_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["box", "line3-box"]) == 0
    assert capsys.readouterr().out.startswith("#:schema ./box.schema.json\n")
    assert main(["box", "line 3"]) == 78
    assert "box.name: a name has letters" in capsys.readouterr().err


def test_the_schema_of_a_box_knows_its_patterns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "box"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$defs"]["BoxIdentity"]["properties"]["name"]["pattern"] == "^[A-Za-z0-9][A-Za-z0-9_-]*$"
