from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from firmware_config.cameras import FolderCamera, RtspCamera, V4l2Camera, VideoCamera
from firmware_config.errors import StationError
from firmware_config.station import Identity, read_station
from firmware_config.stations_of_a_box import require_named_files

CAMERA = '[camera]\nkind = "folder"\npath = "pictures"\n'
LABELS = '[[labels]]\nname = "good"\ndecision = "ok"\n[[labels]]\nname = "crack"\ndecision = "ng"\n'


def identity(name: str = "cell-01", path: str = "plant/line") -> str:
    return f"[station]\nname = '{name}'\npath = '{path}'\n"


GOOD = identity() + CAMERA + LABELS

LIVE = '[camera]\nkind = "rtsp"\nurl = "rtsp://camera/1"\n'
ASKED = '[trigger]\nkind = "mqtt"\ndeadline_ms = 500\n'
BROKER = '[outputs.mqtt]\nhost = "h"\n'
WRONG = {
    "empty": ("", "station: Field required"),
    "not TOML": ("[station", "is not TOML"),
    "unknown section": (GOOD + "[extra]\n", "extra: there is no such key, got"),
    "unknown key": (GOOD + "[picture]\nroy = 1\n", "picture.roy: there is no such key, the nearest is roi, got"),
    "name with a slash": (identity(name="a/b") + CAMERA + LABELS, "station.name"),
    "name with a wildcard": (identity(name="+") + CAMERA + LABELS, "station.name"),
    "name with a space": (identity(name="a b") + CAMERA + LABELS, "station.name"),
    "empty name": (identity(name="") + CAMERA + LABELS, "station.name"),
    "path with a wildcard": (identity(path="plant/#") + CAMERA + LABELS, "station.path"),
    "path from the root": (identity(path="/plant") + CAMERA + LABELS, "station.path"),
    "path with an empty part": (identity(path="plant//line") + CAMERA + LABELS, "station.path"),
    "reserved topics": (identity(path="$SYS") + CAMERA + LABELS, "station.path"),
    "no camera": (identity() + LABELS, "camera: Field required"),
    "camera without a kind": (identity() + '[camera]\npath = "x"\n' + LABELS, "camera: Unable to extract tag"),
    "unknown camera": (identity() + '[camera]\nkind = "webcam"\n' + LABELS, "camera: Input tag 'webcam'"),
    "address of a web page": (identity() + '[camera]\nkind = "rtsp"\nurl = "http://x"\n' + LABELS, "camera.rtsp.url"),
    "one label": (identity() + CAMERA + '[[labels]]\nname = "good"\ndecision = "ok"\n', "labels: Tuple should have at least 2"),
    "label without a decision": (GOOD + '[[labels]]\nname = "stain"\n', "labels.2.decision: Field required"),
    "unknown decision": (GOOD + '[[labels]]\nname = "stain"\ndecision = "fault"\n', "labels.2.decision"),
    "label twice": (GOOD + '[[labels]]\nname = "crack"\ndecision = "ok"\n', "'crack' is listed twice"),
    "label of two lines": (GOOD + '[[labels]]\nname = "a\\nb"\ndecision = "ng"\n', "labels.2.name"),
    "meaning of two lines": (GOOD + '[[labels]]\nname = "a"\nmeaning = "b\\nc"\ndecision = "ng"\n', "labels.2.meaning"),
    "region with two corners": (GOOD + "[picture]\nroi = [[0, 0], [1, 1]]\n", "picture.roi"),
    "region in pixels": (GOOD + "[picture]\nroi = [[0, 0], [640, 0], [0, 480]]\n", "picture.roi.1.0"),
    "confidence that is no number": (GOOD + "[judge]\nmin_confidence = nan\n", "judge.min_confidence"),
    "confidence over one": (GOOD + "[judge]\nmin_confidence = 1.5\n", "judge.min_confidence"),
    "temperature zero": (GOOD + "[describe]\ntemperature = 0\n", "describe.temperature"),
    "template outside the bundle": (GOOD + '[judge]\ntemplate = "../x"\n', "judge.template"),
    "port zero": (GOOD + '[outputs.mqtt]\nhost = "h"\nport = 0\n', "outputs.mqtt.port"),
    "unknown protocol": (GOOD + '[outputs.mqtt]\nhost = "h"\nprotocol = "4"\n', "outputs.mqtt.protocol"),
    "requests of a folder": (GOOD + ASKED + BROKER, 'needs a camera that runs freely (v4l2, rtsp), but camera.kind is "folder"'),
    "requests without a broker": (identity() + LIVE + LABELS + ASKED, 'trigger.kind = "mqtt" needs [outputs.mqtt]'),
    "requests without a deadline": (identity() + LIVE + LABELS + '[trigger]\nkind = "mqtt"\n' + BROKER, "needs `deadline_ms`"),
    "two mistakes": (GOOD + "[outputs.mqtt]\nport = 0\nqos = 3\n", "(and 2 more)"),
}  # fmt: skip


