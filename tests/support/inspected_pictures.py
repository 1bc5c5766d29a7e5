"""Labelled pictures of a pilot that were judged by a script: the policy that decides on them is real."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.inspection.policy import decide, fault, limits_of
from edge.records import Description, Inspection, Reason, Scores
from export.chapters.inspected import Inspected
from export.texts.picture import Picture, Split
from firmware_config.station import Station
from tests.support.inspections import FULL
from tests.support.sample_records import LABELS, description, station


def inspected(
    log_odds: NDArray[np.float64], bad: NDArray[np.bool_], *, domains: tuple[str, ...], per_block: int = 5, folder: Path | None = None
) -> Inspected:
    """Pictures whose log-odds of a crack are given, float64 (N,), shared out over the domains one part after the other.

    A picture whose log-odds are nan is a FAULT. With `folder` the files are there, a pattern of 64 px each.
    """
    at = station()
    names = [domain for domain, part in zip(domains, np.array_split(log_odds, len(domains)), strict=True) for _ in part]
    pictures = tuple(
        picture(name, number, bad=bool(bad[number]), block=f"{name}/{number // per_block}", folder=folder)
        for number, name in enumerate(names)
    )
    inspections = tuple(inspection(one.source, number, float(log_odds[number]), at) for number, one in enumerate(pictures))
    return Inspected(pictures, bad, inspections, at, "sha256:" + "7" * 64)


def picture(
    domain: str, number: int, *, bad: bool, block: str | None = None, split: Split | None = None, folder: Path | None = None
) -> Picture:
    source = f"{domain}-{number:03}.png"
    path = Path(source) if folder is None else folder / source
    if folder is not None:
        write_pattern(path, number)
    return Picture(path, source, "crack" if bad else "good", domain, split, block)


def write_pattern(path: Path, seed: int, *, side_px: int = 64) -> None:
    blocks = np.random.default_rng(seed).integers(20, 230, (side_px // 4, side_px // 4), np.uint8)
    cv2.imwrite(str(path), np.kron(blocks, np.ones((4, 4), np.uint8)))


def inspection(source: str, number: int, log_odds: float, at: Station, *, words: Description | None = None) -> Inspection:
    """An inspection as the policy makes it of a script's words and scores."""
    base = replace(FULL, source=source, evidence_sha256=f"{number:02}" * 32, timings_ms=(("clip", 2.0 + number), ("judge", 3.0)))
    if np.isnan(log_odds):
        return replace(base, verdict=fault(Reason.BLANK), description=None, scores=None)
    said, scores = words or description(), scores_of(log_odds)
    return replace(base, verdict=decide(said, scores, labels=at.labels, limits=limits_of(at, None)), description=said, scores=scores)


def scores_of(log_odds: float) -> Scores:
    """Scores with the given log-odds of a crack; the label "unclear" has no share in them."""
    log_likelihoods = (0.0, log_odds, -60.0)
    weights = np.exp(np.array(log_likelihoods) - max(log_likelihoods))
    return Scores(LABELS, log_likelihoods, tuple(map(float, weights / weights.sum())), "rank", 120, calibrated=True)
