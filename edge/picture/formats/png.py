"""PNG: every chunk's checksum, their order, and the end chunk. What comes after the end chunk is no part of the picture.

That the data inflates to all rows, and its Adler checksum, is libpng's own check: it ends the decoding with an error.

Source: PNG specification, third edition, sections 5 and 11.
"""

from __future__ import annotations

import binascii
import struct
import zlib
from collections.abc import Iterator

import cv2
import numpy as np

from edge.picture.formats.directory import orientation_of
from edge.picture.formats.structure import UPRIGHT, FormatError, Samples, Structure, as_samples
from edge.records import Reason

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_BITS = {_GREY: {1, 2, 4, 8, 16}, _RGB: {8, 16}, _PALETTE: {1, 2, 4, 8}, _GREY_ALPHA: {8, 16}, _RGBA: {8, 16}}
_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_MAX_EXIF_BYTES = 1_000_000
_EXIF_PROFILES = {b"Raw profile type exif", b"Raw profile type APP1"}
"""Where writers kept EXIF before PNG had a chunk for it: as hexadecimal text (ImageMagick, exiv2)."""


def size(raw: bytes) -> tuple[int, int]:
    """Width and height in pixels."""
    if raw[12:16] != b"IHDR" or len(raw) < 29:
        raise FormatError(Reason.UNREADABLE, "is damaged (it has no header)")
    width, height, bits, colours, compression, filters, interlaced = struct.unpack_from(">IIBBBBB", raw, 16)
    sound = width and height and bits in _BITS.get(colours, ()) and not compression and not filters and interlaced <= 1
    if not sound:
        raise FormatError(Reason.UNREADABLE, "is damaged (its header names a picture that PNG does not know)")
    return width, height


def structure(raw: bytes) -> Structure:
    """Walk all chunks."""
    pages, orientation, kinds, end = 1, UPRIGHT, [], len(SIGNATURE)
    for kind, body, after in _chunks(raw):
        if kind not in _CRITICAL and not kind[0] & 0x20:
            raise FormatError(Reason.UNREADABLE, f"is damaged (unknown chunk {kind!r})")
        if kind == b"acTL" and len(body) >= 8:
            pages = max(1, struct.unpack_from(">I", body)[0])
        elif kind == b"eXIf":
            orientation = orientation_of(body.removeprefix(b"Exif\x00\x00"))
        elif kind in {b"tEXt", b"zTXt"} and orientation == UPRIGHT and (exif := _profile(kind, body)):
            orientation = orientation_of(exif)
        kinds.append(kind)
        end = after
    _require_order(kinds, palette=raw[25] == _PALETTE)
    return Structure(end=end, pages=pages, orientation=orientation)


def decode(raw: bytes, _structure: Structure) -> Samples:
    """Decode; of a grey picture with one transparent value, that value becomes alpha, which OpenCV leaves out."""
    pixels = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise FormatError(Reason.UNREADABLE, "is damaged (its data is not all rows of a picture)")
    samples = as_samples(pixels)
    bits, colours = raw[24:26]
    key = next((body for kind, body, _end in _chunks(raw, check=False) if kind == b"tRNS"), None) if colours == _GREY else None
    if key is None or samples.ndim != 2:
        return samples
    top = np.iinfo(samples.dtype).max
    stored = int.from_bytes(key[:2], "big")
    value = stored if bits >= 8 else stored * 255 // ((1 << bits) - 1)
    alpha = np.where(samples == value, 0, top).astype(samples.dtype)
    return np.dstack((samples, samples, samples, alpha))


def _chunks(raw: bytes, *, check: bool = True) -> Iterator[tuple[bytes, bytes, int]]:
    """Kind, content and end of each chunk up to the end chunk; the content of image data is left out."""
    at, view = len(SIGNATURE), memoryview(raw)
    while at + 12 <= len(raw):
        length = struct.unpack_from(">I", raw, at)[0]
        kind, end = raw[at + 4 : at + 8], at + 12 + length
        if end > len(raw):
            break
        if check and zlib.crc32(view[at + 4 : end - 4]) != struct.unpack_from(">I", raw, end - 4)[0]:
            raise FormatError(Reason.UNREADABLE, f"is damaged (the checksum of its chunk {kind.decode('latin-1')!r} at byte {at} is wrong)")
        yield kind, b"" if kind in {b"IDAT", b"fdAT"} else raw[at + 8 : end - 4], end
        if kind == b"IEND":
            return
        at = end
    raise FormatError(Reason.UNREADABLE, f"is cut off after {len(raw)} bytes")


def _require_order(kinds: list[bytes], *, palette: bool) -> None:
    """Header first, palette before the data, the data in one run."""
    data = [index for index, kind in enumerate(kinds) if kind == b"IDAT"]
    sound = (
        kinds[0] == b"IHDR"
        and kinds.count(b"IHDR") == 1
        and data
        and data[-1] - data[0] + 1 == len(data)
        and (b"PLTE" in kinds[: data[0]] or not palette)
    )
    if not sound:
        raise FormatError(Reason.UNREADABLE, "is damaged (its chunks are missing or out of order)")


def _profile(kind: bytes, body: bytes) -> bytes | None:
    """The EXIF block in a text chunk, from its TIFF header on; None of any other text."""
    keyword, _, text = body.partition(b"\x00")
    if keyword not in _EXIF_PROFILES:
        return None
    try:
        if kind == b"zTXt":
            text = zlib.decompressobj().decompress(text[1:], _MAX_EXIF_BYTES)
        exif = binascii.unhexlify(b"".join(text.split()[2:]))  # after the name and the length
    except (zlib.error, binascii.Error) as err:
        raise FormatError(Reason.UNREADABLE, f"is damaged (its EXIF block: {err})") from err
    return exif.removeprefix(b"Exif\x00\x00") or None
