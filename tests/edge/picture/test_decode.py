from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.demo.cells import load_cells
from edge.picture.decode import PictureError, decode_picture, read_picture
from edge.picture.formats.readable import format_of
from edge.records import Reason
from tests.support.picture_files import encoded, gradient, huge_png, jpeg, jpeg_with_thumbnail, png, raw_png
from tests.support.tiny_bundle import is_one_sentence

MAX_PIXELS = 64_000_000
MAX_BYTES = 256_000_000

MAGICS = (
    b"", b"\x89PNG\r\n\x1a\n", png()[:40], b"\xff\xd8\xff", jpeg()[:400], b"BM", b"II*\x00", b"MM\x00*", b"RIFF\x00\x01\x00\x00WEBPVP8 ",
    b"GIF89a", b"P6\n8 8\n255\n", b"#?RADIANCE\n", b"\x76\x2f\x31\x01", b"PF\n",
)  # fmt: skip


def refused(raw: bytes, *, max_pixels: int = MAX_PIXELS) -> PictureError:
    with pytest.raises(PictureError) as caught:
        decode_picture(raw, name="part.png", max_pixels=max_pixels)
    assert is_one_sentence(caught.value.detail)
    assert "part.png" in caught.value.detail
    return caught.value


def cut(raw: bytes, share: float = 0.6) -> bytes:
    return raw[: int(len(raw) * share)]


UNREADABLE: dict[str, Callable[[], bytes]] = {
    "cut JPEG": lambda: cut(jpeg()),
    "cut progressive JPEG": lambda: cut(jpeg(progressive=True)),
    "progressive JPEG cut before its last scan": lambda: (raw := jpeg(progressive=True))[: raw.rfind(b"\xff\xda")],
    "cut JPEG with a whole thumbnail": lambda: cut(jpeg_with_thumbnail(), 0.9),
    "JPEG cut after its thumbnail": lambda: cut(jpeg_with_thumbnail(), 0.3),
    "JPEG without its last two bytes": lambda: jpeg()[:-2],
    "cut PNG": lambda: cut(png()),
    "PNG without its last chunk": lambda: png()[:-12],
    "PNG with a flipped bit": lambda: (raw := png())[:100] + bytes([raw[100] ^ 16]) + raw[101:],
    "header only": lambda: png()[:24],
    "text": lambda: b"lot 17, shift B\n" * 20,
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_broken_is_unreadable(case: str) -> None:
    raw = UNREADABLE[case]()

    error = refused(raw)

    assert error.reason is Reason.UNREADABLE


def test_an_empty_file_is_empty() -> None:
    assert refused(b"").reason is Reason.EMPTY


def test_a_small_huge_picture_is_what_it_claims() -> None:
    assert decode_picture(huge_png(200), name="part.png", max_pixels=MAX_PIXELS).shape == (200, 200, 3)


def test_a_huge_picture_is_refused_by_its_header_without_the_memory_for_it() -> None:
    raw = huge_png()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    error = refused(raw)

    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert len(raw) < 1_000_000
    assert error.reason is Reason.TOO_LARGE
    assert "30000x30000" in error.detail
    assert grown_mib < 50


def test_a_jpeg_over_the_limit_is_refused_by_its_header() -> None:
    error = refused(cut(jpeg()), max_pixels=64 * 48 - 1)  # cut: were it decoded, it would be unreadable

    assert error.reason is Reason.TOO_LARGE


@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "tiff", "ppm"])
def test_every_format_keeps_to_the_limit_of_pixels(kind: str) -> None:
    assert refused(encoded(gradient(), kind), max_pixels=100).reason is Reason.TOO_LARGE


