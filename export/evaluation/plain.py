"""Scorers without words: darkness, the majority, and a memory of good patches."""

from __future__ import annotations

import numpy as np
import torch

from export.evaluation.case import Case, Scored
from export.evaluation.errors import NotMeasured
from export.findings.remark import Remark
from export.studies.patch_memory import PatchMemory

DARKNESS_PERCENTILE = 20


def darkness(case: Case) -> Scored:
    """How dark the thumbnail is: its 20th percentile of grey levels, turned round. Nothing is learned.

    Raises:
        NotMeasured: there are no thumbnails.
    """
    pixels = case.corpus.pixels
    if not pixels.shape[1]:
        raise NotMeasured(Remark(code="no_thumbnails"))
    dark = -np.percentile(pixels, DARKNESS_PERCENTILE, axis=1).astype(np.float64)
    return Scored(dark[case.validation], dark[case.target])


def majority(case: Case) -> Scored:
    """The same answer for each picture: that of most source pictures."""
    answer = int(case.corpus.bad[case.train].mean() > 0.5) if len(case.train) else 0
    return Scored(np.zeros(len(case.validation)), np.zeros(len(case.target)), calls=np.full(len(case.target), answer, np.int8))


def patch_memory(case: Case, *, threads: int = 1) -> Scored:
    """How unlike all known good patches of the source the most unusual patch of a picture is (PatchCore in small).

    Raises:
        NotMeasured: there are no features of patches, or no good picture in the source.
    """
    patches = case.corpus.patches
    if patches is None:
        raise NotMeasured(Remark(code="no_patches"))
    good = case.train[~case.corpus.bad[case.train]]
    if not len(good):
        raise NotMeasured(Remark(code="no_good_source"))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)  # sums in the same order on every machine
    try:
        memory = PatchMemory.learn(patches[good], seed=case.seed)
        return Scored(memory.scores(patches[case.validation]), memory.scores(patches[case.target]))
    finally:
        torch.set_num_threads(before)
