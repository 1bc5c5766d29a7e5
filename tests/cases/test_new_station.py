"""A new station: what a person may type, what a bundle may hold, and what `kotoba-config new` must answer."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_config.cli import main
from firmware_config.commands.new import asked
from firmware_config.new_station import Answers, broker_of, camera_of
from firmware_config.station import Station, parse_station, read_station
from tests.support.signed_bundles import CALIBRATED, TEMPLATE, write_bundle, write_calibrated_bundle
from tests.support.tiny_bundle import is_one_sentence

ANSWERS = ("--camera", "rtsp://camera/1", "--path", "plant/line1", "--broker", "broker:8883")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "cell-01.toml"


def new(tmp_path: Path, *answers: str, keys: str = "keys", name: str = "cell-01") -> int:
    where = ("--bundle", str(tmp_path / "bundle"), "--keys", str(tmp_path / keys), "--out", str(tmp_path / "cell-01.toml"))
    return main(["new", name, *where, *(answers or ANSWERS)])


def template() -> Station:
    return parse_station(TEMPLATE.encode(), source="template")


def test_a_station_judges_as_the_template_of_its_bundle(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_bundle(tmp_path)
    assert new(tmp_path, *ANSWERS, "--language", "ja") == 0
    made = read_station(out)
    assert made.settings_digest == template().settings_digest
    assert (made.labels, made.describe, made.judge) == (template().labels, template().describe, template().judge)
    assert (made.station.name, made.station.path, made.station.language) == ("cell-01", "plant/line1", "ja")
    assert made.camera == Station.model_validate(template().model_dump() | {"camera": camera_of("rtsp://camera/1")}).camera
    assert made.outputs.mqtt is not None
    assert (made.outputs.mqtt.host, made.outputs.mqtt.port) == ("broker", 8883)
    printed = capsys.readouterr()
    assert printed.out == f"{out}: station cell-01 written from stations/default.toml of bundle tiny, camera rtsp\n"
    assert printed.err == ""


def test_every_key_of_the_file_is_explained_and_the_first_line_names_the_schema(tmp_path: Path, out: Path) -> None:
    write_bundle(tmp_path)
    assert new(tmp_path) == 0
    lines = out.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#:schema ./station.schema.json"
    described = Station.model_json_schema()["$defs"]["Judge"]["properties"]["adapter"]["description"]
    assert lines[lines.index('adapter = "product"') - 1] == f"## {described}"


def test_without_a_template_the_golden_station_is_the_template(tmp_path: Path, out: Path) -> None:
    write_bundle(tmp_path, place="golden/station.toml")
    assert new(tmp_path) == 0
    assert read_station(out).settings_digest == template().settings_digest


def test_the_template_counts_before_the_golden_station(tmp_path: Path, out: Path) -> None:
    golden = TEMPLATE.replace("tags = 3", "tags = 5").encode()
    write_bundle(tmp_path, more={"golden/station.toml": golden})
    assert new(tmp_path) == 0
    assert read_station(out).describe.tags == 3


def test_no_broker_leaves_the_output_out(tmp_path: Path, out: Path) -> None:
    write_bundle(tmp_path)
    assert new(tmp_path, *ANSWERS[:-1], "none") == 0
    assert read_station(out).outputs.mqtt is None


def test_a_folder_that_is_not_there_yet_is_taken_and_told(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_bundle(tmp_path)
    assert new(tmp_path, "--camera", str(tmp_path / "pictures"), *ANSWERS[2:]) == 0
    assert read_station(out).camera.kind == "folder"
    assert f"camera.path: {tmp_path / 'pictures'} does not exist" in capsys.readouterr().err


def another_key(tmp_path: Path) -> None:
    (tmp_path / "keys").rename(tmp_path / "real keys")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "other.pub").write_text("0" * 64 + "\n")


def replace_template(tmp_path: Path) -> None:
    path = tmp_path / "bundle/stations/default.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('decision = "ng"', 'decision = "ok"'), encoding="utf-8")


def link_template(tmp_path: Path) -> None:
    path = tmp_path / "bundle/stations/default.toml"
    (tmp_path / "elsewhere.toml").write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere.toml")


def list_another_digest(tmp_path: Path) -> None:
    path = tmp_path / "bundle/manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"sha256": "', b'"sha256": "0', 1).replace(b'0", "size"', b'", "size"', 1))


CHANGED: dict[str, tuple[Callable[[Path], object], str]] = {
    "signed by a key that is not trusted": (another_key, "is not trusted"),
    "no keys": (lambda path: (path / "keys").rename(path / "elsewhere"), "the trusted keys in"),
    "template changed after signing": (replace_template, "stations/default.toml was changed"),
    "template is a link": (link_template, "stations/default.toml cannot be read"),
    "template is gone": (lambda path: (path / "bundle/stations/default.toml").unlink(), "stations/default.toml cannot be read"),
    "manifest changed after signing": (list_another_digest, "the manifest was changed after signing"),
    "no signature": (lambda path: (path / "bundle/manifest.sig").unlink(), "manifest.sig cannot be read"),
    "no bundle": (lambda path: (path / "bundle").rename(path / "away"), "manifest.json cannot be read"),
}


@pytest.mark.parametrize(("change", "complaint"), CHANGED.values(), ids=CHANGED)
def test_a_bundle_that_is_not_its_makers_makes_no_station(
    change: Callable[[Path], object], complaint: str, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bundle(tmp_path)
    change(tmp_path)
    assert new(tmp_path) == 78
    error = capsys.readouterr().err.removesuffix("\n")
    assert complaint in error
    assert is_one_sentence(error)
    assert not out.exists()


UNFIT = {
    "no template and no golden station": ({"place": ""}, "carries no station template (stations/default.toml or golden/station.toml)"),
    "a misspelt key": ({"template": TEMPLATE.replace("adapter", "adaptor")}, "judge.adaptor: there is no such key, the nearest is adapter"),
    "an adapter that the bundle lacks": ({"template": TEMPLATE.replace('"product"', '"other"')}, "needs adapter 'other', bundle tiny has"),
    "a template that the bundle lacks": ({"template": TEMPLATE + 'template = "long"\n'}, "needs template 'long', bundle tiny has default"),
    "a filter without foils": ({"template": TEMPLATE.replace("tags = 3", "filter = true")}, "bundle tiny has no foils"),
    "a template file of its own": ({"template": TEMPLATE + 'template_file = "/etc/x.txt"\n'}, "judge.template_file is /etc/x.txt"),
    "lessons": ({"template": TEMPLATE + 'lessons = "/var/x.jsonl"\n'}, "judge.lessons is /var/x.jsonl, which no bundle holds"),
    "a calibration elsewhere": ({"template": TEMPLATE + 'calibration = "../cell.json"\n'}, "expected the name of a file beside it"),
    "a calibration that the bundle lacks": ({"template": CALIBRATED}, "its manifest does not list stations/cell.json"),
    "not UTF-8": ({"place": "", "more": {"stations/default.toml": b"\xff"}}, "is not TOML"),
}


@pytest.mark.parametrize(("bundle", "complaint"), UNFIT.values(), ids=UNFIT)
def test_a_template_that_does_not_fit_its_bundle_is_refused(
    bundle: dict[str, object], complaint: str, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bundle(tmp_path, **bundle)  # type: ignore[arg-type]
    assert new(tmp_path) == 78
    error = capsys.readouterr().err.removesuffix("\n")
    assert complaint in error
    assert is_one_sentence(error)
    assert not out.exists()


def test_a_station_names_the_calibration_of_its_bundle(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = write_calibrated_bundle(tmp_path)
    assert new(tmp_path) == 0
    assert read_station(out).judge.calibration == bundle / "stations/cell.json"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "changes", [{"models": "sha256:" + "9" * 64}, {"method": "generate"}, {"adapter": None}, {"labels": {"a": "ok", "b": "ng"}}]
)
def test_a_calibration_of_another_judge_is_refused(changes: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_calibrated_bundle(tmp_path, **changes)
    assert new(tmp_path) == 78
    assert "was fitted for" in capsys.readouterr().err


def test_a_calibration_that_was_changed_after_signing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_calibrated_bundle(tmp_path) / "stations/cell.json"
    path.write_bytes(path.read_bytes().replace(b'"min_ok_confidence": 0.8', b'"min_ok_confidence": 0.1'))
    assert new(tmp_path) == 78
    assert "stations/cell.json was changed" in capsys.readouterr().err


def test_a_file_that_exists_is_left_alone(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_bundle(tmp_path)
    out.write_text("mine")
    assert new(tmp_path) == 1
    assert out.read_text() == "mine"
    assert f"{out} already exists" in capsys.readouterr().err


WRONG_ANSWERS = {
    "name with a space": (("cell 01",), "'cell 01' is no name of a station"),
    "name with a slash": (("a/b",), "'a/b' is no name of a station"),
    "empty name": (("",), "'' is no name of a station"),
    "unknown camera": (("cell", "--camera", "gige"), "'gige' is no camera: give rtsp://ADDRESS"),
    "address of a web page": (("cell", "--camera", "http://camera/1"), "'http://camera/1' is no camera"),
    "password in the address": (("cell", "--camera", "rtsp://me:secret@camera/1"), "name it in camera.password_file"),
    "empty camera": (("cell", "--camera", ""), "'' is no camera"),
    "site path from the root": (("cell", "--path", "/plant"), "'/plant' is no site path"),
    "site path with a wildcard": (("cell", "--path", "plant/+"), "'plant/+' is no site path"),
    "broker as an address": (("cell", "--broker", "mqtt://broker"), "'mqtt://broker' is no broker"),
    "broker without a host": (("cell", "--broker", ":1883"), "':1883' is no broker"),
    "port out of range": (("cell", "--broker", "broker:99999"), "'broker:99999' is no broker"),
    "port that is no number": (("cell", "--broker", "broker:mqtt"), "'broker:mqtt' is no broker"),
    "port zero": (("cell", "--broker", "broker:0"), "'broker:0' is no broker"),
    "unknown language": (("cell", "--language", "de"), "invalid choice: 'de'"),
}


@pytest.mark.parametrize(("arguments", "complaint"), WRONG_ANSWERS.values(), ids=WRONG_ANSWERS)
def test_a_wrong_answer_is_wrong_usage(arguments: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["new", *arguments])
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "section"),
    [
        ("rtsps://camera/1", {"kind": "rtsp", "url": "rtsps://camera/1"}),
        ("/dev/video0", {"kind": "v4l2", "device": "/dev/video0"}),
        ("/data/line.MP4", {"kind": "video", "path": "/data/line.MP4"}),
        ("/data/pictures", {"kind": "folder", "path": "/data/pictures"}),
        (".", {"kind": "folder", "path": str(Path.cwd())}),
        ("v4l2", {"kind": "v4l2"}),
    ],
)
def test_a_camera_is_known_by_its_address(text: str, section: dict[str, object]) -> None:
    assert camera_of(text) == section


@pytest.mark.parametrize(
    ("text", "section"),
    [("broker", {"host": "broker"}), ("10.0.0.7:8883", {"host": "10.0.0.7", "port": 8883}), ("[::1]:1883", {"host": "::1", "port": 1883})],
)
def test_a_broker_is_a_host_and_perhaps_a_port(text: str, section: dict[str, object]) -> None:
    assert broker_of(text) == section


@pytest.mark.parametrize(
    ("answers", "missing"),
    [
        ((), "--camera, --path, --broker"),
        (ANSWERS[2:], "--camera"),
        (("--camera", "rtsp", *ANSWERS[2:]), "--camera"),
        (ANSWERS[:4], "--broker"),
    ],
)
def test_without_a_terminal_what_is_missing_is_told_in_one_sentence(
    answers: tuple[str, ...], missing: str, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bundle(tmp_path)
    assert new(tmp_path, "--language", "en", *answers) == 2
    error = capsys.readouterr().err.removesuffix("\n")
    assert error.startswith(f"kotoba-config: station cell-01 needs {missing}, which a terminal would ask for: ")
    assert is_one_sentence(error)
    assert not out.exists()


def test_only_what_is_missing_is_asked_again_until_it_is_understood(capsys: pytest.CaptureFixture[str]) -> None:
    questions, replies = list[str](), iter(["gige", "rtsp", "rtsp://camera/1", "none"])

    def ask(question: str) -> str:
        questions.append(question)
        return next(replies)

    answers = asked(Answers(path="plant/line1"), ask)

    assert answers == Answers(camera={"kind": "rtsp", "url": "rtsp://camera/1"}, path="plant/line1", broker={})
    assert [question.split()[0] for question in questions] == ["camera", "camera", "camera", "the"]
    assert capsys.readouterr().err.count("\n") == 2


def test_who_gives_no_answer_is_asked_no_more() -> None:
    def ask(_question: str) -> str:
        raise EOFError

    assert asked(Answers(), ask) == Answers()


def test_a_terminal_is_asked(tmp_path: Path, out: Path) -> None:
    write_bundle(tmp_path)
    ours, theirs = pty.openpty()
    try:
        os.write(ours, b"rtsp://camera/1\nplant/line1\nbroker\n")
        where = ("--bundle", tmp_path / "bundle", "--keys", tmp_path / "keys", "--out", out)
        command = [sys.executable, "-m", "firmware_config.cli", "new", "cell-01", *map(str, where)]
        done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, timeout=60, check=False)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0, done.stderr
    assert read_station(out).station.path == "plant/line1"
    assert done.stderr.count(": ") >= 3


def test_without_a_bundle_the_file_says_that_nothing_becomes_ok(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "cell-01"]) == 0
    printed = capsys.readouterr()
    assert parse_station(printed.out.encode(), source="printed").judge.adapter is None
    assert printed.err.startswith("kotoba-config: station cell-01 can never say OK: [judge] names neither an adapter nor a calibration")
