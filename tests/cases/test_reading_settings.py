"""What a station says of picture files reaches everyone who reads one, and the digests that a verdict carries."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.cameras import open_camera
from edge.commands.inspect_paths import captures_of
from edge.inspection.golden import golden_capture
from edge.records import Capture, Frame, LostFrame, Pixels, Reason
from edge.review.explain_picture import evidence_of
from export.errors import SpecError
from export.models.artefacts import decoded
from firmware_config.cameras import FolderCamera
from firmware_config.describers import ImagePreprocess
from firmware_config.digest import digest_of_values
from firmware_config.station import Describe, Picture, Station
from tests.support.inspections import FULL
from tests.support.picture_files import defective_cells, encoded, exif, several
from tests.support.sample_records import station as sample_station
from tests.support.station_files import station_toml

CELL, OTHER = defective_cells(2)
DEEP = CELL.astype(np.uint16) * 16
ALPHA = np.dstack((CELL, CELL, CELL, np.full_like(CELL, 100)))


def station(**picture: object) -> Station:
    return sample_station(picture=picture)


def by_folder(path: Path, said: Station) -> Capture:
    (capture,) = open_camera(FolderCamera(kind="folder", path=path.parent, watch=False), station="cell-01", picture=said.picture).frames()
    return capture


def by_inspect(path: Path, said: Station) -> Capture:
    (capture,) = captures_of([path], said)
    return capture


def by_inspect_of_a_folder(path: Path, said: Station) -> Capture:
    (capture,) = captures_of([path.parent], said)
    return capture


def golden(path: Path, said: Station) -> Capture:
    return golden_capture(path, station=said)


READERS: dict[str, Callable[[Path, Station], Capture]] = {
    "folder camera": by_folder,
    "inspect PICTURE": by_inspect,
    "inspect FOLDER": by_inspect_of_a_folder,
    "golden picture": golden,
}
FILES: dict[str, tuple[Callable[[], bytes], dict[str, object]]] = {
    "16 bits": (lambda: encoded(DEEP, "PNG"), {"bit_depth": 12, "black_level": 16}),
    "alpha": (lambda: encoded(ALPHA, "PNG"), {"alpha": "white"}),
    "two pages": (lambda: several([CELL, OTHER], "TIFF"), {"pages": "first"}),
}
EXPECTED: dict[str, Callable[[], Pixels]] = {
    "16 bits": lambda: np.rint(np.clip(DEEP.astype(float) - 16, 0, None) * 255 / (4095 - 16)).astype(np.uint8),
    "alpha": lambda: np.rint(CELL * (100 / 255) + 255 * (155 / 255)).astype(np.uint8),
    "two pages": lambda: CELL,
}


@pytest.mark.parametrize("case", FILES)
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_reads_as_the_station_says(tmp_path: Path, reader: str, case: str) -> None:
    make, settings = FILES[case]
    (tmp_path / "part.png").write_bytes(make())

    capture = READERS[reader](tmp_path / "part.png", station(**settings))

    assert isinstance(capture, Frame)
    assert np.abs(capture.pixels[:, :, 0].astype(int) - EXPECTED[case]()).max() <= 1


@pytest.mark.parametrize("case", FILES)
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_refuses_what_the_station_does_not_say(tmp_path: Path, reader: str, case: str) -> None:
    (tmp_path / "part.png").write_bytes(FILES[case][0]())

    capture = READERS[reader](tmp_path / "part.png", station())

    assert isinstance(capture, LostFrame)
    assert capture.reason is Reason.UNSUPPORTED


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_turns_a_picture_upright(tmp_path: Path, reader: str) -> None:
    (tmp_path / "part.png").write_bytes(encoded(CELL, "PNG", exif=exif(3)))

    capture = READERS[reader](tmp_path / "part.png", station())

    assert isinstance(capture, Frame)
    assert np.array_equal(capture.pixels[:, :, 0], CELL[::-1, ::-1])


def test_the_evidence_of_a_verdict_is_read_as_its_station_says(tmp_path: Path) -> None:
    said = station(bit_depth=12)
    (tmp_path / "part.png").write_bytes(encoded(DEEP, "PNG"))
    capture = by_inspect(tmp_path / "part.png", said)
    assert isinstance(capture, Frame)
    digest = hashlib.sha256(np.ascontiguousarray(capture.pixels).data).hexdigest()

    pixels = evidence_of(replace(FULL, evidence_sha256=digest), tmp_path / "part.png", station=said)

    assert np.array_equal(pixels, capture.pixels)


PREPROCESS = ImagePreprocess(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def test_a_proof_reads_its_pictures_as_the_station_beside_them_says(tmp_path: Path) -> None:
    (tmp_path / "part.png").write_bytes(encoded(DEEP, "PNG"))
    with pytest.raises(SpecError, match="16 bits"):
        decoded([tmp_path / "part.png"])
    (tmp_path / "station.toml").write_text(station_toml("\n[picture]\nbit_depth = 12\n"))
    (tmp_path / "eight.png").write_bytes(encoded(np.rint(DEEP * (255 / 4095)).astype(np.uint8), "PNG"))

    deep, eight = decoded([tmp_path / "part.png", tmp_path / "eight.png"])

    assert np.abs(deep.astype(int) - eight.astype(int)).max() <= 1


def test_a_proof_looks_at_an_upright_picture(tmp_path: Path) -> None:
    (tmp_path / "turned.png").write_bytes(encoded(CELL[::-1, ::-1], "PNG", exif=exif(3)))
    (tmp_path / "upright.png").write_bytes(encoded(CELL, "PNG"))

    turned, upright = decoded([tmp_path / "turned.png", tmp_path / "upright.png"])

    assert np.array_equal(turned, upright)


CHANGES: list[dict[str, object]] = [{"bit_depth": 12}, {"bit_depth": 12, "black_level": 5}, {"alpha": "ignore"}, {"pages": "first"}]


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_the_pixels_of_a_file_changes_what_verdicts_depend_on(change: dict[str, object]) -> None:
    before, after = station(), station(**change)

    assert before.settings_digest != after.settings_digest
    assert before.describing_digest != after.describing_digest


JUDGED = {"template", "adapter", "method", "min_confidence", "min_margin"}


def test_a_station_without_these_settings_keeps_the_digests_that_its_calibration_names() -> None:
    said = station()
    picture = {"roi": None, "allow_printed_text": False}
    dumped = said.model_dump(mode="json", include={"labels": True, "describe": True, "judge": JUDGED})

    for newer in ("measured", "only_true"):
        del dumped["describe"][newer]

    assert said.settings_digest == digest_of_values(dumped | {"picture": picture})


@pytest.mark.parametrize("describe", [Describe(measured=True), Describe(only_true=True)])
def test_which_words_are_said_changes_what_verdicts_depend_on(describe: Describe) -> None:
    before = station()
    after = before.model_copy(update={"describe": describe})

    assert before.settings_digest != after.settings_digest
    assert before.describing_digest != after.describing_digest


def test_what_only_refuses_a_file_is_nothing_that_verdicts_depend_on() -> None:
    assert station(allow_black_rows=True).settings_digest == station().settings_digest


def test_the_section_of_an_old_station_is_valid() -> None:
    assert Picture.model_validate({"min_side": 32, "blank_spread": 2.0}).alpha == "refuse"
