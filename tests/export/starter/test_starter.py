from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from export.painting.grain import GrainPool, make_grain
from export.painting.paint import PATCH, VISIBLE, paint
from export.painting.render import render_cell
from export.painting.truth import KINDS, Defect, Truth
from export.starter.cells import HELD_OUT_MONO, SOURCE_VALIDATION, TRAINING, load_cells, training_cells, validation_cells
from export.starter.sample import SIZE, Canvases, Sampler
from export.starter.tokenizer import DECODE, END, START, UNKNOWN, make_tokenizer
from export.starter.train_clip import CONTEXT_TOKENS
from export.starter.words import ATTRIBUTES, DEFECT_WORDS, TAGS, caption, every_sentence, truth_of_words

SEEDS = range(30)
WORDS = (*TAGS, *ATTRIBUTES)


@pytest.fixture(scope="module")
def grain() -> GrainPool:
    return make_grain(2, SIZE, np.random.default_rng(0))


def test_painting_only_darkens_and_leaves_the_canvas_alone() -> None:
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        cell = render_cell(SIZE, rng)
        kept = cell.copy()
        painted = paint(cell, rng)
        assert np.array_equal(cell, kept)
        assert painted.pixels.dtype == np.float32
        assert (painted.pixels <= cell + 1e-6).all()


def test_patch_kinds_are_those_of_the_painted_defects_and_lie_where_it_is_darker() -> None:
    seen = set()
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        cell = np.ones((SIZE, SIZE), np.float32)
        painted = paint(cell, rng)
        kinds = {KINDS[index] for index in np.unique(painted.patch_kinds) if index}
        assert kinds <= {defect.kind for defect in painted.defects}
        darker = (cell - painted.pixels).reshape(SIZE // PATCH, PATCH, SIZE // PATCH, PATCH).max((1, 3))
        assert (darker[painted.patch_kinds > 0] >= VISIBLE / 2).all()
        for defect in painted.defects:
            assert defect.strength >= VISIBLE
            assert 0 <= defect.x <= 1
            assert 0 <= defect.y <= 1
            assert 0 < defect.size <= 1 + 1 / SIZE
        seen |= kinds
    assert len(seen) >= 5


def test_the_same_seed_paints_the_same() -> None:
    one, other = (paint(render_cell(SIZE, rng), rng) for rng in (np.random.default_rng(5), np.random.default_rng(5)))
    assert np.array_equal(one.pixels, other.pixels)
    assert one.defects == other.defects


def test_words_agree_with_the_truth_of_seeded_samples(grain: GrainPool) -> None:
    rng = np.random.default_rng(3)
    good = np.stack([render_cell(SIZE, rng) for _ in range(2)])
    sampler = Sampler(Canvases(good, np.array([0.5, 0.5])), grain, rng)
    intact = 0
    for _ in SEEDS:
        sample = sampler.draw()
        said = dict(zip(WORDS, truth_of_words(sample.truth), strict=True))
        defects = sample.truth.defects
        assert (said["intact cell"], said["damaged cell"]) == ((0, 1) if defects else (1, 0))
        assert said["mono cell"] != said["poly cell"]
        for word, kind in (("crack", "crack"), ("dark area", "dark area"), ("stain", "stain"), ("dead cell", "dead cell")):
            assert said[word] == int(any(defect.kind == kind for defect in defects))
        assert said["dislocation cloud"] == int(sample.truth.clouds)
        if not defects:
            intact += 1
            assert not sample.patch_kinds.any()
            assert not np.array(list(said.values()))[DEFECT_WORDS].any()
        assert sample.caption.isascii()
        assert sample.caption == sample.caption.lower()
        assert 9 <= len(sample.caption.split()) <= 34
        assert ("crack" in sample.caption or "fracture" in sample.caption) <= any(defect.kind == "crack" for defect in defects)
    assert 0 < intact < len(SEEDS)


def test_a_doubtful_word_teaches_nothing() -> None:
    faint, between, clear = (
        dict(zip(WORDS, truth_of_words(Truth("mono", clouds=False, uneven=False, defects=(_crack(strength),))), strict=True))
        for strength in (0.1, 0.25, 0.5)
    )
    assert (faint["hairline crack"], faint["clear crack"]) == (1, 0)
    assert (between["hairline crack"], between["clear crack"]) == (-1, -1)
    assert (clear["hairline crack"], clear["clear crack"]) == (0, 1)


def _crack(strength: float) -> Defect:
    return Defect("crack", "line", 0.2, 0.2, 0.3, strength)


def test_the_kind_of_a_cell_is_that_of_the_defect_that_shows_most() -> None:
    stain = Defect("stain", "spot", 0.5, 0.5, 0.6, 0.9)
    assert Truth("mono", clouds=False, uneven=False, defects=(_crack(0.1), stain)).kind == "stain"
    assert Truth("mono", clouds=False, uneven=False, defects=()).kind == "intact"


def test_the_caption_of_a_defect_names_the_one_that_shows_most_first() -> None:
    stain = Defect("stain", "spot", 0.5, 0.5, 0.6, 0.9)
    for seed in SEEDS:
        said = caption(Truth("mono", clouds=False, uneven=False, defects=(_crack(0.1), stain)), np.random.default_rng(seed))
        assert "stain" in said or "spot" in said


def test_the_splits_share_no_cell_and_what_is_measured_shares_no_run_with_what_taught() -> None:
    splits = [*map(set, TRAINING), *map(set, SOURCE_VALIDATION), *map(set, HELD_OUT_MONO)]
    assert sum(map(len, splits)) == len(set().union(*splits))
    runs = [0, 60, 360, 540, 900, 1614, 2144, 2216, 2396, 2444, 2624]
    for split in HELD_OUT_MONO:
        assert (split.start, split.stop) in set(pairwise(runs))
    source = set(range(360, 540)) | set(range(900, 1614))
    assert set().union(*map(set, (*TRAINING, *SOURCE_VALIDATION))) == source


def test_only_mono_cells_of_the_training_and_validation_runs_teach_and_choose() -> None:
    cells = load_cells()
    assert len(cells) == 2624
    held_out = {row for part in HELD_OUT_MONO for row in part}
    for used in (training_cells(), validation_cells()):
        assert {cell.material for cell in used} == {"mono"}
        assert not held_out & {cell.row for cell in used}
    assert {cells[row].material for row in held_out} == {"mono"}
    assert {cell.probability for cell in cells} == {0.0, 1 / 3, 2 / 3, 1.0}


def test_the_tokenizer_knows_every_sentence_that_can_be_said() -> None:
    tokenizer = make_tokenizer(every_sentence(np.random.default_rng(0)))
    others = every_sentence(np.random.default_rng(1))
    unknown = tokenizer.token_to_id(UNKNOWN)
    for sentence in others:
        ids = tokenizer.encode(sentence).ids
        assert unknown not in ids
        assert (ids[0], ids[-1]) == (tokenizer.token_to_id(START), tokenizer.token_to_id(END))
        assert tokenizer.decode(ids) == sentence
    assert all(len(tokenizer.encode(word).ids) <= CONTEXT_TOKENS for word in WORDS)
    assert tokenizer.token_to_id(DECODE) == 4
