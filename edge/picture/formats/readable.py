"""The formats that are read, each with the reason why it can be trusted, and the others that are known by their first bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.picture.formats import bmp, jpeg, png, pnm, tiff
from edge.picture.formats.structure import FormatError, Samples, Structure
from edge.records import Reason


@dataclass(frozen=True, slots=True)
class Format:
    """One format: how a file of it begins, why it is read, and its reader.

    `size` gives width and height from the header alone; `structure` looks at the whole file; `decode` is called after both.
    Each raises `FormatError`.
    """

    name: str
    signatures: tuple[bytes, ...]
    why: str
    size: Callable[[bytes], tuple[int, int]]
    structure: Callable[[bytes], Structure]
    decode: Callable[[bytes, Structure], Samples]


_PNM_REASON = "no checksum, but its length is known, and content that was never written shows as a run of zeros"

READABLE = (
    Format("BMP", (bmp.SIGNATURE,), _PNM_REASON, bmp.size, bmp.structure, bmp.decode),
    Format(
        "JPEG",
        (jpeg.SIGNATURE,),
        "the code of each scan must come out at its last block exactly, and its scans say whether any is missing",
        jpeg.size,
        jpeg.structure,
        jpeg.decode,
    ),
    Format("PGM", (pnm.GREY_SIGNATURE,), _PNM_REASON, pnm.size, pnm.structure, pnm.decode),
    Format("PNG", (png.SIGNATURE,), "every chunk has a checksum, and so has the data as a whole", png.size, png.structure, png.decode),
    Format("PPM", (pnm.COLOUR_SIGNATURE,), _PNM_REASON, pnm.size, pnm.structure, pnm.decode),
    Format(
        "TIFF",
        (tiff.LITTLE_SIGNATURE, tiff.BIG_SIGNATURE),
        "deflate has a checksum, LZW must come out at the last row exactly, plain strips are as BMP",
        tiff.size,
        tiff.structure,
        tiff.decode,
    ),
)

NAMES = ", ".join(kind.name for kind in READABLE[:-1]) + f" and {READABLE[-1].name}"

_REFUSED = (
    # Arithmetic codes read anything: a WebP whose second half is zeros decodes without a word, and flat pictures hold long runs of zeros.
    ("WebP", 8, b"WEBP"),
    ("AVIF or HEIF", 4, b"ftyp"),
    ("JPEG 2000", 4, b"jP  \r\n\x87\n"),
    ("JPEG 2000", 0, b"\xff\x4f\xff\x51"),
    ("JPEG XL", 0, b"\xff\x0a"),
    ("JPEG XL", 4, b"JXL "),
    ("GIF", 0, b"GIF8"),
    ("BigTIFF", 0, b"II+\x00"),
    ("BigTIFF", 0, b"MM\x00+"),
    ("OpenEXR", 0, b"\x76\x2f\x31\x01"),
    ("Radiance HDR", 0, b"#?RADIANCE"),
    ("Radiance HDR", 0, b"#?RGBE"),
    ("Sun raster", 0, b"\x59\xa6\x6a\x95"),
    ("PFM", 0, b"PF\n"),
    ("PFM", 0, b"Pf\n"),
    ("PAM", 0, b"P7\n"),
    ("PBM", 0, b"P1"),
    ("PBM", 0, b"P4"),
    ("PGM in text form", 0, b"P2"),
    ("PPM in text form", 0, b"P3"),
    ("DICOM", 128, b"DICM"),
    ("Photoshop", 0, b"8BPS"),
    ("PDF", 0, b"%PDF"),
)
"""Name, place and bytes of formats that are not read: most of them OpenCV would decode, and say nothing of damage."""


def format_of(raw: bytes) -> Format:
    """The format of a file, by its first bytes.

    Raises:
        FormatError: it is none of those that are read.
    """
    found = next((kind for kind in READABLE if raw.startswith(kind.signatures)), None)
    if found is not None:
        return found
    refused = next((name for name, at, signature in _REFUSED if raw[at : at + len(signature)] == signature), None)
    if refused is not None:
        raise FormatError(Reason.UNSUPPORTED, f"has the format {refused}, and {NAMES} are read", "write one of these, best PNG")
    raise FormatError(Reason.UNREADABLE, f"is no picture of a format that is read ({NAMES})", "remove or replace the file")