def write(folder: Path, text: str) -> Path:
    path = folder / "station.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("camera", "kind"),
    [
        ('kind = "folder"\npath = "p"', FolderCamera),
        ('kind = "video"\npath = "p"', VideoCamera),
        ('kind = "v4l2"\ndevice = "/dev/v4l/by-id/x"', V4l2Camera),
        ('kind = "rtsp"\nurl = "rtsps://camera/1"', RtspCamera),
    ],
)
def test_the_kind_decides_which_camera(camera: str, kind: type, tmp_path: Path) -> None:
    station = read_station(write(tmp_path, f"{identity()}[camera]\n{camera}\n{LABELS}"))
    assert isinstance(station.camera, kind)


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    station = read_station(write(tmp_path, GOOD))
    assert station.outputs.mqtt is None
    assert station.trigger.deadline_ms is None
    assert station.judge.method == "rank"


def test_a_live_camera_with_a_broker_is_triggered(tmp_path: Path) -> None:
    station = read_station(write(tmp_path, identity() + LIVE + LABELS + ASKED + BROKER))
    assert (station.trigger.kind, station.trigger.deadline_ms, station.trigger.nearest_ms) == ("mqtt", 500, 100)


@pytest.mark.parametrize(("text", "complaint"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_station_is_refused_in_one_sentence(text: str, complaint: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(StationError) as caught:
        read_station(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"station file {path}")
    assert complaint in sentence
    assert "\n" not in sentence
    assert "kotoba-config" in sentence


def test_a_missing_station_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StationError, match=r"cannot be read \(No such file or directory\): give the path"):
        read_station(tmp_path / "station.toml")


def test_a_huge_station_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StationError, match="has more than 256000 bytes"):
        read_station(write(tmp_path, GOOD + "#" * 256_000))


def test_a_station_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StationError, match="is not TOML"):
        read_station(path)


def test_the_digest_follows_the_meaning_not_the_text(tmp_path: Path) -> None:
    plain = read_station(write(tmp_path, GOOD)).digest
    assert read_station(write(tmp_path, "# a comment\n" + GOOD + "[trigger]\ninterval_ms = 1000\n")).digest == plain
    assert read_station(write(tmp_path, GOOD + "[trigger]\ninterval_ms = 1001\n")).digest != plain


@pytest.mark.parametrize(
    ("key", "section"),
    [
        ("camera.path", ""),
        ("outputs.mqtt.password_file", '[outputs.mqtt]\nhost = "h"\npassword_file = "/missing"\n'),
        ("outputs.mqtt.tls.ca_file", '[outputs.mqtt]\nhost = "h"\n[outputs.mqtt.tls]\nca_file = "/missing"\n'),
    ],
)
def test_a_file_that_a_station_names_must_be_there(key: str, section: str, tmp_path: Path) -> None:
    folder = "/missing" if key == "camera.path" else str(tmp_path)
    station = read_station(write(tmp_path, GOOD.replace('"pictures"', f"'{folder}'") + section))
    with pytest.raises(StationError, match=f"cell-01: {key}: /missing does not exist"):
        require_named_files(station)


