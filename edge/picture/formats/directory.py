"""The directory of a TIFF file. EXIF blocks and lists of further pictures in a JPEG are made of one too.

Source: TIFF 6.0, section 2; CIPA DC-008 (EXIF), section 4.5; CIPA DC-007 (multi-picture format).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from edge.picture.formats.structure import UPRIGHT, FormatError
from edge.records import Reason

ORIENTATION = 274

_BYTES_OF_KIND = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4), 7: ("B", 1)}
"""BYTE, SHORT, LONG and UNDEFINED: the kinds of the tags that are read here."""
_ENTRY_BYTES = 12


@dataclass(frozen=True, slots=True)
class Directory:
    """The tags of one directory; `entries` gives the kind, the count and the place of a tag's values in `block`."""

    block: bytes
    order: str
    entries: Mapping[int, tuple[int, int, int]]
    following: int
    """Place of the next directory, 0 after the last."""

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The whole numbers of a tag, none where the tag is not there.

        Raises:
            FormatError: its values are not whole numbers, or lie outside the block.
        """
        if tag not in self.entries:
            return ()
        kind, count, at = self.entries[tag]
        letter, size = _BYTES_OF_KIND.get(kind, ("", 0))
        if not size or at + size * count > len(self.block):
            raise FormatError(Reason.UNREADABLE, f"is damaged (the values of tag {tag} are not there)")
        return struct.unpack_from(f"{self.order}{count}{letter}", self.block, at)

    def number(self, tag: int, default: int) -> int:
        """The only or first number of a tag."""
        return (self.numbers(tag) or (default,))[0]


def first_directory(block: bytes) -> Directory:
    """The directory that a header (II or MM, 42, place) names.

    Raises:
        FormatError: the block has no such header, or the directory is not within it.
    """
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        raise FormatError(Reason.UNREADABLE, "is damaged (a block of tags has no header)")
    return directory_at(block, struct.unpack_from(f"{order}I", block, 4)[0], order)


def directory_at(block: bytes, at: int, order: str) -> Directory:
    """The directory at a place.

    Raises:
        FormatError: it is empty or not within the block.
    """
    count = struct.unpack_from(f"{order}H", block, at)[0] if at + 2 <= len(block) else 0
    end = at + 2 + count * _ENTRY_BYTES
    if not count or end + 4 > len(block):
        raise FormatError(Reason.UNREADABLE, f"is damaged (its directory at byte {at} is not there)")
    entries = {}
    for place in range(at + 2, end, _ENTRY_BYTES):
        tag, kind, number = struct.unpack_from(f"{order}HHI", block, place)
        inside = _BYTES_OF_KIND.get(kind, ("", 8))[1] * number <= 4
        entries[tag] = (kind, number, place + 8 if inside else struct.unpack_from(f"{order}I", block, place + 8)[0])
    return Directory(block, order, entries, struct.unpack_from(f"{order}I", block, end)[0])


def orientation_in(directory: Directory) -> int:
    """Tag 274, 1 to 8; 1 where it is not there or 0, which writers use for "not known".

    Raises:
        FormatError: it is another number.
    """
    number = directory.number(ORIENTATION, UPRIGHT) or UPRIGHT
    if number > 8:
        raise FormatError(Reason.UNREADABLE, f"has the orientation {number}, expected 1 to 8")
    return number


def orientation_of(exif: bytes) -> int:
    """The orientation in an EXIF block that begins with its TIFF header.

    Raises:
        FormatError: the block is damaged, so that nobody knows which side is up.
    """
    return orientation_in(first_directory(exif))
