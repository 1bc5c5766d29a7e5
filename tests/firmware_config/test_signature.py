from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config.errors import SignatureError
from firmware_config.signature import encode_signature, generate_key, key_id, public_key, read_trusted_keys, sign, verify, verify_file

PRIVATE = bytes(range(32))
PUBLIC = public_key(PRIVATE)
TRUSTED = {key_id(PUBLIC): PUBLIC}
STRANGER = bytes(32)


@given(st.binary(max_size=200))
def test_a_signature_holds_for_the_bytes_that_were_signed(manifest: bytes) -> None:
    assert verify(manifest, sign(manifest, PRIVATE), TRUSTED) == key_id(PUBLIC)
    assert verify_file(manifest, encode_signature(manifest, PRIVATE), TRUSTED) == key_id(PUBLIC)


@given(st.binary(min_size=1, max_size=200), st.data())
def test_one_flipped_bit_breaks_it(manifest: bytes, data: st.DataObject) -> None:
    signature = sign(manifest, PRIVATE)
    signed = manifest + signature
    bit = data.draw(st.integers(0, len(signed) * 8 - 1))
    tampered = bytearray(signed)
    tampered[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SignatureError):
        verify(bytes(tampered[: len(manifest)]), bytes(tampered[len(manifest) :]), TRUSTED)


def test_every_new_key_is_another() -> None:
    assert generate_key() != generate_key()


def test_the_key_that_signed_is_found_among_many() -> None:
    other = public_key(STRANGER)
    assert verify(b"m", sign(b"m", PRIVATE), {key_id(other): other, **TRUSTED}) == key_id(PUBLIC)


@pytest.mark.parametrize("trusted", [{}, {key_id(public_key(STRANGER)): public_key(STRANGER)}])
def test_a_stranger_is_refused(trusted: dict[str, bytes]) -> None:
    with pytest.raises(SignatureError, match="by no trusted key"):
        verify(b"m", sign(b"m", PRIVATE), trusted)
    with pytest.raises(SignatureError, match="which is not trusted"):
        verify_file(b"m", encode_signature(b"m", PRIVATE), trusted)


def test_a_stranger_cannot_borrow_the_id_of_a_trusted_key() -> None:
    forged = encode_signature(b"m", STRANGER).replace(key_id(public_key(STRANGER)).encode(), key_id(PUBLIC).encode())
    with pytest.raises(SignatureError, match="by no trusted key, or the manifest was changed after signing"):
        verify_file(b"m", forged, TRUSTED)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"key_id": "x", "signature": "y"}', encode_signature(b"m", PRIVATE)[:-9]])
def test_a_damaged_signature_file_is_refused(content: bytes) -> None:
    with pytest.raises(SignatureError, match=r"manifest\.sig is not a signature file"):
        verify_file(b"m", content, TRUSTED)


@pytest.mark.parametrize("signature", [b"", b"short", bytes(64), bytes(65)])
def test_a_signature_of_the_wrong_shape_is_refused(signature: bytes) -> None:
    with pytest.raises(SignatureError):
        verify(b"m", signature, TRUSTED)


def test_trusted_keys_are_the_pub_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "builder.pub").write_text(PUBLIC.hex() + "\n")
    (tmp_path / "README.txt").write_text("no key")
    assert read_trusted_keys(tmp_path) == TRUSTED


@pytest.mark.parametrize("content", ["", "00", PUBLIC.hex().upper(), PUBLIC.hex() + PUBLIC.hex()])
def test_a_damaged_key_is_refused_by_name(content: str, tmp_path: Path) -> None:
    (tmp_path / "builder.pub").write_text(content)
    with pytest.raises(SignatureError, match=r"builder\.pub does not hold one line of 64 hex digits"):
        read_trusted_keys(tmp_path)


def test_a_missing_folder_of_keys_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match="cannot be read"):
        read_trusted_keys(tmp_path / "nowhere")
