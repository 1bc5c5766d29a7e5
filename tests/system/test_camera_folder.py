"""A folder full of trouble through camera, decoder, gate and models' places, in a process that may not take much memory."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.picture_files import encoded, huge_png, jpeg, png
from tests.support.repository import ROOT

MAX_ADDRESS_SPACE_BYTES = 1_500_000_000
"""A decoded picture of 30000x30000 takes 0.9 GB in grey and 2.7 GB in colour."""

PROGRAM = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))

from collections import defaultdict
from pathlib import Path
from edge.cameras.folder import FolderCamera
from edge.inspection.inspector import Inspector
from edge.judges.scripted import ScriptedJudge
from edge.message import encode
from edge.inspection.policy import Limits
from firmware_config.cameras import FolderCamera as Settings
from firmware_config.station import Picture
from tests.support.sample_records import BUNDLE, MODELS, description, scores, station

class Describer:
    def describe(self, frame):
        return description(f"{frame.pixels.shape} up to {frame.pixels.max()}")

judge = ScriptedJudge(lambda _: scores())
inspector = Inspector(station(), describer=Describer(), judge=judge, limits=Limits(), bundle_digest=BUNDLE, models_digest=MODELS)
settings = Settings(kind="folder", path=Path(sys.argv[1]), watch=False)
for capture in FolderCamera(settings, station="cell-01", picture=Picture(bit_depth=12)).frames():
    print(encode(inspector.inspect(capture)).decode(), flush=True)
# Not ru_maxrss: Linux lets a child begin with that of its parent.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps({"peak_kib": int(status["VmHWM"].split()[0])}))
"""

MONSTER_BMP = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 54, 0, 0, 54, 40, 30_000, 30_000, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(2_000)


def fill(folder: Path) -> None:
    twelve_bits = np.linspace(0, 4095, 64 * 48).reshape(48, 64).astype(np.uint16)
    contents = {
        "01-good.png": png(),
        "02-cut.jpg": jpeg()[:500],
        "03-huge.png": huge_png(),
        "04-text.png": b"shift report\n" * 100,
        "05-empty.png": b"",
        "06-grey16.png": encoded(twelve_bits, "png"),
        "07-monster.bmp": MONSTER_BMP,
        "08-black.png": encoded(np.zeros((64, 64, 3), np.uint8), "png"),
        "09-tiny.png": encoded(np.zeros((4, 4, 3), np.uint8), "png"),
        "10-good.jpg": jpeg(),
    }
    for name, raw in contents.items():
        (folder / name).write_bytes(raw)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    folder = tmp_path_factory.mktemp("camera")
    fill(folder)
    command = [sys.executable, "-c", PROGRAM, str(folder), str(MAX_ADDRESS_SPACE_BYTES)]
    # One thread: each takes address space of its own, whether it works or not.
    environment = {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3_000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_file_gets_its_verdict_and_good_ones_go_on(lines: list[dict[str, object]]) -> None:
    verdicts = [(line["source"], line["decision"], line["reasons"]) for line in lines[:-1]]

    assert verdicts == [
        ("01-good.png", "OK", []),
        ("02-cut.jpg", "FAULT", ["unreadable"]),
        ("03-huge.png", "FAULT", ["too_large"]),
        ("04-text.png", "FAULT", ["unreadable"]),
        ("05-empty.png", "FAULT", ["empty"]),
        ("06-grey16.png", "OK", []),
        ("07-monster.bmp", "FAULT", ["too_large"]),
        ("08-black.png", "FAULT", ["blank"]),
        ("09-tiny.png", "FAULT", ["wrong_size"]),
        ("10-good.jpg", "OK", []),
    ]


def test_each_fault_is_explained_in_a_sentence(lines: list[dict[str, object]]) -> None:
    for line in lines[:-1]:
        assert (line["decision"] == "FAULT") == isinstance(line["detail"], str)


def test_a_16_bit_picture_is_seen_over_the_range_of_the_station(lines: list[dict[str, object]]) -> None:
    words = lines[5]["words"]

    assert isinstance(words, dict)
    assert words["captions"] == ["(48, 64, 3) up to 255"]


def test_the_memory_stays_that_of_small_pictures(lines: list[dict[str, object]]) -> None:
    peak_kib = lines[-1]["peak_kib"]

    assert isinstance(peak_kib, int)
    assert peak_kib < 500_000
