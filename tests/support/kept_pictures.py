"""Pictures as the daemon keeps them, and an evidence folder on a clock of the test."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from edge.evidence.folder import EvidenceFolder, path_of
from edge.records import Decision, Inspection, Pixels
from tests.support.inspections import inspection

DAY_S = 86_400.0


class Clock:
    """Seconds that the test lets pass."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def noise(number: int, *, side: int = 64) -> Pixels:
    """A picture that no PNG can make much smaller; the same number gives the same pixels."""
    return np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)


def digest(pixels: Pixels) -> str:
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def png(pixels: Pixels) -> bytes:
    encoded, raw = cv2.imencode(".png", pixels)
    assert encoded
    return raw.tobytes()


def opened(
    root: Path, *, max_bytes: int = 10_000_000, keep_s: float = DAY_S, reserve_bytes: int = 0, clock: Clock | None = None
) -> EvidenceFolder:
    folder = EvidenceFolder(root, max_bytes=max_bytes, keep_s=keep_s, reserve_bytes=reserve_bytes, clock=clock or Clock())
    folder.open()
    return folder


def put(folder: EvidenceFolder, decision: Decision, number: int, *, side: int = 64) -> str:
    """Keep a picture; its path."""
    path = path_of(decision, digest(noise(number, side=side)))
    if not folder.refresh(path):
        folder.put(path, png(noise(number, side=side)))
    return path


def kept(root: Path) -> list[str]:
    """Everything that is a file below the folder, hidden ones too."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def bytes_on_disk(root: Path) -> int:
    """As `du` counts."""
    return sum(max(path.stat().st_size, path.stat().st_blocks * 512) for path in root.rglob("*") if path.is_file())


def judged(decision: Decision, pixels: Pixels, *, station: str = "cell-01", number: int = 1) -> Inspection:
    return replace(inspection(number, station=station, decision=decision), evidence_sha256=digest(pixels))
