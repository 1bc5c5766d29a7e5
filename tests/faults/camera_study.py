"""`python -m tests.faults.camera_study --out docs/studies/cameras.md`: the figures of cameras that misbehave, measured, as a page.

`--share 0.2` measures a fifth, for a quick look.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple, TypeAlias

from edge.cameras.stillness import MIN_FLOOR
from edge.records import Reason
from tests.faults.camera_figures import Outages, damaged, live, lone, outages
from tests.faults.camera_scene import Scene
from tests.faults.rtsp_relay import Fault

Stream: TypeAlias = tuple[str, str, float, str]
"""Name, codec, sensor noise in grey levels, bit rate."""

PARTS = ("C1", "C2", "C3")
CAMERAS_AT_ONCE = 5
ENCODERS_AT_ONCE = 2
SPOILT_AT_ONCE = 3
OUTAGES, FREEZES, PICTURES, CLEAN_S = 50, 50, 1_000, 200.0
LONE: dict[Fault, int] = {"drop": 20, "garbage": 5}
"""Of each: stalls, disappearances; freezes; pictures of each kind of damage, and as many before it; seconds of a live but quiet scene;
packets that are spoilt alone."""

STREAMS: tuple[Stream, ...] = (
    ("H.264, 1 Mbit/s", "h264", 1.5, "-b:v 1M"),
    ("H.264, 500 kbit/s", "h264", 3.0, "-b:v 500k"),
    ("H.265, 1 Mbit/s", "h265", 1.5, "-b:v 1M"),
    ("MPEG-4, 1 Mbit/s", "mpeg4", 2.0, "-b:v 1M"),
    ("Motion JPEG, 4 Mbit/s", "mjpeg", 0.7, "-b:v 4M"),
)
"""Each of the freezes is of one of them."""

QUIET_STREAMS: tuple[Stream, ...] = (
    *STREAMS,
    ("H.264, constant quality 23", "h264", 0.7, "-crf 23"),
    ("H.264, 150 kbit/s", "h264", 1.5, "-b:v 150k -maxrate 150k -bufsize 150k"),
)

SPOILT: tuple[tuple[str, str, Fault, float], ...] = (
    ("H.264", "h264", "drop", 0.2),
    ("H.264", "h264", "garbage", 0.2),
    ("H.264", "h264", "drop", 0.01),
    ("H.264", "h264", "garbage", 0.01),
    ("H.264 with B pictures", "h264-b", "drop", 0.02),
    ("H.265", "h265", "drop", 0.2),
    ("H.265", "h265", "garbage", 0.2),
    ("H.265", "h265", "garbage", 0.02),
    ("MPEG-4", "mpeg4", "drop", 0.2),
    ("MPEG-4", "mpeg4", "garbage", 0.2),
    ("Motion JPEG", "mjpeg", "drop", 0.02),
    ("Motion JPEG", "mjpeg", "garbage", 0.02),
)


class Line(NamedTuple):
    """A row of the page."""

    what: str
    asked: str
    reached: str


def freezes(stream: Stream, *, times: int) -> Outages:
    """Freeze a quiet scene some times."""
    _, codec, noise, quality = stream
    return outages("freeze", Reason.FROZEN, times=times, scene=Scene(noise=noise, moving=False), codec=codec, quality=quality.split())


def measure(share: float, only: Sequence[str] = PARTS) -> Iterator[Line]:
    """Measure this share of everything; each row as soon as it is known. What takes time but no processor runs side by side."""
    if "C1" in only:
        yield from _outages(max(1, round(share * OUTAGES / CAMERAS_AT_ONCE)))
    times, seconds, pictures = max(1, round(share * FREEZES / len(STREAMS))), max(30.0, share * CLEAN_S), max(50, round(share * PICTURES))
    if "C2" in only:
        with ThreadPoolExecutor(ENCODERS_AT_ONCE) as pool:
            yield from pool.map(lambda stream: _freezes(stream, times), STREAMS)
        with ThreadPoolExecutor(len(QUIET_STREAMS)) as pool:
            yield from pool.map(lambda stream: _live(stream, seconds), QUIET_STREAMS)
    if "C3" in only:
        with ThreadPoolExecutor(SPOILT_AT_ONCE) as pool:
            yield from pool.map(lambda spoilt: _damaged(spoilt, pictures), SPOILT)
            yield from pool.map(lambda fault: _lone(fault, max(3, round(share * LONE[fault]))), LONE)


def _outages(times: int) -> Iterator[Line]:
    asked = "a FAULT <= 5 s, pictures again <= 10 s, none passed, no child or descriptor left"
    kinds: tuple[tuple[Fault, Reason], ...] = (("stall", Reason.CAMERA_STALLED), ("gone", Reason.CAMERA_UNREACHABLE))
    for fault, reason in kinds:
        found = outages(fault, reason, times=times, cameras=CAMERAS_AT_ONCE)
        yield Line(f"C1, {times * CAMERAS_AT_ONCE} x {fault}", asked, f"{_told(found)}; {found.left_over} left over")


def _freezes(stream: Stream, times: int) -> Line:
    asked = "a FAULT <= 2 s, no OK after it, no false alarm"
    return Line(f"C2, {times} x frozen: {stream[0]}, noise {stream[2]}", asked, _told(freezes(stream, times=times)))


def _live(stream: Stream, seconds: float) -> Line:
    name, codec, noise, quality = stream
    given, false, floor = live(seconds, scene=Scene(noise=noise, moving=False), codec=codec, quality=quality.split())
    can = "can be told" if floor is not None and floor >= MIN_FLOOR else "cannot be told, as the log says"
    reached = f"{false} of {given}; live pictures change by {floor or 0.0:.2f} grey levels: frozen ones {can}"
    return Line(f"C2, live and quiet for {seconds:.0f} s: {name}, noise {noise}", "no false alarm", reached)


def _damaged(spoilt: tuple[str, str, Fault, float], pictures: int) -> Line:
    name, codec, fault, rate = spoilt
    found = damaged(fault, pictures=pictures, clean=pictures, rate=rate, codec=codec)
    stopped = 1 - found.passed / found.damaged if found.damaged else 1.0
    reached = f"{stopped:.2%}: {found.passed} of {found.damaged} passed; on the clean one {found.flagged_before} of {found.before} flagged"
    asked = ">= 99 % of the damaged pictures no OK, <= 0.1 % false flags on the clean stream"
    return Line(f"C3, {name}, {rate:.0%} of packets {fault}, {pictures} pictures", asked, reached)


def _lone(fault: Fault, times: int) -> Line:
    costs = lone(fault, times=times)
    middle, most = statistics.median(costs or (0.0,)), max(costs, default=0.0)
    reached = f"{len(costs)} noticed; FAULT for {middle:.1f} s in the middle, {most:.1f} s at most"
    return Line(f"C3, H.264, a key frame each second, {times} x one packet {fault}", "what it costs", reached)


def _told(found: Outages) -> str:
    noticed, back = max(found.noticed_s, default=float("inf")), max(found.back_s, default=float("inf"))
    return (
        f"{len(found.noticed_s)} noticed, the last after {noticed:.1f} s; again after at most {back:.1f} s; {found.passed_after} passed; "
        f"{found.false_alarms} false alarms in {found.live_pictures} pictures; {found.missed} missed"
    )


HEAD = """# Cameras that misbehave

