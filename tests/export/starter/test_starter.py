from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from export.eye.tokenizer import DECODE, END, START, UNKNOWN, make_tokenizer
from export.painting.grain import make_grain
from export.painting.ground_truth import GroundTruth
from export.painting.render import render_cell
from export.painting.scene import Defect
from export.starter.cells import HELD_OUT_MONO, SOURCE_VALIDATION, TRAINING, load_cells, training_cells, validation_cells
from export.starter.sample import SIZE_PX, Canvases, Sampler
from export.starter.train_clip import CONTEXT_TOKENS
from export.starter.words import ATTRIBUTES, DEFECT_WORDS, TAGS, caption, tokenizer_corpus, word_targets

SEEDS = range(30)
WORDS = (*TAGS, *ATTRIBUTES)
STAIN = Defect("stain", "spot", 0.5, 0.5, 0.6, 0.9)


def sampler_on_rendered_cells(seed: int) -> Sampler:
    rng = np.random.default_rng(seed)
    grain = make_grain(2, SIZE_PX, rng)
    good = np.stack([render_cell(SIZE_PX, rng) for _ in range(2)])
    return Sampler(Canvases(good, np.array([0.5, 0.5])), grain, rng)


def crack(strength: float) -> Defect:
    return Defect("crack", "line", 0.2, 0.2, 0.3, strength)


def cell_with(*defects: Defect) -> GroundTruth:
    return GroundTruth("mono", clouds=False, uneven=False, defects=defects)


PINNED: tuple[tuple[str, tuple[float, ...], int], ...] = (
    ("a clear dark area on the right side and a clear crack of a polycrystalline cell with grains and dislocation clouds",
     (61.6, 63.6, 63.4, 66.4, 64.2, 62.7, 63.9, 63.1, 62.4), 31),
    ("a clear soft dark spot in the upper left of a polycrystalline cell with grains and dislocation clouds",
     (71.0, 105.8, 110.2, 120.9, 115.7, 111.8, 111.8, 118.1, 107.2), 20),
    ("damaged , a very dark large half that is dead across the whole cell , a plain mono cell",
     (61.2, 43.5, 6.3, 64.9, 45.9, 6.5, 59.8, 42.3, 6.1), 98),
    ("no damage , a polycrystalline cell with grains and dislocation clouds , an unbroken surface",
     (88.7, 90.9, 87.9, 90.4, 94.2, 93.0, 86.5, 93.1, 89.2), 0),
    ("an intact surface on a poly cell with grain and dislocation clouds , no damage to be seen",
     (92.6, 98.7, 94.7, 103.2, 107.8, 102.2, 97.1, 103.8, 96.0), 0),
    ("intact , a polycrystalline cell with grains and dislocation clouds , no dark marks",
     (85.1, 101.9, 93.7, 92.4, 98.1, 99.7, 93.7, 94.7, 90.1), 0),
)  # fmt: skip
"""The first samples of seed 0: caption, mean grey of 3 x 3 tiles, number of patches with a defect."""
NEXT_INTEGER = 256_381


def test_a_seed_draws_the_samples_that_the_published_weights_were_trained_on() -> None:
    sampler = sampler_on_rendered_cells(0)
    for sentence, greys, defective_patches in PINNED:
        sample = sampler.draw()
        assert sample.caption == sentence
        # Not bit for bit: processors differ in the last digit of a sine or an exponential.
        assert cv2.resize(sample.pixels.astype(np.float32), (3, 3), interpolation=cv2.INTER_AREA).ravel() == pytest.approx(greys, abs=0.3)
        assert np.count_nonzero(sample.patch_kinds) == pytest.approx(defective_patches, abs=1)
    assert sampler.rng.integers(1_000_000) == NEXT_INTEGER


