"""The keys that a bundle carries to the boxes, and those that it revokes."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.bundle.open import open_trusted_bundle
from export.bundle.build import canonical
from export.cli import main
from firmware_config.bundle import parse_manifest
from firmware_config.signature import generate_key, key_id, public_key
from tests.support.tiny_bundle import as_json, is_one_sentence, manifest_of, sound_files
from tests.support.tiny_spec import write_spec

NEXT = public_key(generate_key())


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / "next.pub").write_text(NEXT.hex() + "\n")
    return write_spec(tmp_path / "spec")


def build(spec: Path, root: Path, *more: str) -> int:
    (root / "board.toml").write_text('name = "test"\nproviders = ["cpu"]\nthreads = 1\n')
    where = ["--out", str(root / "bundle"), "--key", str(root / "keys" / "builder.key"), "--cache", str(root / "cache")]
    return main(["build", str(spec), *where, "--board", str(root / "board.toml"), *more])


def test_a_bundle_carries_the_next_key_and_revokes_a_lost_one(spec: Path, tmp_path: Path) -> None:
    assert build(spec, tmp_path, "--carry-key", str(tmp_path / "next.pub"), "--revoke-key", "0" * 16) == 0
    manifest = open_trusted_bundle(tmp_path / "bundle", keys=tmp_path / "keys").manifest
    assert (manifest.new_keys, manifest.revoked_keys) == ((NEXT.hex(),), ("0" * 16,))


def test_a_bundle_without_keys_can_be_read_by_a_box_that_knows_of_none() -> None:
    manifest = parse_manifest(as_json(manifest_of(sound_files())))
    assert b"_keys" not in canonical(manifest)
    assert parse_manifest(canonical(manifest)) == manifest


def test_what_a_bundle_cannot_carry_or_revoke_is_a_sentence(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "wrong.pub").write_text("no key\n")
    own = tmp_path / "keys" / "builder.key"
    own.parent.mkdir()
    own.write_text(generate_key().hex() + "\n")
    own.chmod(0o600)
    identity = key_id(public_key(bytes.fromhex(own.read_text().strip())))
    for more, expected in (
        (["--carry-key", str(tmp_path / "wrong.pub")], "does not hold one line of 64 hex digits"),
        (["--carry-key", str(tmp_path / "nowhere.pub")], "to carry cannot be read"),
        (["--revoke-key", "old"], "'old' is no id of a key"),
        (["--revoke-key", identity], f"the key {identity} cannot revoke itself"),
    ):
        assert build(spec, tmp_path, *more) != 0
        said = capsys.readouterr().err
        assert expected in said
        assert is_one_sentence(said.strip())
    assert not (tmp_path / "bundle").exists()