def test_opencv_itself_refuses_a_monstrous_header_whichever_module_comes_first() -> None:
    row = b"\x00" * 30_001
    monster = raw_png(row * 2, size=(30_000, 30_000), bits=8, colours=0)
    program = f"""
import edge.picture.roi
from edge.picture.decode import PictureError, decode_picture
try:
    decode_picture({monster!r}, name="monster.png", max_pixels=2**31)
except PictureError as err:
    print(err)
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert "CV_IO_MAX_IMAGE_PIXELS" in done.stdout


def test_a_sound_picture_is_read_as_bgr() -> None:
    pixels = decode_picture(png(), name="part.png", max_pixels=MAX_PIXELS)

    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, gradient()[:, :, ::-1])


@pytest.mark.parametrize("raw", [jpeg(), jpeg(progressive=True), jpeg_with_thumbnail()], ids=["plain", "progressive", "thumbnail"])
def test_a_sound_jpeg_is_read(raw: bytes) -> None:
    pixels = decode_picture(raw, name="part.jpg", max_pixels=MAX_PIXELS)

    assert pixels.shape == (48, 64, 3)
    assert np.abs(pixels.astype(int) - gradient()[:, :, ::-1]).mean() < 8


@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "tiff"])
def test_a_grey_picture_has_three_equal_channels(kind: str) -> None:
    pixels = decode_picture(encoded(gradient()[:, :, 0], kind), name="part", max_pixels=MAX_PIXELS)

    assert pixels.shape == (48, 64, 3)
    assert np.array_equal(pixels[:, :, 0], pixels[:, :, 2])


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "part.png").write_bytes(png())

    assert read_picture(tmp_path / "part.png", max_pixels=MAX_PIXELS, max_bytes=MAX_BYTES).shape == (48, 64, 3)


def pipe(path: Path) -> None:
    os.mkfifo(path)


NOT_READ: dict[str, tuple[Callable[[Path], object], Reason]] = {
    "named pipe": (pipe, Reason.UNREADABLE),
    "directory": (Path.mkdir, Reason.UNREADABLE),
    "nothing": (lambda _: None, Reason.UNREADABLE),
    "link to nothing": (lambda path: path.symlink_to(path.with_name("gone")), Reason.UNREADABLE),
    "empty file": (Path.touch, Reason.EMPTY),
    "too many bytes": (lambda path: path.write_bytes(png() + bytes(10_000)), Reason.TOO_LARGE),
}


@pytest.mark.parametrize("case", NOT_READ)
def test_what_is_no_file_of_the_right_size_is_refused(tmp_path: Path, case: str) -> None:
    make, reason = NOT_READ[case]
    make(tmp_path / "part.png")

    with pytest.raises(PictureError) as caught:
        read_picture(tmp_path / "part.png", max_pixels=MAX_PIXELS, max_bytes=10_000)

    assert caught.value.reason is reason
    assert is_one_sentence(caught.value.detail)
    assert "part.png" in caught.value.detail


@pytest.mark.parametrize(
    "raw", [png(), jpeg(), jpeg(progressive=True), jpeg_with_thumbnail(), encoded(gradient(), "bmp"), encoded(gradient(), "tiff")]
)
def test_the_header_says_the_size(raw: bytes) -> None:
    assert format_of(raw).size(raw) == (64, 48)


LOSSLESS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "BMP": {},
    "PPM": {},
    "TIFF": {},
    "TIFF, LZW": {"compression": "tiff_lzw"},
    "TIFF, LZW, small strips": {"compression": "tiff_lzw", "strip_size": 64},
    "TIFF, deflate": {"compression": "tiff_adobe_deflate"},
}


@settings(max_examples=200)
@given(
    st.sampled_from(sorted(LOSSLESS)), st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 3]), st.integers(1, 255), st.integers(0)
)
def test_a_lossless_format_gives_back_every_pixel(kind: str, height: int, width: int, colours: int, levels: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(1, 1 + levels, (height, width, colours), np.uint8, endpoint=False)
    raw = encoded(values[:, :, 0] if colours == 1 else values, kind.split(",", maxsplit=1)[0], **LOSSLESS[kind])

    pixels = decode_picture(raw, name="part", max_pixels=MAX_PIXELS)

    assert np.array_equal(pixels, np.repeat(values, 3 // colours, axis=2)[:, :, ::-1])


@pytest.mark.long
def test_every_real_cell_has_the_pixels_that_opencv_reads_and_no_gate_speaks() -> None:
    for number, cell in enumerate(load_cells()):
        expected = cv2.imread(str(cell.path), cv2.IMREAD_COLOR)
        assert expected is not None
        assert np.array_equal(read_picture(cell.path), expected), cell.path
        if number % 8 == 0:  # without a checksum a run of zeros must not be seen where there is none
            grey = expected[:, :, 0].astype(np.uint8)
            for kind in ("BMP", "PPM", "TIFF"):
                assert np.array_equal(decode_picture(encoded(grey, kind), name=kind), expected), cell.path


def is_picture_or_told(raw: bytes) -> bool:
    try:
        shape: tuple[int, ...] = decode_picture(raw, name="random", max_pixels=1_000_000).shape
    except PictureError as err:
        return is_one_sentence(err.detail)
    return shape[2:] == (3,)


@settings(max_examples=300)
@given(st.sampled_from(MAGICS), st.binary(max_size=400))
def test_random_bytes_are_a_picture_or_a_picture_error(magic: bytes, rest: bytes) -> None:
    assert is_picture_or_told(magic + rest)


@given(st.integers(0, len(jpeg()) - 1), st.integers(0, 255), st.sampled_from([jpeg(), jpeg(progressive=True), png()]))
def test_a_changed_byte_gives_a_picture_or_a_picture_error(at: int, value: int, raw: bytes) -> None:
    changed = raw[: at % len(raw)] + bytes([value]) + raw[at % len(raw) + 1 :]

    assert is_picture_or_told(changed)
