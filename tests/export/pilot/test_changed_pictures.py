"""Pictures that were changed after they were described are refused, and a changed one is not taken for what was kept of the old one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from export.errors import SpecError
from export.findings.comparison import Condition
from export.pilot.corpora import write_changed
from export.pilot.pictures import Files
from export.texts.picture import Picture
from export.texts.row import Row
from tests.support.sample_records import station
from tests.support.tiny_bundle import is_one_sentence

NONE = "sha256:" + "0" * 64
DARKER = Condition(kind="exposure", level=0.5)


def picture(path: Path, grey: int) -> Row:
    """Write a picture without compression, which has the same size whatever it shows."""
    cv2.imwrite(str(path), np.full((48, 48, 3), grey, np.uint8))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Row(id=digest, source=path.name, label="good", domain="a", split=None, block=digest, models_digest=NONE, describe_digest=NONE)


def files(path: Path) -> Files:
    return Files.of([Picture(path, path.name, "good", "a", None, None)], station())


def test_a_picture_of_the_same_size_with_other_pixels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.bmp"
    row = picture(path, 90)
    files(path).require_unchanged([row])
    picture(path, 200)

    with pytest.raises(SpecError, match="was changed since it was described") as raised:
        files(path).require_unchanged([row])

    assert is_one_sentence(str(raised.value))


def test_a_picture_that_is_gone_is_refused(tmp_path: Path) -> None:
    row = picture(tmp_path / "one.bmp", 90)
    (tmp_path / "one.bmp").unlink()

    with pytest.raises(SpecError, match="cannot be now"):
        files(tmp_path / "one.bmp").require_unchanged([row])


def test_a_condition_is_made_anew_for_another_picture_of_the_same_name(tmp_path: Path) -> None:
    path = tmp_path / "one.bmp"
    old = write_changed(picture(path, 90), files(path), DARKER, tmp_path / "made").path
    new = write_changed(picture(path, 200), files(path), DARKER, tmp_path / "made").path

    greys = [int(found.max()) for made in (old, new) if (found := cv2.imread(str(made))) is not None]
    assert greys == [45, 100]