def test_what_a_station_will_write_need_not_be_there(tmp_path: Path) -> None:
    text = GOOD.replace('"pictures"', f"'{tmp_path}'") + '[outputs.jsonl]\npath = "/missing/out"\n'
    require_named_files(read_station(write(tmp_path, text)))


@given(st.text(max_size=60))
def test_a_name_that_is_taken_is_one_safe_topic_segment(name: str) -> None:
    try:
        taken = Identity(name=name, path="plant").name
    except ValidationError:
        return
    assert taken == name
    assert taken.isascii()
    assert not set(taken) & set("/+#$ \n\0")


def test_a_mistake_in_a_label_is_not_counted_again_for_the_list_of_labels(tmp_path: Path) -> None:
    labels = '[[labels]]\nname = "good"\ndecision = "ok"\n[[labels]]\nname = "bad"\n'
    with pytest.raises(StationError, match=r"labels\.1\.decision: Field required: see"):
        read_station(write(tmp_path, identity() + CAMERA + labels))


@pytest.mark.parametrize(
    ("keys", "mistake"),
    [
        ("repeat = true", "repeat = true needs watch = false"),
        ('watch = false\nafter = "delete"', 'after = "delete" needs watch = true'),
        ('after = "move"', "belong together"),
        ('move_to = "elsewhere"', "belong together"),
        ('after = "move"\nmove_to = "pictures"', "is read again by this camera"),
        ('after = "move"\nmove_to = "pictures/done"\npattern = "**/*.png"', "is read again by this camera"),
        ("pattern = []", "camera"),
        ('pattern = ["/a"]', "camera"),
    ],
)
def test_keys_of_a_folder_that_do_not_go_together_are_refused(tmp_path: Path, keys: str, mistake: str) -> None:
    with pytest.raises(StationError, match=mistake):
        read_station(write(tmp_path, GOOD.replace(CAMERA, f"{CAMERA}{keys}\n")))


@pytest.mark.parametrize(
    ("keys", "patterns"),
    [("", "default"), ('pattern = "*.png"', ("*.png",)), ('pattern = ["*.png", "**/*.jpg"]', ("*.png", "**/*.jpg"))],
)
def test_a_folder_is_watched_and_one_pattern_is_a_list_of_one(tmp_path: Path, keys: str, patterns: object) -> None:
    camera = read_station(write(tmp_path, GOOD.replace(CAMERA, f"{CAMERA}{keys}\n"))).camera

    assert isinstance(camera, FolderCamera)
    assert camera.watch
    assert camera.patterns == patterns or (patterns == "default" and "*.png" in camera.patterns)


def test_a_judged_folder_below_the_pictures_is_fine_where_the_pattern_does_not_reach_it(tmp_path: Path) -> None:
    keys = 'after = "move"\nmove_to = "pictures/done"\npattern = "*.png"\n'

    assert read_station(write(tmp_path, GOOD.replace(CAMERA, f"{CAMERA}{keys}"))).camera.kind == "folder"


def test_a_watched_folder_may_be_out_when_the_box_starts(tmp_path: Path) -> None:
    watched = read_station(write(tmp_path, GOOD.replace('"pictures"', '"/missing"')))
    finite = read_station(write(tmp_path, GOOD.replace('"pictures"\n', '"/missing"\nwatch = false\n')))

    require_named_files(watched, camera_may_be_out=True)
    with pytest.raises(StationError, match=r"camera\.path"):
        require_named_files(watched)
    with pytest.raises(StationError, match=r"camera\.path"):
        require_named_files(finite, camera_may_be_out=True)
