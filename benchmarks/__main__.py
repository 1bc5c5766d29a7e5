"""`make bench`: the ways that we took beside those that we did not, interleaved in one run, as ratios. Nothing here speaks of accuracy."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from benchmarks.judge import judging
from edge.bundle.open import Bundle, open_trusted_bundle
from edge.cameras.capture_factory import CaptureFactory
from edge.demo.cells import sample_cells
from edge.describers import open_vision_models
from edge.picture.decode import decode_picture, read_picture
from edge.picture.health import HealthCheck
from edge.picture.text_detection import has_printed_text
from edge.records import Decision, Frame, Inspection, Verdict
from edge.spool.store import Spool
from firmware_config.board import read_board
from firmware_config.bundle import GOLDEN_STATION
from firmware_config.station import Picture, Station, read_station

ROUNDS = 7
ENCODINGS: tuple[tuple[str, str, list[int]], ...] = (
    ("JPEG", ".jpg", [cv2.IMWRITE_JPEG_QUALITY, 92]),
    ("progressive JPEG", ".jpg", [cv2.IMWRITE_JPEG_QUALITY, 92, cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
    ("PNG", ".png", []),
    ("TIFF", ".tif", [cv2.IMWRITE_TIFF_COMPRESSION, 1]),
    ("TIFF with LZW", ".tif", [cv2.IMWRITE_TIFF_COMPRESSION, 5]),
    ("BMP", ".bmp", []),
)
"""Name, suffix and OpenCV's options."""


def main() -> None:
    """Run all benchmarks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path(".kotoba/starter"))
    parser.add_argument("--keys", type=Path, default=Path(".kotoba/keys"))
    options = parser.parse_args()
    bundle = open_trusted_bundle(options.bundle, keys=options.keys)
    station = read_station(bundle.file(GOLDEN_STATION))
    frame = _frame()
    decoding()
    checking(frame)
    describing(bundle, station, frame)
    judging(bundle, read_board("cpu"))
    spooling()


def decoding() -> None:
    """A picture file to pixels, with all checks, beside OpenCV alone, which takes what is damaged for a picture."""
    grey = read_picture(sample_cells(1)[0].path)[:, :, 0]
    noise = np.random.default_rng(0).integers(-3, 4, (3_000, 4_000), np.int16)
    large = np.clip(cv2.resize(grey, (4_000, 3_000)) + noise, 0, 255).astype(np.uint8)
    for title, pixels in (("300 x 300", grey), ("12 megapixels", large)):
        for name, suffix, options in ENCODINGS:
            raw = cv2.imencode(suffix, pixels, options)[1]
            compare(
                f"decoding {title}, {name}",
                {
                    "OpenCV alone": partial(cv2.imdecode, raw, cv2.IMREAD_COLOR),
                    "with all checks": partial(decode_picture, raw.tobytes(), name=name, max_pixels=10**8),
                },
            )


def checking(frame: Frame) -> None:
    """The gates before the models: light, contrast and focus, and printed text, beside reading every pixel once."""
    large = replace(frame, pixels=np.ascontiguousarray(cv2.resize(frame.pixels, (4_000, 3_000))))
    for title, one in (("300 x 300", frame), ("12 megapixels", large)):
        health = HealthCheck(Picture(min_sharpness=0.01))
        compare(
            f"gates, {title}",
            {
                "all pixels added up": partial(np.sum, one.pixels, dtype=np.int64),
                "light, contrast and focus": partial(health.trouble, one),
                "printed text": partial(has_printed_text, one.pixels),
            },
        )


def describing(bundle: Bundle, station: Station, frame: Frame) -> None:
    """CLIP alone, CLIP with one caption, with sampled captions in one batch, and the same captions one after the other."""
    board = read_board("cpu")
    vision = open_vision_models(bundle, board=board)
    some = vision.describer(station.describe.model_copy(update={"samples": 4}))
    one = vision.describer(station.describe.model_copy(update={"samples": 0}))
    compare(
        "describing one picture",
        {
            "5 captions, picture read once, samples in one batch": lambda: some.describe(frame),
            "1 caption": lambda: one.describe(frame),
            "5 captions, each reading the picture again": lambda: [one.describe(frame) for _ in range(5)],
        },
    )


def spooling() -> None:
    """A commit that survives a power cut, one after the other."""
    inspection = Inspection(
        id="",
        station="bench",
        source="cell.png",
        part_id=None,
        captured_at=datetime.now(timezone.utc),
        verdict=Verdict(Decision.NG, "crack", 0.9),
        description=None,
        scores=None,
        timings_ms=(),
        bundle="sha256:0",
        models_digest="sha256:0",
        station_digest="sha256:0",
        settings_digest="sha256:0",
        evidence_sha256=None,
    )
    with tempfile.TemporaryDirectory(dir=".") as folder, closing(Spool(Path(folder) / "spool.sqlite")) as spool:
        times = []
        for number in range(500):
            started = time.perf_counter()
            spool.commit(replace(inspection, id=str(number)))
            times.append((time.perf_counter() - started) * 1e3)
    p50, p99 = np.percentile(times, (50, 99))
    print(f"spool: one commit with synchronous=FULL, p50 {p50:.2f} ms, p99 {p99:.2f} ms")


def compare(title: str, ways: dict[str, Callable[[], object]]) -> None:
    """Print the median of each way and its ratio to the first, rounds interleaved."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            if turn:  # the first round warms up
                times[name].append((time.perf_counter() - started) * 1e3)
    print(title)
    first = statistics.median(next(iter(times.values())))
    for name, some in times.items():
        print(f"  {statistics.median(some):8.2f} ms  x{statistics.median(some) / first:5.2f}  {name}")


def _frame() -> Frame:
    pixels = read_picture(sample_cells(1)[0].path, max_pixels=1_000_000, max_bytes=10_000_000)
    return CaptureFactory("bench").frame(pixels, source="cell", started_ns=time.monotonic_ns())


if __name__ == "__main__":
    main()
