"""The bundle that runs is remembered, or the status says why not: a full disk keeps no line from starting."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.daemon.remembering import AGAIN_S, Remembering
from firmware_config.accepted_bundles import FILE_NAME, AcceptedBundles
from firmware_config.bundle import Manifest, parse_manifest
from firmware_config.errors import ManifestError
from tests.support.tiny_bundle import as_json, manifest_of, sound_files


def manifest(version: int) -> Manifest:
    return parse_manifest(as_json(manifest_of(sound_files()) | {"bundle_version": version}))


def test_a_bundle_that_cannot_be_remembered_is_a_trouble_until_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    in_the_way = tmp_path / "state"
    in_the_way.symlink_to("nowhere/state")
    now_s = [0.0]
    accepted = AcceptedBundles(in_the_way / FILE_NAME)
    remembering = Remembering(accepted, manifest(3), clock=lambda: now_s[0])
    assert "cannot be written" in (remembering.trouble() or "")

    in_the_way.unlink()
    assert remembering.trouble() is not None, "not tried at each look"
    now_s[0] = AGAIN_S
    assert remembering.trouble() is None
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    with pytest.raises(ManifestError, match="this box has run version 3"):
        accepted.require_not_older(manifest(2))


def test_an_older_bundle_and_a_damaged_list_still_refuse_the_start(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"")
    with pytest.raises(ManifestError, match="cannot be read"):
        Remembering(AcceptedBundles(tmp_path / FILE_NAME), manifest(3))


def test_a_list_that_is_damaged_while_it_waits_for_room_is_said(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.symlink_to("nowhere/state")
    now_s = [0.0]
    remembering = Remembering(AcceptedBundles(state / FILE_NAME), manifest(3), clock=lambda: now_s[0])
    state.unlink()
    state.mkdir()
    (state / FILE_NAME).write_bytes(b"")
    now_s[0] = AGAIN_S
    assert "cannot be read" in (remembering.trouble() or "")
