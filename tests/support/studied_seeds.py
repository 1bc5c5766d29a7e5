"""Seeds of the study of the starter whose scores are made up."""

from __future__ import annotations

import numpy as np

from edge.records import Decision
from edge.records import Scores as JudgeScores
from export.starter.cells import load_cells
from export.studies.protocol import Scores
from export.studies.seed_files import CLIP_PROBE, EYE, LANGUAGE_MODEL, LINEAR, ZERO_SHOT, StudiedSeed
from firmware_config.labels import Label
from tests.support.sample_records import description, station
from tests.support.tiny_cells import tiny_studied_cells

CELLS = tiny_studied_cells()
LABELS = (Label(name="good", decision="ok"), Label(name="defective", decision="ng"))
DEFECTIVE = np.array([cell.defective for cell in load_cells()])
POLY = "all poly cells"
BLIND = np.zeros(len(DEFECTIVE))


def told(strength: float, *, seed: int) -> Scores:
    """Log-odds that tell defective cells the better the larger `strength` is."""
    return np.asarray(strength * (2.0 * DEFECTIVE - 1) + np.random.default_rng(seed).normal(size=len(DEFECTIVE)))


def studied(seed: int, *, model: float, linear: float) -> StudiedSeed:
    """A seed whose judges tell defective cells so well and whose eye tells them perfectly; one poly cell is a FAULT."""
    scores = {LANGUAGE_MODEL: told(model, seed=seed), LINEAR: told(linear, seed=seed + 10)}
    decisions = dict.fromkeys(CELLS.measured, Decision.REVIEW) | {CELLS.sets[POLY][0]: Decision.FAULT}
    log_odds = scores[LANGUAGE_MODEL]
    bad = 1 / (1 + np.exp(-log_odds))
    return StudiedSeed(
        seed=seed,
        digest="sha256:" + f"{seed}" * 64,
        station=station().model_copy(update={"labels": LABELS}),
        descriptions=dict.fromkeys(CELLS.measured, description()),
        scores_of={
            row: JudgeScores(("good", "defective"), (0.0, log_odds[row]), (1 - bad[row], bad[row]), "rank", 0, calibrated=True)
            for row in CELLS.measured
        },
        decisions=decisions,
        log_likelihoods={name: np.stack([np.zeros_like(one), one], -1) for name, one in scores.items()},
        scores={**scores, EYE: told(50, seed=seed), CLIP_PROBE: told(1, seed=seed + 20), **({ZERO_SHOT: BLIND} if seed == 1 else {})},
    )
