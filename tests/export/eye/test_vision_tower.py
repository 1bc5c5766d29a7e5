"""A CLIP, SigLIP or BLIP of the user's own as the trunk: its states are those of transformers; what does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from export.errors import SpecError
from export.eye.quick import open_front, open_tails
from export.eye.tail import Painted, TailRecipe, Taught, defect_logits, train_tail
from export.eye.trunk import FAR, NEAR, map_side
from export.eye.vision_tower import VisionTower, read_vision_tower
from tests.support import tiny_models
from tests.support.odd_checkpoints import MEAN, STD, edit_json, write_blip, write_clip, write_siglip

pytestmark = [
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),  # shapes that are constants on purpose
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's, of its own exporter
    pytest.mark.filterwarnings("ignore::UserWarning"),  # torch's, of constants that it does not fold
]


def siglip(folder: Path) -> Path:
    return write_siglip(folder, pad="<pad>")


def blip(folder: Path) -> Path:
    return write_blip(folder, model=tiny_models.tower_that_sees("blip"))


KINDS: dict[str, Callable[[Path], Path]] = {"clip": write_clip, "siglip": siglip, "blip": blip}


@pytest.fixture(params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return KINDS[request.param](tmp_path / "tower")


def tower(folder: Path, *, side: int = tiny_models.SIZE) -> VisionTower:
    return read_vision_tower(folder, side_px=side, gain="none")


def original(folder: Path) -> Any:  # noqa: ANN401 -- a vision model of transformers
    from transformers import AutoModel, BlipForConditionalGeneration

    kind = BlipForConditionalGeneration if tower(folder).checkpoint.model_type == "blip" else AutoModel
    return kind.from_pretrained(folder, attn_implementation="eager").vision_model.eval()


@pytest.mark.parametrize("side", [tiny_models.SIZE, 96])
def test_the_features_are_the_states_of_the_middle_and_of_the_end_at_the_pictures_own_scale(folder: Path, side: int) -> None:
    trunk, vision = tower(folder, side=side), original(folder)
    pixels = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, side, side)).astype(np.float32))
    seen: list[torch.Tensor] = []
    vision.encoder.layers[0].register_forward_hook(lambda _module, _given, made: seen.append(made[0] if isinstance(made, tuple) else made))
    with torch.no_grad():
        last = vision(pixel_values=pixels, interpolate_pos_encoding=True).last_hidden_state
    if trunk.checkpoint.model_type == "clip":  # which norms only the class token
        last = vision.post_layernorm(last)

    features = trunk.front()(pixels)

    assert features.shape[1:] == trunk.shape
    middle, end = features.flatten(2).transpose(1, 2).chunk(2, -1)
    places = middle.shape[1]
    torch.testing.assert_close(end, last[:, -places:], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(middle, functional.layer_norm(seen[0], seen[0].shape[-1:])[:, -places:], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("patch", [8, 14, 16, 32])
def test_patches_of_any_side_give_far_maps_of_the_side_that_is_painted(tmp_path: Path, patch: int) -> None:
    from transformers import CLIPModel

    config = tiny_models.clip().config
    config.vision_config.patch_size, config.vision_config.image_size = patch, 2 * patch
    trunk = tower(write_clip(tmp_path / "clip", model=CLIPModel(config), side=2 * patch), side=224)

    near, far = Taught(trunk, 1).eval().tail(torch.zeros(1, *trunk.shape))

    assert near.shape == (1, NEAR, 224 // patch, 224 // patch)
    assert far.shape == (1, FAR, map_side(224), map_side(224))


def test_the_preprocessing_is_the_folders_at_the_products_side_and_gain(tmp_path: Path) -> None:
    found = read_vision_tower(write_clip(tmp_path / "clip", resample=2), side_px=64, gain="median").preprocess
    assert (found.size, found.gain, found.resample) == (64, "median", "bilinear")
    assert (list(found.mean), list(found.std)) == (MEAN, STD)


@pytest.mark.long
def test_a_tail_learns_on_a_tower_and_its_graph_gives_the_numbers_of_the_module(folder: Path) -> None:
    # Arrange
    side, rng = 64, np.random.default_rng(0)
    trunk, has_dot = tower(folder, side=side), np.arange(48) % 2 == 1
    pixels = rng.normal(0, 0.1, (48, 3, side, side)).astype(np.float32)
    for row in np.flatnonzero(has_dot):
        y, x = rng.integers(8, side - 8, 2)
        pixels[row, :, y - 3 : y + 3, x - 3 : x + 3] -= 1.5
    front, kinds, rows = open_front(trunk)(pixels), has_dot.astype(np.int64), map_side(side)
    shown = Painted(front, kinds, np.repeat(kinds, rows * rows).reshape(-1, rows, rows))

    # Act
    first, second = (train_tail(trunk, shown, kinds=1, recipe=TailRecipe(steps=40, batch=16), seed=1, report=lambda _: None) for _ in "ab")

    # Assert
    np.testing.assert_allclose(front[:4].astype(np.float32), trunk.front()(torch.from_numpy(pixels[:4])).numpy(), rtol=2e-3, atol=5e-3)
    logits = defect_logits([first], front)
    assert logits[has_dot].mean() > logits[~has_dot].mean() + 1
    np.testing.assert_array_equal(logits, defect_logits([second], front))
    assert open_tails(trunk, [first])(front)[1].shape[2:] == (rows, rows)


def test_a_larger_picture_and_a_larger_tower_are_more_work(tmp_path: Path) -> None:
    folder = write_clip(tmp_path / "clip")
    small, large = tower(folder, side=64).work, tower(folder, side=128).work
    assert small.weights == large.weights > 10_000
    assert large.products > 4 * 0.9 * small.products
    assert large.batch_bytes > small.batch_bytes


def test_a_side_that_is_no_multiple_of_the_patch_is_refused_with_the_nearest_that_are(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"sees patches of 16 pixels, .* side_px of 250 .*: give its product.toml side_px = 240 or 256"):
        tower(write_clip(tmp_path / "clip"), side=250)


def test_a_tower_that_no_onnx_file_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.eye.vision_tower.MOST_WEIGHTS", 10_000)
    with pytest.raises(SpecError, match="fit into an ONNX file: give a smaller checkpoint"):
        tower(write_blip(tmp_path / "blip"))


def test_a_model_without_pictures_is_refused(tmp_path: Path) -> None:
    folder = write_clip(tmp_path / "bert")
    edit_json(folder / "config.json", lambda values: values.update(model_type="bert"))
    with pytest.raises(SpecError, match=r"is of the type 'bert', expected clip or siglip or blip"):
        tower(folder)