What the box makes of a camera that stalls, disappears, freezes or sends damaged video. A camera of our own (`tests/faults/rtsp_relay.py`:
ffmpeg encodes drawn pictures with sensor noise, a relay spoils what it sends) is read as the daemon reads it. A picture is damaged if it is
not, bit by bit, what the same stream gives without the fault; each picture carries its number.

| what | asked | reached |
|---|---|---|
"""

TAIL = """
- **Damaged video.** FFmpeg conceals what is missing and calls each read a success. What it prints is the sign: an error, or a line about
  lost or concealed parts. From there to the next clean key frame all pictures are lost. One thread decodes, so that a complaint belongs
  to its picture.
- **Lost packets** have numbers, so each loss is told: a lone one costs the rest of its group of pictures, and the next group too where it
  was lost right before a key frame, or in it: the decoder's line comes a picture early.
- **Changed bytes** have no sign of their own. The decoder complains where they make no sense to it, some pictures later, or never. A
  complaint without a missing packet is taken for changed bytes: the stream is doubted until a key frame before which it was quiet for 10
  s. So of a stream whose bytes are changed all the time only what comes before its first complaint passes. A change that is alone costs
  10 s and a group of pictures.
- **What a plant can meet.** TCP and UDP have checksums, and the network below them has better ones, so on a network garbage shows as
  loss: the rows with `drop`. Changed bytes come from a camera or a relay that is broken itself, before the checksum is made or after it
  was taken off: the rows with `garbage`.
- **Where less than 99 % is reached**: H.265 with garbage. Its decoder takes nearly all changed bytes for a picture, so many pictures pass
  before its first complaint, and with few packets changed again after the doubt. FFmpeg's `err_detect`, given with the options of the
  capture, changed nothing about that. Against a relay that changes bytes `rtsps://` helps (TLS breaks off where a record was changed; not
  measured here), or H.264.
- **Frozen pictures.** The least change from picture to picture is learned while the camera lives, in the middle one of 64 tiles, so what
  moves in front of the camera does not matter. Frozen is what changes by less than 0.4 of that for 1.4 s, with nothing moving, until it
  changes by 0.6 of it. The first 15 s of a camera teach it; a camera that is frozen from the start is not noticed by this, as `doctor`
  says. Below 0.2 grey levels live and frozen pictures are alike, and the log says so: there `frozen_after` (identical to the last bit) is
  all there is.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print each row, write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.camera_study", description=__doc__)
    parser.add_argument("--out", type=Path, metavar="FILE", help="The page to write. Default: rows are only printed.")
    parser.add_argument("--share", type=float, default=1.0, help="Share of everything that is measured, up to 1. Default: %(default)s.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="Only these rows. Default: all.")
    options = parser.parse_args(arguments)
    began_s, rows = time.monotonic(), []
    for line in measure(options.share, options.only):
        rows.append("| " + " | ".join(line) + " |")
        sys.stdout.write(rows[-1] + "\n")
        sys.stdout.flush()
    if options.out is not None:
        took = f"{(time.monotonic() - began_s) / 60:.0f} minutes on {datetime.now(timezone.utc):%Y-%m-%d}"
        load = f"{os.cpu_count()} cores with a load of {os.getloadavg()[2]:.0f}"
        command = "python -m tests.faults.camera_study --out docs/studies/cameras.md"
        share = "" if options.share == 1 else f" --share {options.share:g}"
        made = f"\nMade by `{command}{share}` in {took}, on {load}.\n"
        options.out.write_text(HEAD + "\n".join(rows) + "\n" + TAIL + made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
