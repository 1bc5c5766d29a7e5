"""Pictures that are stored turned or mirrored and say so: every format is made upright in the same way."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from edge.picture.decode import PictureError, decode_picture
from edge.records import Pixels, Reason
from firmware_config.station import Picture
from tests.support.picture_files import defective_cells, encoded, exif, with_chunk, with_segment
from tests.support.tiny_bundle import is_one_sentence

ORIENTATIONS = range(1, 9)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,  # turned to the left, so that a viewer turns it to the right
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def scene() -> NDArray[np.uint8]:
    """Two cells side by side, (200, 300, 3), different in every corner; smooth, so that JPEG changes little."""
    left, right = (cv2.resize(cell, (150, 200), interpolation=cv2.INTER_AREA) for cell in defective_cells(2))
    grey = np.hstack((left, right))
    return np.dstack((grey, np.roll(grey, 40, axis=1), 255 - grey))


UPRIGHT = scene()


def stored(orientation: int) -> NDArray[np.uint8]:
    """The scene as a camera that is held so stores it."""
    picture = Image.fromarray(UPRIGHT)
    return np.array(picture if orientation == 1 else picture.transpose(TURNS[orientation]))


def raw_profile(pixels: NDArray[np.uint8], orientation: int, *, packed: bool, kind: bytes) -> bytes:
    """A PNG with EXIF as hexadecimal text, as ImageMagick and exiv2 write it."""
    block = b"Exif\x00\x00" + exif(orientation, order=">")
    text = b"\nexif\n%8d\n" % len(block) + block.hex().encode() + b"\n"
    body = kind + b"\x00" + (b"\x00" + zlib.compress(text) if packed else text)
    return with_chunk(encoded(pixels, "PNG"), b"zTXt" if packed else b"tEXt", body)


def sixteen(pixels: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return pixels[:, :, 0].astype(np.uint16) * 257


FILES: dict[str, Callable[[NDArray[np.uint8], int], bytes]] = {
    "JPEG": lambda pixels, o: encoded(pixels, "JPEG", quality=98, subsampling=0, exif=b"Exif\x00\x00" + exif(o)),
    "JPEG, big-endian": lambda pixels, o: with_segment(
        encoded(pixels, "JPEG", quality=98, subsampling=0), 0xE1, b"Exif\x00\x00" + exif(o, order=">")
    ),
    "progressive JPEG": lambda pixels, o: encoded(
        pixels, "JPEG", quality=98, subsampling=0, progressive=True, exif=b"Exif\x00\x00" + exif(o)
    ),
    "grey JPEG": lambda pixels, o: encoded(pixels[:, :, 0], "JPEG", quality=98, exif=b"Exif\x00\x00" + exif(o)),
    "PNG": lambda pixels, o: encoded(pixels, "PNG", exif=exif(o)),
    "PNG, big-endian": lambda pixels, o: with_chunk(encoded(pixels, "PNG"), b"eXIf", exif(o, order=">")),
    "grey PNG": lambda pixels, o: encoded(pixels[:, :, 0], "PNG", exif=exif(o)),
    "PNG with a packed profile": lambda pixels, o: raw_profile(pixels, o, packed=True, kind=b"Raw profile type exif"),
    "PNG with a plain profile": lambda pixels, o: raw_profile(pixels, o, packed=False, kind=b"Raw profile type APP1"),
    "PNG of 16 bits": lambda pixels, o: encoded(sixteen(pixels), "PNG", exif=exif(o)),
    "TIFF": lambda pixels, o: encoded(pixels, "TIFF", tiffinfo={274: o}),
    "grey TIFF": lambda pixels, o: encoded(pixels[:, :, 0], "TIFF", tiffinfo={274: o}),
    "TIFF with LZW": lambda pixels, o: encoded(pixels, "TIFF", compression="tiff_lzw", tiffinfo={274: o}),
    "TIFF with deflate": lambda pixels, o: encoded(pixels, "TIFF", compression="tiff_adobe_deflate", tiffinfo={274: o}),
    "TIFF of 16 bits": lambda pixels, o: encoded(sixteen(pixels), "TIFF", tiffinfo={274: o}),
}
GREY = ("grey", "16 bits")


def decoded(raw: bytes) -> Pixels:
    return decode_picture(raw, name="part", max_pixels=10**7, picture=Picture(bit_depth=16))


def difference(pixels: Pixels, expected: NDArray[np.uint8]) -> float:
    assert pixels.shape == expected.shape
    return float(np.abs(pixels.astype(int) - expected).mean())


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", FILES)
def test_every_format_is_made_upright(kind: str, orientation: int) -> None:
    raw = FILES[kind](stored(orientation), orientation)
    expected = np.repeat(UPRIGHT[:, :, :1], 3, axis=2) if any(word in kind for word in GREY) else UPRIGHT[:, :, ::-1]

    assert difference(decoded(raw), expected) < (2 if "JPEG" in kind else 0.01)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_picture_is_turned_as_viewers_turn_it(orientation: int) -> None:
    raw = FILES["PNG"](UPRIGHT, orientation)
    viewed = Image.fromarray(UPRIGHT)
    viewed.getexif()[274] = orientation

    assert np.array_equal(decoded(raw)[:, :, ::-1], np.array(ImageOps.exif_transpose(viewed)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_an_orientation_that_is_not_known_is_upright(kind: str) -> None:
    assert difference(decoded(FILES[kind](UPRIGHT, 0)), UPRIGHT[:, :, ::-1]) < 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", [9, 255, 65_535])
def test_an_orientation_that_does_not_exist_is_unreadable(kind: str, orientation: int) -> None:
    with pytest.raises(PictureError, match=f"orientation {orientation}") as caught:
        decoded(FILES[kind](UPRIGHT, orientation))

    assert caught.value.reason is Reason.UNREADABLE
    assert is_one_sentence(caught.value.detail)


BROKEN = {
    "no header": b"Exif\x00\x00" + bytes(26),
    "cut": b"Exif\x00\x00" + exif(3)[:12],
    "directory elsewhere": b"Exif\x00\x00" + b"II*\x00" + struct.pack("<I", 60_000) + exif(3)[8:],
    "too short": b"Exif\x00\x00II",
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_damaged_exif_block_is_unreadable_because_nobody_knows_which_side_is_up(case: str) -> None:
    with pytest.raises(PictureError) as caught:
        decoded(with_segment(encoded(UPRIGHT, "JPEG"), 0xE1, BROKEN[case]))

    assert caught.value.reason is Reason.UNREADABLE


def test_the_orientation_of_a_thumbnail_is_not_that_of_the_picture() -> None:
    second = struct.pack("<HHHIHHI", 1, 274, 3, 1, 6, 0, 0)
    first = struct.pack("<HHHIHH", 1, 274, 3, 1, 3, 0) + struct.pack("<I", 8 + 18)
    block = b"Exif\x00\x00II*\x00" + struct.pack("<I", 8) + first + second

    turned = decoded(with_segment(encoded(stored(3), "JPEG", quality=98, subsampling=0), 0xE1, block))

    assert difference(turned, UPRIGHT[:, :, ::-1]) < 2
