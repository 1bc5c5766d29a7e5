"""The live camera of a soak: an RTSP relay whose faults come in turn, a witness of the stream without them, and what must not be OK.

The box writes into its words which picture it saw (`saw`), so that each verdict can be compared with the truth.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Decision, Inspection, Reason
from tests.faults.camera_scene import BITS, BLOCK_PX, read_number
from tests.faults.rtsp_relay import Fault, rtsp_camera

FAULTS: tuple[Fault, ...] = ("stall", "garbage", "drop", "freeze", "gone")
FPS, SPOILT = 10.0, 0.2
NOTICED_S = 2.0
"""A frozen camera must be a FAULT after so long."""
MAX_AGE_S = 5.0
"""An older picture than this is not of the part that is there now."""
SAW = re.compile(r"picture (\d+|none) ([0-9a-f]+)")


def saw(pixels: NDArray[np.uint8]) -> str:
    """The number of a picture, none where it cannot be read, and a digest of all of it."""
    digest = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=8).hexdigest()
    number = read_number(pixels) if pixels.shape[1] >= BITS * BLOCK_PX else None
    return f"picture {'none' if number is None else number} {digest}"


@dataclass
class Spell:
    """A fault from its begin to its end, in seconds since 1970."""

    fault: Fault
    began_s: float
    ended_s: float = float("inf")


@dataclass
class Passed:
    """OK verdicts of the live camera that must not have been, and how soon frozen pictures were noticed."""

    frozen: int = 0
    old: int = 0
    spoilt: dict[str, int] = field(default_factory=dict)
    spoilt_pictures: list[str] = field(default_factory=list)
    noticed_s: list[float] = field(default_factory=list)
    not_noticed: int = 0
    ok: int = 0
    compared: int = 0
    oldest_s: float = 0.0


class LiveCamera:
    """Runs while entered. `spoil` begins the next fault, `heal` ends it."""

    def __init__(self) -> None:
        self.spells: list[Spell] = []
        self._turn = cycle(FAULTS)
        self._sender = rtsp_camera(fps=FPS, key_every=10, rate=SPOILT)
        self._truth: dict[int, dict[str, float]] = {}
        """Number to digest to when it was first seen, in seconds since 1970."""
        self._stopping = threading.Event()
        self._witness = threading.Thread(target=self._watch, name="witness", daemon=True)

    def __enter__(self) -> LiveCamera:  # noqa: PYI034 -- Python 3.10 has no typing.Self
        self._camera = self._sender.__enter__()
        self._witness.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping.set()
        self._sender.__exit__(kind, error, trace)
        self._witness.join(30.0)

    @property
    def url(self) -> str:
        """For the box."""
        return self._camera.url

    def spoil(self) -> Fault:
        """Begin the next fault."""
        fault = next(self._turn)
        self.spells.append(Spell(fault, time.time()))
        self._camera.show(fault)
        return fault

    def heal(self) -> None:
        """End the fault, where there is one."""
        self._camera.show("none")
        if self.spells:
            self.spells[-1].ended_s = min(self.spells[-1].ended_s, time.time())

    def _watch(self) -> None:
        """Read the stream as it was before the relay spoils it; begin again when it ends."""
        os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"
        limits = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 5_000, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 3_000, cv2.CAP_PROP_N_THREADS, 1)
        while not self._stopping.is_set():
            video = cv2.VideoCapture(self._camera.relay.clean_url, cv2.CAP_FFMPEG, limits)
            while not self._stopping.is_set():
                is_good, pixels = video.read()
                if not is_good:
                    break
                self.witnessed(np.asarray(pixels, np.uint8), time.time())
            video.release()

    def witnessed(self, pixels: NDArray[np.uint8], at_s: float) -> None:
        """Take that the stream without faults has this picture, seen at a moment in seconds since 1970."""
        number, digest = _parsed(saw(pixels))
        self._truth.setdefault(number, {}).setdefault(digest, at_s)

    def passed(self, verdicts: Sequence[Inspection]) -> Passed:
        """Compare verdicts of this camera, in their order, with the truth."""
        found = Passed()
        for spell in self.spells:
            if spell.fault == "freeze":
                self._count_frozen(spell, verdicts, found)
        for one in verdicts:
            if one.verdict.decision is not Decision.OK or one.description is None:
                continue
            found.ok += 1
            number, digest = _parsed(one.description.words.captions[0])
            at_s = one.captured_at.timestamp()
            spell = next((spell for spell in reversed(self.spells) if spell.began_s <= at_s), Spell("none", 0.0))
            known = self._truth.get(number)
            if known is None and number >= 0:
                continue  # the witness was away
            found.compared += 1
            if known is None or digest not in known:
                found.spoilt[spell.fault] = found.spoilt.get(spell.fault, 0) + 1
                found.spoilt_pictures.append(f"{one.id}, number {number}, {at_s - spell.began_s:.1f} s after the begin of {spell.fault}")
            elif not (spell.fault == "freeze" and at_s < spell.ended_s + MAX_AGE_S):  # there the same number comes again and again
                age_s = at_s - known[digest]
                found.oldest_s = max(found.oldest_s, age_s)
                found.old += age_s > MAX_AGE_S
        return found

    @staticmethod
    def _count_frozen(spell: Spell, verdicts: Sequence[Inspection], found: Passed) -> None:
        during = [one for one in verdicts if spell.began_s <= one.captured_at.timestamp() < spell.ended_s]
        alarms_s = [one.captured_at.timestamp() for one in during if Reason.FROZEN in one.verdict.reasons]
        found.not_noticed += not alarms_s
        if alarms_s:
            found.noticed_s.append(min(alarms_s) - spell.began_s)
        from_s = min(alarms_s, default=spell.began_s + NOTICED_S)
        found.frozen += sum(one.verdict.decision is Decision.OK and one.captured_at.timestamp() > from_s for one in during)


def _parsed(text: str) -> tuple[int, str]:
    """Number, -1 where it could not be read, and digest."""
    match = SAW.search(text)
    assert match is not None, text
    return -1 if match[1] == "none" else int(match[1]), match[2]
