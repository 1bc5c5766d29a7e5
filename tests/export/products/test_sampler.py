from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from export.errors import SpecError
from export.painting.scene import Scene
from export.products.canvases import Canvases, read_canvases, read_masks
from export.products.painted import Capture
from export.products.product import Product, read_product
from export.products.sampler import Sampler, write_samples
from export.products.wording import wording_of
from tests.export.products.test_product import write
from tests.support.tiny_bundle import is_one_sentence

SEEDS = range(60)


def canvases(product: Product, count: int = 3) -> Canvases:
    """Pictures with a weave, a bright one and darker ones."""
    side = product.side_px
    yy, xx = np.mgrid[0:side, 0:side]
    weave = 0.5 + 0.2 * np.sin(xx * 0.9 + yy * 0.4) * np.cos(yy * 0.7)
    pictures = np.stack([weave * (1 - 0.2 * number) for number in range(count)]).astype(np.float32)
    if product.colour:
        pictures = np.repeat(pictures[..., None], 3, axis=-1)
    return Canvases(pictures, np.full(count, 1 / count))


def draw(product: Product, seed: int) -> Sampler:
    return Sampler(product, canvases(product), np.random.default_rng(seed))


def write_picture(path: Path, *, side: int, level: int = 128) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((side, side, 3), (level, 100, 50), np.uint8))
    return path


def test_what_only_measured_words_tell_is_painted_for_the_judge_and_never_for_the_eye() -> None:
    product = read_product("solar_cell")
    eye, judge = (
        {
            defect.kind
            for seed in SEEDS
            for defect in Sampler(product, canvases(product), np.random.default_rng(seed), for_judge=for_judge).draw().scene.defects
        }
        for for_judge in (False, True)
    )
    assert "dim cell" in judge - eye
    assert not any("dim cell" in word for word in wording_of(product).words)


