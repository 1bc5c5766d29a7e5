"""Pictures with transparency, with several frames or pages, or of an odd kind: right, as the station says, or refused."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.picture.decode import PictureError, decode_picture
from edge.records import Pixels, Reason
from firmware_config.station import Picture
from tests.support.picture_files import defective_cells, encoded, png_chunk, raw_png, several, with_segment
from tests.support.tiny_bundle import is_one_sentence

CELL, OTHER = defective_cells(2)
COLOUR = np.dstack((CELL, CELL[::-1], CELL[:, ::-1]))
ALPHA = np.full((300, 300), 255, np.uint8)
ALPHA[:150] = np.arange(300)[None, :] * 255 // 299


def decoded(raw: bytes, **settings: object) -> Pixels:
    return decode_picture(raw, name="part", max_pixels=10**7, picture=Picture.model_validate(settings))


def refusal(raw: bytes, **settings: object) -> str:
    with pytest.raises(PictureError) as caught:
        decoded(raw, **settings)
    assert is_one_sentence(caught.value.detail)
    assert caught.value.reason is Reason.UNSUPPORTED
    return caught.value.detail


def rgba(alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.dstack((COLOUR, alpha))


def grey_alpha(alpha: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.merge("LA", (Image.fromarray(CELL), Image.fromarray(alpha))).save(buffer, "PNG")
    return buffer.getvalue()


def palette_alpha(alpha: NDArray[np.uint8]) -> bytes:
    """Grey levels as a palette, each with the alpha of its level in the first row."""
    transparency = bytes(alpha[0, :256])
    rows = b"".join(b"\x00" + row.tobytes() for row in CELL)
    levels = b"".join(bytes([level]) * 3 for level in range(256))
    chunks = png_chunk(b"PLTE", levels) + png_chunk(b"tRNS", transparency)
    return raw_png(rows, size=(300, 300), bits=8, colours=3, chunks=chunks)


def bmp_alpha(alpha: NDArray[np.uint8]) -> bytes:
    """32 bits with a mask for alpha (BITMAPV4HEADER), rows from the top."""
    header = struct.pack("<IiiHHIIiiII", 108, 300, -300, 1, 32, 3, 0, 0, 0, 0, 0) + struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    body = np.dstack((COLOUR[:, :, ::-1], alpha)).tobytes()
    return b"BM" + struct.pack("<IHHI", 122 + len(body), 0, 0, 122) + header.ljust(108, b"\x00") + body


def wide(alpha: NDArray[np.uint8]) -> bytes:
    """16 bits a channel."""
    values = np.dstack((COLOUR[:, :, ::-1], alpha)).astype(np.uint16) * 257
    return cv2.imencode(".png", values)[1].tobytes()


BLENDED: dict[str, Callable[[NDArray[np.uint8]], bytes]] = {
    "RGBA PNG": lambda alpha: encoded(rgba(alpha), "PNG"),
    "RGBA PNG of 16 bits": wide,
    "BMP with a mask for alpha": bmp_alpha,
}


@pytest.mark.parametrize("kind", [*BLENDED, "grey PNG", "palette PNG", "RGBA TIFF", "RGBA TIFF of 16 bits"])
def test_alpha_that_is_opaque_is_left_out(kind: str) -> None:
    opaque = np.full((300, 300), 255, np.uint8)
    makers = BLENDED | {
        "grey PNG": grey_alpha,
        "palette PNG": palette_alpha,
        "RGBA TIFF": lambda alpha: encoded(rgba(alpha), "TIFF"),
        "RGBA TIFF of 16 bits": lambda alpha: cv2.imencode(".tif", np.dstack((COLOUR[:, :, ::-1], alpha)).astype(np.uint16) * 257)[
            1
        ].tobytes(),
    }

    pixels = decoded(makers[kind](opaque), bit_depth=16)

    grey = kind.startswith(("grey", "palette"))
    assert np.array_equal(pixels, np.dstack([CELL] * 3) if grey else COLOUR[:, :, ::-1])


@pytest.mark.parametrize("kind", [*BLENDED, "grey PNG", "palette PNG"])
def test_alpha_that_is_not_opaque_is_refused_with_what_to_set(kind: str) -> None:
    makers = BLENDED | {"grey PNG": grey_alpha, "palette PNG": palette_alpha}

    assert "[picture] alpha" in refusal(makers[kind](ALPHA), bit_depth=16)


@pytest.mark.parametrize(("alpha", "backdrop"), [("black", 0), ("white", 255)])
@pytest.mark.parametrize("kind", BLENDED)
def test_the_station_lays_a_picture_over_black_or_white(kind: str, alpha: str, backdrop: int) -> None:
    pixels = decoded(BLENDED[kind](ALPHA), alpha=alpha, bit_depth=16)

    share = ALPHA[:, :, None] / 255
    assert np.abs(pixels - (COLOUR[:, :, ::-1] * share + backdrop * (1 - share))).max() <= 0.51


@pytest.mark.parametrize("kind", BLENDED)
def test_the_station_ignores_alpha(kind: str) -> None:
    assert np.array_equal(decoded(BLENDED[kind](ALPHA), alpha="ignore", bit_depth=16), COLOUR[:, :, ::-1])


def test_a_grey_level_that_means_transparent_is_alpha() -> None:
    rows = b"".join(b"\x00" + row.tobytes() for row in CELL)
    level = int(CELL[10, 10])
    raw = raw_png(rows, size=(300, 300), bits=8, colours=0, chunks=png_chunk(b"tRNS", struct.pack(">H", level)))

    assert "alpha" in refusal(raw)
    assert np.array_equal(decoded(raw, alpha="ignore")[:, :, 0], CELL)
    assert np.array_equal(decoded(raw, alpha="white")[:, :, 0], np.where(level == CELL, 255, CELL))


@pytest.mark.parametrize("alpha", ["refuse", "ignore", "black", "white"])
@pytest.mark.parametrize("kind", ["RGBA TIFF", "grey and alpha TIFF"])
def test_a_tiff_whose_alpha_opencv_has_worked_in_or_left_out_is_refused(kind: str, alpha: str) -> None:
    buffer = io.BytesIO()
    Image.merge("LA", (Image.fromarray(CELL), Image.fromarray(ALPHA))).save(buffer, "TIFF")
    raw = encoded(rgba(ALPHA), "TIFF") if kind == "RGBA TIFF" else buffer.getvalue()

    assert "TIFF with" in refusal(raw, alpha=alpha)


def mpf(kinds: list[int]) -> bytes:
    """The list of pictures of a multi-picture JPEG: the kind of each."""
    entries = b"".join(struct.pack("<IIIHH", kind << 16, 0, 0, 0, 0) for kind in kinds)
    directory = struct.pack("<H", 1) + struct.pack("<HHII", 0xB002, 7, len(entries), 26) + struct.pack("<I", 0)
    return b"MPF\x00II*\x00" + struct.pack("<I", 8) + directory + entries


PAGED: dict[str, Callable[[], bytes]] = {
    "animated PNG": lambda: several([CELL, OTHER], "PNG"),
    "TIFF of two pages": lambda: several([CELL, OTHER], "TIFF"),
    "TIFF of three pages with LZW": lambda: several([CELL, OTHER, CELL], "TIFF", compression="tiff_lzw"),
    "two JPEGs in one file": lambda: encoded(CELL, "JPEG", quality=100) + encoded(OTHER, "JPEG"),
    "JPEG with a list of two pictures": lambda: with_segment(encoded(CELL, "JPEG", quality=100), 0xE2, mpf([3, 2])),
    "two PNGs in one file": lambda: encoded(CELL, "PNG") + encoded(OTHER, "PNG"),
    "two PGMs in one file": lambda: encoded(CELL, "PPM") + encoded(OTHER, "PPM"),
}


@pytest.mark.parametrize("kind", PAGED)
def test_more_than_one_page_is_refused_unless_the_station_wants_the_first(kind: str) -> None:
    raw = PAGED[kind]()

    assert "[picture] pages" in refusal(raw)
    assert np.abs(decoded(raw, pages="first")[:, :, 0].astype(int) - CELL).max() <= (4 if "JPEG" in kind else 0)


SINGLE: dict[str, Callable[[], bytes]] = {
    "JPEG with thumbnails in its list": lambda: (
        with_segment(encoded(CELL, "JPEG", quality=100), 0xE2, mpf([3, 1, 1])) + encoded(CELL[::4, ::4], "JPEG")
    ),
    "animated PNG of one frame": lambda: raw_png(
        b"".join(b"\x00" + row.tobytes() for row in CELL),
        size=(300, 300),
        bits=8,
        colours=0,
        chunks=png_chunk(b"acTL", struct.pack(">II", 1, 0)),
    ),
    "TIFF with a smaller copy": lambda: several([CELL, CELL[::4, ::4]], "TIFF").replace(
        struct.pack("<HHII", 256, 4, 1, 75), struct.pack("<HHII", 254, 4, 1, 1), 1
    ),
}


@pytest.mark.parametrize("kind", SINGLE)
def test_a_smaller_copy_or_a_list_of_one_is_no_further_page(kind: str) -> None:
    assert np.abs(decoded(SINGLE[kind]())[:, :, 0].astype(int) - CELL).max() <= (4 if "JPEG" in kind else 0)


def bits(depth: int, *, colours: int, chunks: bytes = b"") -> bytes:
    """A PNG of `depth` bits, whose values count up along each row."""
    values = np.arange(64) % (1 << depth)
    packed = np.packbits(((values[:, None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8)).tobytes()
    return raw_png((b"\x00" + packed) * 48, size=(64, 48), bits=depth, colours=colours, chunks=chunks)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_grey_png_of_few_bits_spans_black_to_white(depth: int) -> None:
    expected = np.arange(64) % (1 << depth) * 255 // ((1 << depth) - 1)

    assert np.array_equal(decoded(bits(depth, colours=0))[5, :, 1], expected)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_palette_png_has_the_colours_of_its_palette(depth: int) -> None:
    palette = np.random.default_rng(depth).integers(0, 256, (1 << depth, 3), np.uint8)

    pixels = decoded(bits(depth, colours=3, chunks=png_chunk(b"PLTE", palette.tobytes())))

    assert np.array_equal(pixels[5], palette[np.arange(64) % (1 << depth)][:, ::-1])


def image(picture: Image.Image, kind: str, **options: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


FEW_COLOURS = Image.fromarray(COLOUR).quantize(64)


def plain_bmp(bits_each: int) -> bytes:
    """A BMP of 24 or 32 bits, rows from the bottom; the fourth byte means nothing and is 0."""
    body = COLOUR[:, :, ::-1] if bits_each == 24 else np.dstack((COLOUR[:, :, ::-1], np.zeros((300, 300), np.uint8)))
    header = struct.pack("<IiiHHIIiiII", 40, 300, 300, 1, bits_each, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + body.size, 0, 0, 54) + header + body[::-1].tobytes()


def tiff(body: bytes, tags: dict[int, tuple[int, ...]], *, order: str = "<") -> bytes:
    """A TIFF whose pixels begin at byte 8; all values are LONGs."""
    at = 8 + len(body)
    more_at, entries, more = at + 2 + 12 * len(tags) + 4, b"", b""
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        inside = len(values) == 1
        entries += struct.pack(f"{order}HHI", tag, 4, len(values)) + (packed if inside else struct.pack(f"{order}I", more_at + len(more)))
        more += b"" if inside else packed
    magic = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, at)
    return magic + body + struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", 0) + more


def tiled(order: str = "<") -> bytes:
    """Tiles of 160 x 160, the outer ones filled up with 9."""
    padded = np.full((320, 320), 9, np.uint8)
    padded[:300, :300] = CELL
    tiles = [padded[y : y + 160, x : x + 160].tobytes() for y in (0, 160) for x in (0, 160)]
    places = tuple(8 + 25_600 * index for index in range(4))
    tags: dict[int, tuple[int, ...]] = {256: (300,), 257: (300,), 258: (8,), 259: (1,), 262: (1,), 277: (1,), 322: (160,), 323: (160,)}
    return tiff(b"".join(tiles), tags | {324: places, 325: (25_600,) * 4}, order=order)


GREY_PIXELS, COLOUR_PIXELS = np.dstack([CELL] * 3), COLOUR[:, :, ::-1]
RIGHT: dict[str, tuple[Callable[[], bytes], NDArray[np.uint8]]] = {
    "grey TIFF whose zero is white": (lambda: encoded(CELL, "TIFF", tiffinfo={262: 0}), GREY_PIXELS),
    "palette TIFF": (lambda: image(FEW_COLOURS, "TIFF"), np.array(FEW_COLOURS.convert("RGB"))[:, :, ::-1]),
    "palette BMP": (lambda: image(FEW_COLOURS, "BMP"), np.array(FEW_COLOURS.convert("RGB"))[:, :, ::-1]),
    "palette PNG": (lambda: image(FEW_COLOURS, "PNG"), np.array(FEW_COLOURS.convert("RGB"))[:, :, ::-1]),
    "grey BMP": (lambda: encoded(CELL, "BMP"), GREY_PIXELS),
    "BMP of 24 bits": (lambda: plain_bmp(24), COLOUR_PIXELS),
    "BMP of 32 bits without alpha": (lambda: plain_bmp(32), COLOUR_PIXELS),
    "tiled TIFF": (tiled, GREY_PIXELS),
    "tiled big-endian TIFF": (lambda: tiled(">"), GREY_PIXELS),
    "TIFF with a predictor": (cv2.imencode(".tif", COLOUR_PIXELS)[1].tobytes, COLOUR_PIXELS),
    "PPM with a comment": (lambda: b"P6 # lot 17\n300 # wide\n300\n255\n" + COLOUR.tobytes(), COLOUR_PIXELS),
}


@pytest.mark.parametrize("kind", RIGHT)
def test_an_odd_kind_is_read_right(kind: str) -> None:
    make, expected = RIGHT[kind]

    assert np.array_equal(decoded(make()), expected)


@pytest.mark.parametrize("sampling", ["411", "420", "422", "440", "444"])
def test_a_jpeg_is_read_with_every_sampling_of_colour(sampling: str) -> None:
    options = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{sampling}"), cv2.IMWRITE_JPEG_QUALITY, 95]
    raw = cv2.imencode(".jpg", COLOUR_PIXELS, options)[1]
    by_opencv = cv2.imdecode(raw, cv2.IMREAD_COLOR)

    assert by_opencv is not None
    assert np.array_equal(decoded(raw.tobytes()), by_opencv)


def test_a_jpeg_that_stores_rgb_has_the_colours_of_its_writer() -> None:
    raw = encoded(COLOUR, "JPEG", keep_rgb=True, quality=100, subsampling=0)

    assert np.abs(decoded(raw).astype(int) - COLOUR_PIXELS).max() <= 3


def reframed(marker: int | None = None, depth: int | None = None) -> bytes:
    """A JPEG whose frame header names another process or depth."""
    raw = encoded(CELL, "JPEG")
    at = raw.index(b"\xff\xc0")
    return raw[:at] + bytes([0xFF, marker or 0xC0]) + raw[at + 2 : at + 4] + bytes([depth or 8]) + raw[at + 5 :]


def tagged(**changes: int) -> bytes:
    tags: dict[int, tuple[int, ...]] = {256: (300,), 257: (300,), 258: (8,), 259: (1,), 262: (1,), 273: (8,), 277: (1,), 279: (90_000,)}
    return tiff(CELL.tobytes(), tags | {int(tag[1:]): (value,) for tag, value in changes.items()})


def changed_bmp(at: int, layout: str, value: int) -> bytes:
    raw = bytearray(plain_bmp(24))
    struct.pack_into(layout, raw, at, value)
    return bytes(raw)


REFUSED: dict[str, Callable[[], bytes]] = {
    "CMYK JPEG": lambda: image(Image.fromarray(COLOUR).convert("CMYK"), "JPEG"),
    "lossless JPEG": lambda: reframed(marker=0xC3),
    "arithmetic JPEG": lambda: reframed(marker=0xC9),
    "JPEG of 12 bits": lambda: reframed(marker=0xC1, depth=12),
    "floating point TIFF": lambda: encoded(CELL.astype(np.float32), "TIFF"),
    "TIFF of 32 bits": lambda: encoded(CELL.astype(np.int32), "TIFF"),
    "TIFF of 1 bit": lambda: encoded(CELL > 100, "TIFF"),
    "fax TIFF": lambda: image(Image.fromarray(CELL > 100), "TIFF", compression="group4"),
    "CMYK TIFF": lambda: image(Image.fromarray(COLOUR).convert("CMYK"), "TIFF"),
    "LAB TIFF": lambda: image(Image.fromarray(COLOUR).convert("LAB"), "TIFF"),
    "JPEG in a TIFF": lambda: encoded(CELL, "TIFF", compression="jpeg"),
    "PackBits TIFF": lambda: encoded(CELL, "TIFF", compression="packbits"),
    "Zstandard TIFF": lambda: encoded(CELL, "TIFF", compression="zstd"),
    "TIFF of signed numbers": lambda: tagged(t339=2),
    "TIFF with bits in reversed order": lambda: tagged(t266=2),
    "TIFF that begins with a smaller copy": lambda: tagged(t254=1),
    "BMP of 16 bits": lambda: changed_bmp(28, "<H", 16),
    "BMP of 4 bits": lambda: changed_bmp(28, "<H", 4),
    "run-length BMP": lambda: changed_bmp(30, "<I", 1),
    "BMP of OS/2": lambda: changed_bmp(14, "<I", 12),
    "PFM": lambda: b"Pf\n300 300\n-1.0\n" + CELL.astype("<f4").tobytes(),
    "PAM": lambda: b"P7\nWIDTH 300\nHEIGHT 300\nDEPTH 1\nMAXVAL 255\nTUPLTYPE GRAYSCALE\nENDHDR\n" + CELL.tobytes(),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_an_odd_kind_that_is_not_read_is_refused_by_name(kind: str) -> None:
    detail = refusal(REFUSED[kind]())

    assert "write" in detail or "save" in detail
