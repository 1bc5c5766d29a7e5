from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edge.bundle.archive import unpack
from edge.bundle.open import open_bundle
from edge.errors import BundleError
from tests.support.tiny_bundle import TRUSTED, archive_parts, as_json, manifest_of, sound_files


def test_a_sound_archive_unpacks_to_the_same_bundle(tmp_path: Path) -> None:
    raw = as_json(manifest_of(sound_files()))
    (tmp_path / "b.kbundle").write_bytes(b"".join(archive_parts(sound_files(), raw)))

    bundle = unpack(tmp_path / "b.kbundle", tmp_path / "b", trusted=TRUSTED)

    assert bundle == open_bundle(tmp_path / "b", trusted=TRUSTED)
    listed = subprocess.run(["tar", "-tf", tmp_path / "b.kbundle"], capture_output=True, text=True, timeout=30, check=True).stdout.split()
    assert listed == ["manifest.json", "manifest.sig", *sorted(sound_files())]


def test_unpacking_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "b.kbundle").write_bytes(b"".join(archive_parts(sound_files(), as_json(manifest_of(sound_files())))))
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "mine.txt").write_text("kept")
    with pytest.raises(BundleError, match="new folder"):
        unpack(tmp_path / "b.kbundle", tmp_path / "new", trusted=TRUSTED)
    assert (tmp_path / "new" / "mine.txt").read_text() == "kept"


def test_a_device_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no regular file"):
        unpack(Path("/dev/zero"), tmp_path / "new", trusted=TRUSTED)