@pytest.mark.parametrize("name", ["solar_cell", "woven"])
def test_half_of_the_samples_are_intact_and_patches_have_the_kinds_of_the_scene(name: str) -> None:
    product = read_product(name)
    names = [None, *(kind.name for kind in product.defects)]
    patches = -(-product.side_px // 16)
    damaged = 0
    for seed in SEEDS:
        sample = draw(product, seed).draw()
        assert sample.pixels.dtype == sample.patch_kinds.dtype == np.uint8
        assert sample.pixels.shape == (product.side_px, product.side_px)
        assert sample.patch_kinds.shape == (patches, patches)
        kinds = {names[index] for index in np.unique(sample.patch_kinds) if index}
        assert kinds <= {defect.kind for defect in sample.scene.defects}
        assert set(sample.scene.harmless) <= {thing.name for thing in product.harmless}
        damaged += bool(sample.scene.defects)
    assert 0.3 * len(SEEDS) < damaged < 0.7 * len(SEEDS)


def test_the_same_seed_draws_the_same_samples() -> None:
    product = read_product("woven")
    first, second = draw(product, 5), draw(product, 5)
    for _ in range(4):
        one, other = first.draw(), second.draw()
        assert np.array_equal(one.pixels, other.pixels)
        assert one.scene == other.scene
    assert not np.array_equal(draw(product, 6).draw().pixels, draw(product, 5).draw().pixels)


def test_an_intact_sample_of_a_product_without_variation_is_one_of_its_good_pictures() -> None:
    product = read_product("woven").model_copy(update={"conditions": Capture()})
    good = {np.round(picture * 255).astype(np.uint8).tobytes() for picture in canvases(product).pictures}
    intact = [sample for sample in (draw(product, seed).draw() for seed in range(20)) if sample.scene == Scene()]
    assert len(intact) > 3
    assert all(sample.pixels.tobytes() in good for sample in intact)


def test_the_frame_of_a_picture_stays_as_it_is(tmp_path: Path) -> None:
    product = read_product(write(tmp_path, ("side_px = 100", "side_px = 100\nframe_px = 8"), ("share = 0.3", "share = 1")))
    bright = Canvases(np.ones((1, 100, 100), np.float32), np.ones(1))
    samples = [Sampler(product, bright, np.random.default_rng(seed)).draw() for seed in SEEDS]
    changed = np.any([sample.pixels < 255 for sample in samples], axis=0)
    assert {sample.patch_kinds.shape for sample in samples} == {(7, 7)}
    assert changed[8:92, 8:92].mean() > 0.5
    changed[8:92, 8:92] = False
    assert not changed.any()
    assert (bright.pictures == 1).all()


def test_the_frame_stays_where_it_is_when_the_part_is_turned() -> None:
    woven = read_product("woven")
    product = woven.model_copy(update={"conditions": Capture(flips="turned")})
    side = product.side_px
    picture = np.zeros((side, side), np.float32)
    picture[-1], picture[5, 5] = 1, 0.5
    drawn = [Sampler(product, Canvases(picture[None], np.ones(1)), np.random.default_rng(seed)).draw() for seed in SEEDS]
    intact = [sample.pixels for sample in drawn if sample.scene == Scene()]
    assert {(pixels[5, 5] > 100, pixels[side - 6, side - 6] > 100) for pixels in intact} == {(True, False), (False, True)}
    assert all((pixels[-1] == 255).all() and (pixels[0] < 100).all() for pixels in intact)


def test_colours_are_kept_where_the_product_says_so(tmp_path: Path) -> None:
    product = read_product(write(tmp_path, ("side_px = 100", "side_px = 100\ncolour = true")))
    path = write_picture(tmp_path / "good/0.png", side=100)
    assert read_canvases(product, [[path]]).pictures[0, 0, 0] * 255 == pytest.approx([128, 100, 50])
    assert draw(product, 1).draw().pixels.shape == (100, 100, 3)


def test_a_domain_with_four_times_as_many_pictures_is_drawn_twice_as_often(tmp_path: Path) -> None:
    product = read_product(write(tmp_path))
    large = [write_picture(tmp_path / f"a/{number}.png", side=100) for number in range(8)]
    small = [write_picture(tmp_path / f"b/{number}.png", side=100) for number in range(2)]
    found = read_canvases(product, [large, small])
    assert found.pictures.shape == (10, 100, 100)
    assert (found.weights[:8].sum(), found.weights[8:].sum()) == pytest.approx((2 / 3, 1 / 3))


def test_a_picture_of_another_size_is_scaled_or_refused_as_the_product_says(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "good/0.png", side=160)
    assert read_canvases(read_product(write(tmp_path)), [[path]]).pictures.shape == (1, 100, 100)
    with pytest.raises(SpecError) as caught:
        read_canvases(read_product(write(tmp_path, ("side_px = 100", "side_px = 100\nscaled = false"))), [[path]])
    assert f"{path} is 160x160 pixels, and its eye sees 100x100" in str(caught.value)
    assert is_one_sentence(str(caught.value))


def test_masks_follow_their_part_and_a_component_goes_missing_where_its_mask_is(tmp_path: Path) -> None:
    mask = np.zeros((100, 100), np.uint8)
    mask[20:40, 10:30] = 255
    (tmp_path / "masks").mkdir()
    assert cv2.imwrite(str(tmp_path / "masks/chip.png"), mask)
    product = read_product(
        write(
            tmp_path,
            ("side_px = 100", 'side_px = 100\nmasks = "masks"\nconditions = { flips = "horizontal" }'),
            ('painter = "scratch"', 'painter = "missing_component"\nalone = true\nshare = 1000'),
        )
    )
    picture = np.full((100, 100), 0.8, np.float32)
    picture[20:40, 10:30] = 0.2
    board = Canvases(picture[None], np.ones(1))
    samples = [Sampler(product, board, np.random.default_rng(seed), read_masks(product)).draw() for seed in SEEDS]
    places = {
        (round(defect.x, 1), round(defect.y, 1)) for sample in samples for defect in sample.scene.defects if defect.shape == "missing"
    }
    assert places == {(0.2, 0.3), (0.8, 0.3)}


def test_a_mask_that_marks_nothing_is_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "masks/chip.png", side=100, level=0)
    assert cv2.imwrite(str(tmp_path / "masks/chip.png"), np.zeros((100, 100), np.uint8))
    product = read_product(write(tmp_path, ("side_px = 100", 'side_px = 100\nmasks = "masks"')))
    with pytest.raises(SpecError, match=r"chip\.png is black all over"):
        read_masks(product)


def test_written_samples_agree_with_each_other_and_do_not_depend_on_how_many_are_written(tmp_path: Path) -> None:
    product = read_product("woven")
    found, lines = wording_of(product), list[str]()
    write_samples(tmp_path / "all", product, canvases(product), count=60, seed=3, report=lines.append)
    write_samples(tmp_path / "last", product, canvases(product), count=4, seed=3, first=56, report=lines.append)
    arrays = {name: np.load(tmp_path / f"all/{name}.npy") for name in ("pixels", "patch_kinds", "words", "kinds", "strengths")}
    last = np.load(tmp_path / "last/pixels.npy")
    captions = json.loads((tmp_path / "all/captions.json").read_text())
    damaged = found.words.index("damaged fabric")
    assert np.array_equal(arrays["pixels"][56:], last)
    assert np.array_equal(arrays["kinds"] > 0, arrays["words"][:, damaged] == 1)
    assert np.array_equal(arrays["kinds"] > 0, arrays["strengths"] > 0)
    assert arrays["words"].shape == (60, len(found.words))
    assert len(captions) == 60
    assert lines == ["painting 50 of 60 pictures"]
