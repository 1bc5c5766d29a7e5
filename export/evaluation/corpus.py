"""Labelled pictures as all scorers see them: their words, picture features, measures and the box's own scores, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.records import Words
from export.texts.row import Row
from firmware_config.labels import Label


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """N labelled, readable pictures; every field but `labels` has N entries, in the same order. Higher scores are more defective.

    `bad` bool (N,); `vision` float32 (N, D), the features of the bundle's CLIP; `imagenet` float32 (N, D2), frozen ImageNet features;
    `measures` float32 (N, M), picture measures without words, nan where one is missing; `pixels` float32 (N, 1024), grey thumbnails of
    32 x 32, darker is lower; `box` float64 (N,), log-odds of "not ok" in nats by the bundle's own judge, nan where it did not judge.
    `labels` are those of the station.

    Where there is none, None: `linear_box` float64 (N,), as `box` by the bundle's linear judge; `patches` (N, h, w, C), features of
    patches for `patch_memory`, for example `export.studies.imagenet.feature_maps`.
    """

    rows: tuple[Row, ...]
    bad: NDArray[np.bool_]
    domains: tuple[str, ...]
    blocks: tuple[str, ...]
    splits: tuple[str | None, ...]
    words: tuple[Words, ...]
    vision: NDArray[np.float32]
    imagenet: NDArray[np.float32]
    measures: NDArray[np.float32]
    pixels: NDArray[np.float32]
    box: NDArray[np.float64]
    labels: tuple[Label, ...]
    linear_box: NDArray[np.float64] | None = None
    patches: NDArray[np.float16] | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "labels" and value is not None and len(value) != len(self.rows):
                msg = f"a corpus of {len(self.rows)} rows has {len(value)} {field.name}"
                raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Corpus:
        """The pictures at these positions, in this order."""
        index = np.asarray(rows, np.int64)

        def picked(value: Any) -> Any:  # noqa: ANN401 -- fields of different types
            if isinstance(value, np.ndarray):
                return value[index]
            return tuple(value[row] for row in index) if isinstance(value, tuple) else value

        changes: dict[str, Any] = {one.name: picked(getattr(self, one.name)) for one in fields(self) if one.name != "labels"}
        return replace(self, **changes)


def joined(corpora: Sequence[Corpus]) -> Corpus:
    """All pictures of some corpora with the same labels, one after the other. What one of them lacks, all lack."""

    def together(name: str) -> Any:  # noqa: ANN401 -- fields of different types
        values = [getattr(one, name) for one in corpora]
        if any(value is None for value in values):
            return None
        return np.concatenate(values) if isinstance(values[0], np.ndarray) else tuple(one for value in values for one in value)

    changes: dict[str, Any] = {one.name: together(one.name) for one in fields(Corpus) if one.name != "labels"}
    return replace(corpora[0], **changes)


def allowed_labels(row: Row, labels: Sequence[Label], *, bad: bool) -> tuple[str, ...]:
    """The labels of the station that are right for a picture: its own label if the station has it, else all that decide as it should."""
    known = [label.name for label in labels if label.name == row.label and (label.decision != "ok") == bad]
    return tuple(known or [label.name for label in labels if (label.decision != "ok") == bad])
