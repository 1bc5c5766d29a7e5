"""Whether the pictures of a stream are damaged: from the first complaint of the decoder until the next clean key frame.

Between the two every picture is built on a damaged one, whatever the decoder says of it. FFmpeg conceals what is missing and calls each
read a success: what it prints is the only sign.

Packets that are lost have numbers, so each loss is told. Bytes that were changed on the way are told only where they make no sense. Where
the decoder complains and no packet is missing, bytes were changed, and others may be that it does not notice: the stream is doubted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from firmware_config.redact import without_login

LOG_LEVEL = 48
"""AV_LOG_DEBUG. What is missing whole is no error to FFmpeg. Of a slice it says "concealing 160 DC, 160 AC, 160 MV errors" at the level of
information, of an H.264 picture "Frame num gap" at this one."""

INFO_LEVEL = 32

ERROR_LEVEL = 16
"""AV_LOG_ERROR: what is printed at this level or below is a complaint."""

_LINE = re.compile(r"^\[OPENCV:FFMPEG:(\d+)\] *(.+)$", re.MULTILINE)
_LOSS = re.compile(r"conceal|missed|missing|corrupt|undecodable|max delay|dropp|damaged", re.IGNORECASE)
_GAP = re.compile(r"Frame num (gap|change)")
"""Above the level of errors, up to that of information and above it: only what has one of these words is a complaint."""
_MISSING_PACKETS = re.compile(r"RTP: missed|max delay|dropping old packet")
"""What FFmpeg says of the numbers of packets. In streams that lost packets, each damage began with one of these."""

HARMLESS = ("APP fields", "app: ", "SEI")
"""Complaints about headers that carry no picture."""

MAX_COMPLAINT = 120
"""Characters of a complaint that are shown."""

KEY_FRAME = "I"

HOLD_S = 1.0
"""Opening reads ahead, and what it complains about may come after the key frame that is read next: those are read again within this."""

DOUBT_S = 10.0
"""A doubted stream is believed after a key frame before which nothing was complained about for so long. With a fifth of the packets changed
an H.265 decoder complained each 2.5 s or sooner, at 30 pictures a second."""

BEGIN_S = 4.0
"""Who joins a stream in its middle hears complaints until the first key frame. After so long they are damage."""


def complaint_in(said: str, *, harmless: Sequence[str] = ()) -> str | None:
    """The first complaint in what the decoder printed; `harmless` are parts of lines that the station knows to mean nothing."""
    for level, line in map(re.Match.groups, _LINE.finditer(said)):
        is_complaint = int(level) <= ERROR_LEVEL or (int(level) <= INFO_LEVEL and _LOSS.search(line)) or _GAP.search(line)
        if is_complaint and not any(part in line for part in (*HARMLESS, *harmless)):
            return without_login(line)[:MAX_COMPLAINT].strip()  # FFmpeg names the address in some, with the password in it
    return None


class Damage:
    """Follows one stream, picture by picture.

    `has_begun` is False before its first sound picture, while there is nothing to tell. `is_doubted` is True while bytes were changed in
    the last `doubt_s`; that is 0 for a file, whose damage stays where it is.
    """

    def __init__(self, *, opened_s: float, harmless: Sequence[str] = (), doubt_s: float = DOUBT_S) -> None:
        self._harmless = tuple(harmless)
        self._opened_s = opened_s
        self._doubt_s = doubt_s
        self._complaint: str | None = None
        self._key_packet = False
        self._hold_until_s = opened_s
        self._was_sound = self._misses_packets = self._is_missing = False
        self.has_begun = self.is_doubted = False

    def join(self, said: str) -> None:
        """Take what the decoder printed while a live stream was opened; packets that were missing then are not told again."""
        self._complaint = complaint_in(said, harmless=self._harmless)
        if self._complaint is not None:
            self._hold_until_s = self._opened_s + HOLD_S

    def see(self, said: str, *, key_packet: bool, kind: str, at_s: float) -> str | None:
        """The complaint that began the damage, None of a sound picture. Of a stream that never gave one: the newest when it was told.

        `said` is what the decoder printed for this read, `key_packet` whether the packet that it read begins anew, `kind` the letter of the
        picture that it gave, empty for none. A decoder that reorders gives a picture later than its packet, so both are waited for: a key
        packet after which nothing was complained about, then the picture.
        """
        complaint = complaint_in(said, harmless=self._harmless)
        may_miss_a_part, is_missing = self._is_missing, _MISSING_PACKETS.search(said) is not None
        self._is_missing = is_missing
        self._misses_packets |= is_missing
        self.is_doubted &= at_s < self._hold_until_s
        if complaint is not None:
            # Before the first sound picture the newest: the first ones may come from joining in the middle of a picture.
            self._complaint = self._complaint if self._complaint and self.has_begun else complaint
            self._key_packet = False
            # Who joins a stream in its middle hears complaints that come from no change.
            if self._doubt_s and self._was_sound and not self._misses_packets:
                self.is_doubted = True
                self._hold_until_s = at_s + self._doubt_s
        elif self._complaint is not None:
            # A gap in a picture is told while the picture before it is read: the next one may be the one with the gap.
            self._key_packet |= key_packet and not may_miss_a_part and at_s >= self._hold_until_s
            if self._key_packet and kind == KEY_FRAME:
                self._complaint, self._misses_packets = None, False
        self._was_sound |= bool(kind) and self._complaint is None
        self.has_begun |= self._was_sound or at_s - self._opened_s > BEGIN_S
        return self._complaint
