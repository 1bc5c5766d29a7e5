"""Picture files that look complete and are not: each must be refused, because a decoder makes grey or black of what is missing."""

from __future__ import annotations

import io
import random
import re
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.picture.decode import PictureError, decode_picture
from edge.records import Pixels, Reason
from firmware_config.station import Picture
from tests.support.picture_files import defective_cells, encoded, png_chunk, several
from tests.support.tiny_bundle import is_one_sentence

Grey = NDArray[np.uint8]
(CELL,) = defective_cells(1)
END_OF_JPEG = b"\xff\xd9"
END_OF_PNG = b"\x00\x00\x00\x00IEND\xaeB`\x82"


def decoded(raw: bytes, picture: Picture | None = None) -> Pixels:
    return decode_picture(raw, name="part", max_pixels=10**8, picture=picture or Picture())


def refusal(raw: bytes) -> PictureError:
    with pytest.raises(PictureError) as caught:
        decoded(raw)
    assert is_one_sentence(caught.value.detail)
    return caught.value


def colour(grey: Grey) -> Grey:
    return np.dstack((grey, grey[::-1], grey[:, ::-1]))


def by_opencv(grey: Grey, suffix: str, *options: int) -> bytes:
    return cv2.imencode(suffix, grey, options)[1].tobytes()


SOUND: dict[str, Callable[[Grey], bytes]] = {
    "JPEG": lambda grey: encoded(grey, "JPEG", quality=92),
    "JPEG in colour": lambda grey: encoded(colour(grey), "JPEG", quality=92),
    "progressive JPEG": lambda grey: encoded(grey, "JPEG", quality=92, progressive=True),
    "progressive JPEG in colour": lambda grey: encoded(colour(grey), "JPEG", quality=92, progressive=True),
    "optimised JPEG": lambda grey: encoded(grey, "JPEG", quality=60, optimize=True),
    "JPEG with restart markers": lambda grey: by_opencv(grey, ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 10),
    "PNG": lambda grey: encoded(grey, "PNG"),
    "PNG in colour": lambda grey: encoded(colour(grey), "PNG"),
    "BMP": lambda grey: encoded(grey, "BMP"),
    "BMP in colour": lambda grey: encoded(colour(grey), "BMP"),
    "TIFF": lambda grey: encoded(grey, "TIFF"),
    "TIFF in colour": lambda grey: encoded(colour(grey), "TIFF"),
    "TIFF with LZW": lambda grey: encoded(grey, "TIFF", compression="tiff_lzw"),
    "TIFF with LZW by OpenCV": lambda grey: by_opencv(colour(grey), ".tif"),
    "TIFF with deflate": lambda grey: encoded(grey, "TIFF", compression="tiff_adobe_deflate"),
    "PGM": lambda grey: encoded(grey, "PPM"),
    "PPM": lambda grey: encoded(colour(grey), "PPM"),
}
NOT_READ: dict[str, Callable[[], bytes]] = {
    "WebP": lambda: encoded(colour(CELL), "WEBP", quality=95),
    "lossless WebP": lambda: encoded(colour(CELL), "WEBP", lossless=True),
    "GIF": lambda: encoded(CELL, "GIF"),
    "JPEG 2000": lambda: encoded(CELL, "JPEG2000"),
    "JPEG 2000 without a box": lambda: encoded(CELL, "JPEG2000", no_jp2=True),
    "AVIF": lambda: encoded(colour(CELL), "AVIF", quality=90),
    "animated WebP": lambda: several([CELL, CELL[::-1]], "WEBP"),
    "PBM": lambda: encoded(CELL > 100, "PPM"),
    "text PGM": lambda: b"P2\n2 2\n255\n1 2\n3 4\n",
    "Radiance": lambda: by_opencv(colour(CELL).astype(np.float32), ".hdr"),
    "BigTIFF": lambda: encoded(CELL, "TIFF", big_tiff=True),
}


