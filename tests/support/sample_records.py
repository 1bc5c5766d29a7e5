"""Records as the rooms of the daemon hand them on, sound unless a test asks for something else."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import numpy as np

from edge.records import Description, Frame, LostFrame, Pixels, Reason, Scores, Tag, Words
from firmware_config.station import Station
from tests.support.picture_files import gradient

MOMENT = datetime(2026, 5, 4, 3, 2, 1, 500_000, tzinfo=timezone.utc)
LABELS = ("good", "crack", "unclear")
BUNDLE, MODELS = "sha256:" + "0" * 64, "sha256:" + "5" * 64


def station(name: str = "cell-01", **sections: Mapping[str, Any]) -> Station:
    """A station with the labels good (ok), crack (ng) and unclear (review)."""
    return Station.model_validate(
        {
            "station": {"name": name, "path": "plant/line"},
            "camera": {"kind": "folder", "path": "pictures"},
            "labels": [{"name": label, "decision": decision} for label, decision in zip(LABELS, ("ok", "ng", "review"), strict=True)],
            **sections,
        }
    )


def frame(
    source: str = "part.png", *, sequence: int = 1, pixels: Pixels | None = None, monotonic_ns: int = 0, name: str = "cell-01"
) -> Frame:
    return Frame(gradient() if pixels is None else pixels, MOMENT, monotonic_ns, name, sequence, source, capture_ms=1.5)


def frames(sources: Sequence[str], *, name: str = "cell-01") -> list[Frame]:
    """Pictures that all differ a little, as those of a living camera do."""
    counted = zip(itertools.count(1), sources)
    return [frame(source, sequence=i, pixels=np.roll(gradient(), i, axis=1), name=name) for i, source in counted]


def lost(reason: Reason = Reason.CAMERA_STALLED, *, sequence: int = 1) -> LostFrame:
    return LostFrame(reason, "the camera gave no picture: look at its cable", MOMENT, 0, "cell-01", sequence, "rtsp://camera/1")


def words(*captions: str) -> Words:
    return Words((Tag("solar cell", 0.31),), (Tag("intact", 0.28),), captions or ("a blue solar cell",))


def description(*captions: str) -> Description:
    return Description(words(*captions), timings_ms=(("vision", 12.0), ("caption", 80.5)))


def scores(*probabilities: float, calibrated: bool = True) -> Scores:
    """By default sure of the first label; log-likelihoods are made up."""
    probabilities = probabilities or (0.9, 0.07, 0.03)
    return Scores(LABELS, tuple(-1.0 - i for i in range(len(probabilities))), probabilities, "rank", 120, calibrated=calibrated)
