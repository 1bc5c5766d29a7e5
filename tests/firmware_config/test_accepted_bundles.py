from __future__ import annotations

import json
from pathlib import Path

import pytest

from firmware_config.accepted_bundles import FILE_NAME, AcceptedBundles
from firmware_config.bundle import Manifest, parse_manifest
from firmware_config.errors import ManifestError
from tests.support.tiny_bundle import as_json, is_one_sentence, manifest_of, sound_files


def manifest(version: int, *, name: str = "tiny", key: str = "0" * 16) -> Manifest:
    return parse_manifest(as_json(manifest_of(sound_files()) | {"bundle_version": version, "name": name, "key_id": key}))


def of_box(tmp_path: Path) -> AcceptedBundles:
    return AcceptedBundles.beside(tmp_path / "state" / "spool.sqlite")


def test_an_older_bundle_than_one_that_was_run_is_refused_also_after_a_restart(tmp_path: Path) -> None:
    assert of_box(tmp_path).accept(manifest(5))
    of_box(tmp_path).require_not_older(manifest(5))
    of_box(tmp_path).require_not_older(manifest(6))
    with pytest.raises(ManifestError, match="version 4, and this box has run version 5") as refused:
        of_box(tmp_path).require_not_older(manifest(4))
    assert "kotoba-edge bundle allow-older" in str(refused.value)
    assert is_one_sentence(str(refused.value))


def test_what_is_only_examined_is_not_remembered(tmp_path: Path) -> None:
    of_box(tmp_path).require_not_older(manifest(9))
    assert list(tmp_path.iterdir()) == []
    of_box(tmp_path).require_not_older(manifest(1))


def test_each_name_and_each_key_has_its_own_version(tmp_path: Path) -> None:
    box = of_box(tmp_path)
    for one in (manifest(5), manifest(2, name="other"), manifest(3, key="1" * 16)):
        assert box.accept(one)
    for older in (manifest(4), manifest(1, name="other"), manifest(2, key="1" * 16)):
        with pytest.raises(ManifestError, match="this box has run"):
            box.require_not_older(older)
    box.require_not_older(manifest(1, name="new"))


def test_running_an_older_one_that_was_allowed_does_not_forget_it(tmp_path: Path) -> None:
    box = of_box(tmp_path)
    box.accept(manifest(5))
    assert box.allow(manifest(3)) == 5
    box.require_not_older(manifest(3))
    assert not box.accept(manifest(3))
    with pytest.raises(ManifestError, match="this box has run version 3"):
        box.require_not_older(manifest(2))


def test_allowing_what_is_not_older_changes_nothing(tmp_path: Path) -> None:
    box = of_box(tmp_path)
    assert box.allow(manifest(5)) == 0
    assert list(tmp_path.iterdir()) == []
    box.accept(manifest(5))
    assert box.allow(manifest(7)) == 5
    box.require_not_older(manifest(5))


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{}", b"null", b"\xef\xbb\xbf{}", b'{"schema": "kotoba.accepted/1", "bundles": [{"name": "tiny"',
        json.dumps({"schema": "kotoba.accepted/1", "bundles": [{"name": "tiny", "key_id": "0" * 16, "version": "5"}]}).encode(),
        json.dumps({"schema": "kotoba.accepted/1", "bundles": [{"name": "tiny", "key_id": "0" * 16, "version": 5}] * 2}).encode(),
        b" " * 1_000_001,
    ],
)  # fmt: skip
def test_a_damaged_list_is_never_taken_for_a_first_start(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    box = AcceptedBundles.beside(tmp_path / "spool.sqlite")
    for use in (box.require_not_older, box.accept, box.allow):
        with pytest.raises(ManifestError, match=r"accepted-bundles\.json cannot be read") as refused:
            use(manifest(9))
        assert is_one_sentence(str(refused.value))
    assert (tmp_path / FILE_NAME).read_bytes() == content


def test_a_pipe_is_no_list(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / FILE_NAME)
    with pytest.raises(ManifestError, match="no regular file"):
        AcceptedBundles.beside(tmp_path / "spool.sqlite").require_not_older(manifest(9))


def test_a_list_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"a file where the folder should be")
    with pytest.raises(ManifestError, match=r"cannot be (read|written)"):
        of_box(tmp_path).accept(manifest(1))