def data_of(raw: bytes) -> int:
    """Where the pixels begin: a damage before it would be one of the header."""
    return raw.find(b"\xff\xda") if raw.startswith(b"\xff\xd8") else min(200, len(raw) // 4)


def half_then_end(raw: bytes) -> bytes:
    end = END_OF_JPEG if raw.startswith(b"\xff\xd8") else END_OF_PNG if raw.startswith(b"\x89PNG") else b""
    at = data_of(raw)
    return raw[: at + (len(raw) - at) * 4 // 10] + end


def bytes_lost(raw: bytes) -> bytes:
    at, rest = data_of(raw), len(raw) - data_of(raw)
    return raw[: at + rest * 40 // 100] + raw[at + rest * 45 // 100 :]


def middle_zeroed(raw: bytes) -> bytes:
    at, rest = data_of(raw), len(raw) - data_of(raw)
    return raw[: at + rest * 4 // 10] + bytes(rest // 5) + raw[at + rest * 4 // 10 + rest // 5 :]


def tail_zeroed(raw: bytes) -> bytes:
    end = END_OF_JPEG if raw.startswith(b"\xff\xd8") else b""
    kept = len(raw) * 4 // 10
    return raw[:kept] + bytes(len(raw) - kept - len(end)) + end


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut at 40 %": lambda raw: raw[: len(raw) * 4 // 10],
    "cut at 90 %": lambda raw: raw[: len(raw) * 9 // 10],
    "half, then an end": half_then_end,
    "5 % lost in the middle": bytes_lost,
    "a fifth zeroed in the middle": middle_zeroed,
    "60 % zeroed at the end": tail_zeroed,
    "10 % zeroed at the end": lambda raw: raw[: len(raw) * 9 // 10] + bytes(len(raw) - len(raw) * 9 // 10),
    "the last byte lost": lambda raw: raw[:-1],
}


@pytest.mark.parametrize("kind", SOUND)
def test_a_sound_file_is_read(kind: str) -> None:
    pixels = decoded(SOUND[kind](CELL))

    expected = CELL[:, :, None] if "in colour" not in kind and kind not in {"PPM", "TIFF with LZW by OpenCV"} else None
    assert pixels.shape == (300, 300, 3)
    if expected is not None:
        assert np.abs(pixels.astype(int) - expected).mean() < (4 if "JPEG" in kind else 0.01)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", SOUND)
def test_a_damaged_file_is_unreadable(kind: str, damage: str) -> None:
    error = refusal(DAMAGES[damage](SOUND[kind](CELL)))

    assert error.reason is Reason.UNREADABLE


@pytest.mark.parametrize("kind", NOT_READ)
def test_a_format_whose_damage_cannot_be_seen_is_refused_by_name(kind: str) -> None:
    error = refusal(NOT_READ[kind]())

    assert error.reason is Reason.UNSUPPORTED
    assert "BMP, JPEG, PGM, PNG, PPM and TIFF are read" in error.detail


@pytest.mark.parametrize("kind", ["JPEG", "progressive JPEG", "PNG", "BMP", "PGM", "TIFF", "TIFF with LZW"])
def test_bytes_appended_to_a_sound_file_change_nothing(kind: str) -> None:
    raw = SOUND[kind](CELL)

    assert np.array_equal(decoded(raw + b"appended by a camera: serial 123 " * 4), decoded(raw))


@pytest.mark.parametrize("scans", [1, 2, 4, 5])
@pytest.mark.parametrize("kind", ["progressive JPEG", "progressive JPEG in colour"])
def test_a_progressive_jpeg_without_its_last_scans_is_incomplete(kind: str, scans: int) -> None:
    raw = SOUND[kind](CELL)
    starts = [found.start() for found in re.finditer(b"\xff\xda", raw)]
    assert len(starts) > scans

    error = refusal(raw[: starts[scans]].rsplit(b"\xff\xc4", 1)[0] + END_OF_JPEG)

    assert (error.reason, "incomplete" in error.detail) == (Reason.UNREADABLE, True)


def test_a_progressive_jpeg_with_a_scan_left_out_is_unreadable() -> None:
    raw = SOUND["progressive JPEG in colour"](CELL)
    starts = [found.start() for found in re.finditer(b"\xff\xda", raw)]

    assert refusal(raw[: starts[2]] + raw[starts[3] :]).reason is Reason.UNREADABLE


def test_restart_markers_out_of_order_are_unreadable() -> None:
    raw = SOUND["JPEG with restart markers"](CELL)
    first, second = raw.index(b"\xff\xd0"), raw.index(b"\xff\xd1")
    swapped = raw[:first] + b"\xff\xd1" + raw[first + 2 : second] + b"\xff\xd0" + raw[second + 2 :]

    assert refusal(swapped).reason is Reason.UNREADABLE


def test_a_restart_interval_left_out_is_unreadable() -> None:
    raw = SOUND["JPEG with restart markers"](CELL)
    first, second = raw.index(b"\xff\xd0"), raw.index(b"\xff\xd1")

    assert refusal(raw[:first] + raw[second:]).reason is Reason.UNREADABLE


def png_of(rows: bytes, *, data: bytes | None = None) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 300, 300, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(rows) if data is None else data) + png_chunk(b"IEND", b"")


ROWS = b"".join(b"\x00" + row.tobytes() for row in CELL)
PNGS: dict[str, Callable[[], bytes]] = {
    "a third of the data, with sound checksums of chunks": lambda: png_of(b"", data=zlib.compress(ROWS)[: len(zlib.compress(ROWS)) // 3]),
    "half of the rows, with sound checksums": lambda: png_of(ROWS[: len(ROWS) // 2]),
    "one row missing, with sound checksums": lambda: png_of(ROWS[:-301]),
    "a wrong checksum of the data": lambda: png_of(b"", data=zlib.compress(ROWS)[:-1] + b"\x00"),
    "a filter that does not exist": lambda: png_of(b"\x07" + ROWS[1:]),
    "no data": lambda: b"\x89PNG\r\n\x1a\n" + encoded(CELL, "PNG")[8:33] + END_OF_PNG,
    "a chunk between the data": lambda: png_of(ROWS).replace(
        b"\x00\x00\x00\x00IEND", png_chunk(b"tEXt", b"a\x00b") * 0 + b"\x00\x00\x00\x01IEND"
    ),
    "a damaged text chunk": lambda: encoded(CELL, "PNG")[:33] + b"\x00\x00\x00\x03tEXta\x00b\x00\x00\x00\x00" + encoded(CELL, "PNG")[33:],
    "another header's size": lambda: encoded(CELL, "PNG")[:16] + struct.pack(">I", 200) + encoded(CELL, "PNG")[20:],
}


@pytest.mark.parametrize("case", PNGS)
def test_a_png_whose_chunks_or_rows_are_not_whole_is_unreadable(case: str) -> None:
    assert refusal(PNGS[case]()).reason is Reason.UNREADABLE


@pytest.mark.parametrize("kind", ["BMP", "BMP in colour", "PGM", "PPM", "TIFF", "TIFF in colour"])
def test_stored_pixels_that_were_never_written_are_unreadable_unless_the_station_allows_black_rows(kind: str) -> None:
    black_below = CELL.copy()
    black_below[288:] = 0  # 4 % of the rows
    black_below[:12] = 0  # these too: of the pictures in colour one channel is upside down
    raw = SOUND[kind](black_below)

    assert "allow_black_rows" in refusal(raw).detail
    assert decoded(raw, Picture(allow_black_rows=True)).shape == (300, 300, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF with LZW", "TIFF with deflate"])
def test_black_rows_are_content_where_the_format_protects_it(kind: str) -> None:
    black_below = CELL.copy()
    black_below[150:] = 0

    assert not decoded(SOUND[kind](black_below))[170:].any()


def strip_table(raw: bytes, tag: int, value: int) -> bytes:
    """A TIFF with another value of a LONG or SHORT tag with one value."""
    buffer = io.BytesIO(raw)
    entry = Image.open(buffer).tag_v2[tag]  # type: ignore[attr-defined]
    old = entry[0] if isinstance(entry, tuple) else entry
    at = raw.index(struct.pack("<HHI", tag, 4, 1) + struct.pack("<I", old))
    return raw[: at + 8] + struct.pack("<I", value) + raw[at + 12 :]


TIFFS: dict[str, Callable[[bytes], bytes]] = {
    "a strip behind the end": lambda raw: strip_table(raw, 273, 10_000_000),
    "a strip that is too short": lambda raw: strip_table(raw, 279, 10),
    "a strip that is longer than the file": lambda raw: strip_table(raw, 279, 10_000_000),
}


@pytest.mark.parametrize("case", TIFFS)
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
def test_a_tiff_whose_strips_are_not_whole_is_unreadable(case: str, compression: str) -> None:
    raw = encoded(CELL, "TIFF", compression=compression, strip_size=1_000_000)

    assert refusal(TIFFS[case](raw)).reason is Reason.UNREADABLE


def lost(raw: bytes, dice: random.Random) -> bytes:
    count = max(16, int(len(raw) * dice.uniform(0.01, 0.2)))
    at = dice.randrange(len(raw) - count)
    return raw[:at] + raw[at + count :]


def zeroed(raw: bytes, dice: random.Random) -> bytes:
    count = int(len(raw) * dice.uniform(0.03, 0.4))
    at = dice.randrange(len(raw) - count)
    return raw[:at] + bytes(count) + raw[at + count :]


def ended(raw: bytes, dice: random.Random) -> bytes:
    """Cut anywhere and closed with an end marker, or filled with zeros to its length."""
    at = dice.randrange(1, len(raw) - len(raw) // 40)
    for start, end in ((b"\xff\xd8", END_OF_JPEG), (b"\x89PNG", END_OF_PNG)):
        if raw.startswith(start):
            return raw[:at] + end
    return raw[:at] + bytes(len(raw) - at)


def flipped(raw: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << dice.randrange(8)]) + raw[at + 1 :]


RANDOM: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "lost": lost,
    "zeroed": zeroed,
    "cut": lambda raw, dice: raw[: dice.randrange(1, len(raw))],
    "ended": ended,
}
CHECKSUMMED = ("PNG", "PNG in colour", "TIFF with deflate")
KNOWN_SLIPS = {"JPEG in colour": 0.06, "progressive JPEG in colour": 0.06, "progressive JPEG": 0.06}
"""JPEG has no checksum: after a loss its code may find its way back and come out at the last block all the same."""


def slips(kind: str, damage: Callable[[bytes, random.Random], bytes], *, rounds: int) -> float:
    """The share of damaged files that are read with other pixels than the sound file has."""
    dice, wrong, total = random.Random(kind), 0, 0
    for cell in defective_cells(4):
        raw = SOUND[kind](cell)
        sound = decoded(raw)
        for _ in range(rounds):
            total += 1
            try:
                wrong += not np.array_equal(decoded(damage(raw, dice)), sound)
            except PictureError:
                continue
    return wrong / total


@pytest.mark.parametrize("damage", RANDOM)
@pytest.mark.parametrize("kind", SOUND)
def test_random_damage_is_refused_or_changes_no_pixel(kind: str, damage: str) -> None:
    assert slips(kind, RANDOM[damage], rounds=12) <= KNOWN_SLIPS.get(kind, 0.0)


@pytest.mark.parametrize("kind", CHECKSUMMED)
def test_one_changed_bit_is_refused_where_there_is_a_checksum(kind: str) -> None:
    assert slips(kind, flipped, rounds=100) == 0
