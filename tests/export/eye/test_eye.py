"""The eye on tiny pictures: it reads any side, learns a dot, says words as graded as its logit, and its graphs equal its modules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from export.eye.captions import CaptionsRecipe, Seen, train_captions
from export.eye.convert import TaughtEye, Vocabularies, convert
from export.eye.efficientnet import ImageNetTrunk
from export.eye.quick import open_front, open_tails
from export.eye.tail import Painted, TailRecipe, Taught, defect_logits, train_tail
from export.eye.tokenizer import make_tokenizer
from export.eye.tower import ImageTower, logit_columns
from export.eye.trunk import map_side
from export.eye.words import WordsRecipe, WordTargets, train_words
from firmware_config.describers import Clip

pytestmark = [
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),  # shapes that are constants on purpose
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's, of its own exporter
    pytest.mark.filterwarnings("ignore::UserWarning"),  # torch's, of constants that it does not fold
]

SIDE = 64
TRUNK = ImageNetTrunk(SIDE, "none")
PHRASES = ("dot", "damage possible", "damage likely")


def silent(_line: str) -> None:
    pass


@pytest.fixture(scope="module")
def pictures() -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    rng = np.random.default_rng(0)
    has_dot = np.arange(48) % 2 == 1
    pixels = rng.normal(0, 0.1, (48, 3, SIDE, SIDE)).astype(np.float32)
    for row in np.flatnonzero(has_dot):
        y, x = rng.integers(8, SIDE - 8, 2)
        pixels[row, :, y - 3 : y + 3, x - 3 : x + 3] -= 1.5
    return pixels, has_dot


@pytest.fixture(scope="module")
def front(pictures: tuple[NDArray[np.float32], NDArray[np.bool_]]) -> NDArray[np.float16]:
    return open_front(TRUNK)(pictures[0])


@pytest.fixture(scope="module")
def taught(front: NDArray[np.float16], pictures: tuple[NDArray[np.float32], NDArray[np.bool_]]) -> Taught:
    kinds = pictures[1].astype(np.int64)
    side = map_side(SIDE)
    shown = Painted(front, kinds, np.repeat(kinds, side * side).reshape(-1, side, side))
    return train_tail(TRUNK, shown, kinds=1, recipe=TailRecipe(steps=40, batch=16), seed=1, report=silent)


def _seen(taught: Taught, front: NDArray[np.float16]) -> Seen:
    pooled, maps = open_tails(TRUNK, [taught])(front)
    return Seen(pooled, maps.astype(np.float16))


@pytest.mark.parametrize("side", [64, 90, 250])
def test_a_picture_of_any_side_gives_maps_of_even_sides(side: int) -> None:
    trunk = ImageNetTrunk(side, "none")
    features = trunk.front()(torch.zeros(1, 3, side, side))

    near, far = Taught(trunk, 1).eval().tail(features)

    assert features.shape[1:] == trunk.shape

    assert near.shape[2:] == (2 * map_side(side),) * 2
    assert far.shape[2:] == (map_side(side),) * 2


def test_the_quick_front_gives_the_numbers_of_the_module(front: NDArray[np.float16], pictures: tuple[NDArray[np.float32], object]) -> None:
    expected = TRUNK.front()(torch.from_numpy(pictures[0][:4])).numpy()

    np.testing.assert_allclose(front[:4].astype(np.float32), expected, rtol=2e-3, atol=5e-3)


def test_a_tail_learns_what_is_defective(
    taught: Taught, front: NDArray[np.float16], pictures: tuple[NDArray[np.float32], NDArray[np.bool_]]
) -> None:
    assert roc_auc_score(pictures[1], defect_logits([taught], front)) > 0.9


def test_the_same_seed_teaches_the_same_tail(front: NDArray[np.float16]) -> None:
    side = map_side(SIDE)
    shown = Painted(front, np.zeros(len(front), np.int64), np.zeros((len(front), side, side), np.int64))
    recipe = TailRecipe(steps=8, batch=8)

    first, second = (train_tail(TRUNK, shown, kinds=1, recipe=recipe, seed=3, report=silent) for _ in range(2))

    np.testing.assert_array_equal(defect_logits([first], front), defect_logits([second], front))


def test_a_word_of_evidence_is_true_beyond_its_level_and_a_doubtful_word_stays_doubtful() -> None:
    truths = np.array([[1, -1, -1], [-1, -1, -1]], np.int8)
    targets = WordTargets(truths, np.array([4.0, -4.0]), [1, 2], np.array([-1.0, 1.0]), np.array([True, False]))

    degrees = targets.degrees()

    np.testing.assert_array_equal(degrees[:, 0], [1, -1])
    assert min(degrees[0, 1], degrees[1, 2]) > 0.9
    assert max(degrees[0, 2], degrees[1, 1]) < 0.1


@pytest.mark.long
def test_the_graphs_say_what_the_towers_say(
    taught: Taught, front: NDArray[np.float16], pictures: tuple[NDArray[np.float32], NDArray[np.bool_]], tmp_path: Path
) -> None:
    # Arrange
    pixels, has_dot = pictures
    side, tokenizer = map_side(SIDE), make_tokenizer([*PHRASES, "a dot", "no dot"])
    seen = _seen(taught, front)
    truths = np.stack([has_dot, has_dot, has_dot], 1).astype(np.int8)
    targets = WordTargets(truths, defect_logits([taught], front), [1, 2], np.array([-1.0, 1.0]), np.array([True, True]))
    projection, words = train_words(
        seen.pooled, targets, PHRASES, tokenizer, exact=logit_columns(1, 1), recipe=WordsRecipe(steps=30, batch=16), seed=1, report=silent
    )  # fmt: skip
    tower, captions = TRUNK.front(), ["a dot" if dot else "no dot" for dot in has_dot]
    blip = train_captions(
        tower, [taught], seen, captions, tokenizer, image_size=SIDE, recipe=CaptionsRecipe(steps=3, batch=4), seed=1, report=silent
    )
    image = ImageTower(tower, [taught], projection, side=side, known=TRUNK.known).eval()
    vocabularies = Vocabularies({"dot": "点"}, {"damage possible": "異常の可能性がある", "damage likely": "異常の可能性が高い"})

    # Act
    parity = convert(TaughtEye(image, words, blip, tokenizer, TRUNK.preprocess), vocabularies, pixels, truths, captions[:2], tmp_path)

    # Assert
    session = ort.InferenceSession(str(tmp_path / "clip/vision.onnx"))
    embeds, patches = session.run(["image_embeds", "patch_features"], {"pixel_values": pixels[:1]})
    expected = [value.detach().numpy() for value in image(torch.from_numpy(pixels[:1]))]
    assert float((embeds * expected[0]).sum()) > 0.999
    assert np.linalg.norm(embeds) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(patches, expected[1], atol=1e-3)
    assert min(parity.values()) > 0.99
    models = Clip.model_validate_json(_section(tmp_path, "clip"))
    assert (tmp_path / models.tags.translations["ja"]).read_text(encoding="utf-8") == "点\n"


def _section(folder: Path, name: str) -> str:
    import json

    return json.dumps(json.loads((folder / "models.json").read_text(encoding="utf-8"))[name])
