"""What a station of a taught product knows: its memory of good pictures, and the limits of a healthy picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path

import numpy as np

from edge.familiarity.empty_scenes import empty_scenes
from edge.familiarity.file import read_memory, write_memory
from edge.familiarity.learn import MIN_PICTURES, Learned, learn
from edge.familiarity.memory import Memory
from edge.interfaces import VisionModels
from edge.measures.learn import learn_measures
from edge.measures.measures import Measures
from edge.picture.decode import read_picture
from edge.picture.exposure import measure
from edge.records import Pixels
from edge.studies.known_pictures import limits
from firmware_config.measuring import Measuring
from firmware_config.write import write_atomic

FALSE_ALARM = 0.01
"""The share of good pictures that may count as a new condition."""
MADE_AT = datetime(2000, 1, 1, tzinfo=timezone.utc)
"""Written into the memory: the same pictures give the same file whenever they are taught."""


class TaughtMemory:
    """Learns memories from pictures, with the features of the taught eye; each picture is read and looked at once."""

    def __init__(self, vision: VisionModels, measuring: Measuring) -> None:
        self._vision, self._measuring = vision, measuring
        self._features = lru_cache(maxsize=None)(self._features_of)

    def learned(self, good: Sequence[Path], others: Sequence[Path]) -> Memory | None:
        """The memory of some good pictures and of others that may be defective; None if the good ones are too few."""
        if len(good) < MIN_PICTURES:
            return None
        learned, measures = self._learn(good, others)
        return Memory(learned.subspace, learned.new_condition, learned.unfamiliar, self._vision.graph_digest, "", measures)

    def write(self, good: Sequence[Path], others: Sequence[Path], folder: Path, *, labelled: Sequence[Path] = ()) -> None:
        """Write `memory.json`, `limits.json`, the keys of a station's [picture] with their values, and `distances.json`.

        The last has the distance of each good picture from a memory without its block of neighbours, in their order. The limits come from
        all these pictures and from the `labelled` ones: a defective part may be darker than every good one, and is no fault of the camera.

        Raises:
            EdgeError: there are too few good pictures.
        """
        learned, measures = self._learn(good, others)
        write_memory(
            folder / "memory.json", learned, graph=self._vision.graph_digest, roi=None, good=len(good), false_alarm=FALSE_ALARM,
            made_at=MADE_AT, measures=measures,
        )  # fmt: skip
        found = {limit.key: limit.value for limit in limits([measure(read_picture(path)) for path in (*good, *others, *labelled)])}
        write_atomic(folder / "limits.json", (json.dumps(found, indent=1) + "\n").encode())
        write_atomic(folder / "distances.json", (json.dumps(learned.left_out[: len(good)].tolist()) + "\n").encode())

    def _learn(self, good: Sequence[Path], others: Sequence[Path]) -> tuple[Learned, Measures]:
        paths, is_good = [*good, *others], np.array([True] * len(good) + [False] * len(others))
        features = np.stack([self._features(path) for path in paths])
        learned = learn(features, is_good, self._scenes(read_picture(paths[0])), false_alarm=FALSE_ALARM)
        return learned, learn_measures((read_picture(path) for path in paths), is_good.tolist(), measuring=self._measuring)

    def read(self, path: Path) -> Memory:
        """Read a memory that `write` wrote."""
        return read_memory(path, roi=None)

    def _features_of(self, path: Path) -> np.ndarray:
        return self._vision.features(read_picture(path))

    def _scenes(self, pixels: Pixels) -> np.ndarray:
        return np.stack([self._vision.features(scene) for scene in empty_scenes(*pixels.shape[:2])])