def test_words_agree_with_the_ground_truth_of_samples() -> None:
    sampler = sampler_on_rendered_cells(3)
    intact = 0
    for _ in SEEDS:
        sample = sampler.draw()
        targets = dict(zip(WORDS, word_targets(sample.ground_truth), strict=True))
        defects = sample.ground_truth.defects
        assert (targets["intact cell"], targets["damaged cell"]) == ((0, 1) if defects else (1, 0))
        assert targets["mono cell"] != targets["poly cell"]
        for word in ("crack", "dark area", "stain", "dead cell"):
            assert targets[word] == int(any(defect.kind == word for defect in defects))
        assert targets["dislocation cloud"] == int(sample.ground_truth.clouds)
        if not defects:
            intact += 1
            assert not sample.patch_kinds.any()
            assert not np.array(list(targets.values()))[DEFECT_WORDS].any()
    assert 0 < intact < len(SEEDS)


def test_captions_are_short_lower_case_ascii_and_name_no_absent_crack() -> None:
    sampler = sampler_on_rendered_cells(3)
    for _ in SEEDS:
        sample = sampler.draw()
        assert sample.caption.isascii()
        assert sample.caption == sample.caption.lower()
        assert 9 <= len(sample.caption.split()) <= 34
        if "crack" in sample.caption or "fracture" in sample.caption:
            assert any(defect.kind == "crack" for defect in sample.ground_truth.defects)


def test_a_word_near_its_limit_is_no_training_target() -> None:
    faint, between, clear = (
        dict(zip(WORDS, word_targets(cell_with(crack(strength))).tolist(), strict=True)) for strength in (0.1, 0.25, 0.5)
    )
    assert (faint["hairline crack"], faint["clear crack"]) == (1, 0)
    assert (between["hairline crack"], between["clear crack"]) == (-1, -1)
    assert (clear["hairline crack"], clear["clear crack"]) == (0, 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_caption_names_the_most_visible_defect(seed: int) -> None:
    sentence = caption(cell_with(crack(0.1), STAIN), np.random.default_rng(seed))
    assert "stain" in sentence or "spot" in sentence


def test_splits_share_no_cell_and_studies_share_no_run_with_training() -> None:
    splits = [*map(set, TRAINING), *map(set, SOURCE_VALIDATION), *map(set, HELD_OUT_MONO)]
    assert sum(map(len, splits)) == len(set().union(*splits))
    runs = [0, 60, 360, 540, 900, 1614, 2144, 2216, 2396, 2444, 2624]
    for split in HELD_OUT_MONO:
        assert (split.start, split.stop) in set(pairwise(runs))
    source = set(range(360, 540)) | set(range(900, 1614))
    assert set().union(*map(set, (*TRAINING, *SOURCE_VALIDATION))) == source


def test_training_and_validation_use_only_mono_cells_outside_the_held_out_runs() -> None:
    cells = load_cells()
    assert len(cells) == 2624
    held_out = {row for part in HELD_OUT_MONO for row in part}
    for used in (training_cells(), validation_cells()):
        assert {cell.material for cell in used} == {"mono"}
        assert not held_out & {cell.row for cell in used}
    assert {cells[row].material for row in held_out} == {"mono"}
    assert {cell.probability for cell in cells} == {0.0, 1 / 3, 2 / 3, 1.0}


def test_the_tokenizer_knows_every_word_of_captions_and_vocabularies() -> None:
    tokenizer = make_tokenizer(tokenizer_corpus(np.random.default_rng(0)))
    unknown = tokenizer.token_to_id(UNKNOWN)
    for sentence in tokenizer_corpus(np.random.default_rng(1)):
        ids = tokenizer.encode(sentence).ids
        assert unknown not in ids
        assert (ids[0], ids[-1]) == (tokenizer.token_to_id(START), tokenizer.token_to_id(END))
        assert tokenizer.decode(ids) == sentence
    assert all(len(tokenizer.encode(word).ids) <= CONTEXT_TOKENS for word in WORDS)
    assert tokenizer.token_to_id(DECODE) == 4
