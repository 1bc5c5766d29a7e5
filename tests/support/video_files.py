"""Small videos, made with the writer that every OpenCV has."""

from __future__ import annotations

from pathlib import Path

import cv2

from tests.support.picture_files import gradient


def write_video(path: Path, count: int, *, fps: float = 10.0) -> None:
    """Write `count` frames as Motion JPEG; the blue of frame i (from 0) is lighter by 10 i at the left edge."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (64, 48))
    for i in range(count):
        pixels = gradient()
        pixels[:, :16] = 10 * i % 256
        writer.write(pixels)
    writer.release()
