"""What scorers without words see of a picture: CLIP and ImageNet features, measures, a thumbnail. Kept on disk in parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle.open import Bundle
from edge.familiarity.memory import Memory
from edge.familiarity.open import open_memory
from edge.measures.view import view_of
from edge.picture.preprocess import pixel_values
from edge.records import Pixels
from edge.runtime.onnx import open_session
from export.pilot.kept import kept_arrays
from export.pilot.pictures import Files
from export.progress import Report
from export.studies.imagenet import feature_maps, pooled_features
from export.studies.texture_statistics import statistics
from export.texts.row import Row
from firmware_config.board import Board
from firmware_config.describers import ImagePreprocess

PART = 100
"""Pictures whose features are kept together: what a kill costs at most."""
PROBE_PX, PATCH_PX, THUMBNAIL_PX = 224, 160, 32
MAX_PATCHED = 10_000
"""Pictures above which no features of patches are kept: they take 32 kB each."""
VERSION = 1
"""Raised where the features of the same picture become others."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Features of N pictures, in their order; the fields of `export.evaluation.corpus.Corpus` of the same names."""

    vision: NDArray[np.float32]
    imagenet: NDArray[np.float32]
    measures: NDArray[np.float32]
    pixels: NDArray[np.float32]
    patches: NDArray[np.float16] | None


def none_of(count: int) -> Features:
    """The features of `count` pictures that are not there: without any column."""
    empty = np.zeros((count, 0), np.float32)
    return Features(empty, empty, empty, empty, None)


def features_of(rows: Sequence[Row], files: Files, *, bundle: Bundle, board: Board, cache: Path, report: Report) -> Features:
    """The features of the rows' pictures; `cache` is a folder that keeps them.

    Raises:
        SpecError: a picture was changed since it was described.
        BundleError: the vision graph cannot be loaded.
    """
    seers: list[_Seer] = []
    memory = open_memory(bundle, files.station)
    parts = [rows[first : first + PART] for first in range(0, len(rows), PART)]
    seen = [files.station.picture.model_dump(mode="json")]
    with_patches = len(rows) <= MAX_PATCHED
    made = []
    for number, part in enumerate(parts, 1):

        def look(part: Sequence[Row] = part) -> dict[str, NDArray[np.generic]]:
            if not seers:
                seers.append(_Seer(bundle, board, memory))
            return seers[0].see([files.part(row) for row in part], with_patches=with_patches)

        key = _key(part, [with_patches, bundle.manifest.models_digest, memory and memory.digest, *seen])
        made.append(kept_arrays(cache / f"{key}.npz", look))
        report(f"features of {min(number * PART, len(rows))} of {len(rows)} pictures")
    names = [field.name for field in fields(Features) if made and field.name in made[0]]
    joined = {name: np.concatenate([one[name] for one in made]) for name in names}
    return Features(**{"patches": None} | joined)  # type: ignore[arg-type]


def _key(rows: Sequence[Row], decided_by: Sequence[object]) -> str:
    values = [VERSION, *decided_by, [row.id for row in rows]]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]


class _Seer:
    """Loads what looks at pictures, once."""

    def __init__(self, bundle: Bundle, board: Board, memory: Memory | None) -> None:
        clip = bundle.manifest.describer.clip
        self._session, self._preprocess = open_session(bundle.file(clip.vision), board), clip.preprocess
        self._memory = memory

    def see(self, pictures: Sequence[Pixels], *, with_patches: bool) -> dict[str, NDArray[np.generic]]:
        """The arrays of `Features` by name."""
        found: dict[str, NDArray[np.generic]] = {
            "vision": np.stack([self._embedding(one) for one in pictures]),
            "imagenet": pooled_features([self._sized(one, PROBE_PX) for one in pictures]),
            "measures": np.stack([self._measures(one) for one in pictures]),
            "pixels": np.stack([_thumbnail(one) for one in pictures]),
        }
        if with_patches:
            found["patches"] = feature_maps([self._sized(one, PATCH_PX) for one in pictures], stride=8)
        return found

    def _embedding(self, pixels: Pixels) -> NDArray[np.float32]:
        (embeds,) = self._session.run(["image_embeds"], {"pixel_values": pixel_values(pixels, self._preprocess)})
        return np.asarray(embeds[0], np.float32)

    def _sized(self, pixels: Pixels, side_px: int) -> Pixels:
        """The picture as the bundle's describer sees it (its gain included), uint8 (S, S, 3) BGR."""
        seen: ImagePreprocess = self._preprocess.model_copy(update={"size": side_px, "mean": (0.0, 0.0, 0.0), "std": (1 / 255,) * 3})
        levels = pixel_values(pixels, seen)[0, ::-1].transpose(1, 2, 0)
        return np.clip(np.round(levels), 0, 255).astype(np.uint8)

    def _measures(self, pixels: Pixels) -> NDArray[np.float32]:
        """Tones, sharpness, texture of blocks, plain statistics, and how the picture differs from the known ones of the station."""
        view = view_of(pixels)
        blocks = view.texture.reshape(-1, view.texture.shape[-1])
        known = () if self._memory is None or self._memory.measures is None else self._memory.measures.numbers(view).values
        values = [view.dark, view.bright, view.contrast, view.sharpness, *blocks.mean(0), *blocks.std(0), *statistics(pixels), *known]
        return np.array(values, np.float32)


def _thumbnail(pixels: Pixels) -> NDArray[np.float32]:
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).ravel() / np.float32(255)
