from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from export.products.assembly.drawing import component_masks
from export.products.assembly.part import FAULTS, HEIGHT_PX, WIDTH_PX, Part, good_part, missing_screw
from export.products.assembly.render import LINES, Light, line_light, main, photograph, photograph_with_truth
from export.products.product import read_product

NOISE_LEVELS = 3
"""Grey levels by which the same noise may come out otherwise where light or rounding differ a little."""


def part_and_light(seed: int) -> tuple[Part, Light]:
    rng = np.random.default_rng(seed)
    return good_part(rng), line_light(LINES[seed % 2], rng)


def difference(first: Part, second: Part, light: Light) -> NDArray[np.int16]:
    pictures = [photograph(part, light).astype(np.int16) for part in (first, second)]
    return np.asarray(np.abs(pictures[0] - pictures[1]).max(-1), np.int16)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_changes_the_picture_where_its_truth_says_and_nowhere_else(kind: str) -> None:
    part, light = part_and_light(3)
    faulty = FAULTS[kind](part, np.random.default_rng(4))

    (_, truth), changed = photograph_with_truth(faulty, part, light), difference(faulty, part, light)

    assert 20 < truth.sum() < 0.1 * truth.size
    assert changed[~truth].max() <= NOISE_LEVELS
    assert changed[truth].mean() > 2 * NOISE_LEVELS


def test_a_missing_component_changes_the_picture_in_its_own_mask() -> None:
    part, light = part_and_light(5)
    lies_straight = replace(light, turn=0.0, move=(0.0, 0.0))
    gone = {f"screw-{i + 1}": replace(part, screws=tuple(None if i == j else s for j, s in enumerate(part.screws))) for i in range(6)}
    gone |= {"connector": replace(part, connector=None)}
    masks = component_masks()
    for name, faulty in gone.items():
        _, truth = photograph_with_truth(faulty, part, lies_straight)
        assert truth[masks[name]].mean() > 0.5, name
        assert not truth[np.any([mask for other, mask in masks.items() if other != name], axis=0)].any(), name


def test_the_masks_of_the_product_are_where_the_components_are_drawn() -> None:
    product = read_product("assembly")
    assert product.masks is not None
    found = {path.stem: cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in product.masks.glob("*.png")}
    drawn = component_masks()
    assert found.keys() == drawn.keys()
    assert all(np.array_equal(found[name] > 0, mask) for name, mask in drawn.items())


def test_good_parts_differ_by_more_than_a_missing_screw_changes() -> None:
    part, light = part_and_light(7)
    other, other_light = part_and_light(9)
    by_fault = difference(missing_screw(part, np.random.default_rng(1)), part, light)
    by_nature = np.abs(photograph(part, light).astype(np.int16) - photograph(other, other_light).astype(np.int16)).max(-1)
    assert by_nature.mean() > 10 * by_fault.mean()


def test_the_same_seed_renders_the_same_files_whatever_their_number(tmp_path: Path) -> None:
    written: dict[str, dict[str, bytes]] = {}
    for name, seed, good, bad in (("few", 1, 1, 1), ("more", 1, 2, 1), ("other", 2, 1, 0)):
        out = tmp_path / name
        assert main([str(out), "--seed", str(seed), "--good", str(good), "--bad", str(bad)]) == 0
        written[name] = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*.png")}
    few, more, other = written.values()

    assert few.keys() < more.keys()
    assert few.items() <= more.items()
    assert few["good/line-1/0000.png"] != other["good/line-1/0000.png"]
    assert sum(path.startswith("test/") for path in few) == 2 * len(FAULTS)
    folders = {path.rpartition("/")[0] for path in more}
    assert folders == {"good/line-1", "good/line-2", "test/good", "masks", *(f"{of}/{kind}" for of in ("test", "truth") for kind in FAULTS)}


def test_a_folder_that_is_there_already_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path)])
    assert ended.value.code == 2
    assert f"rendering into {tmp_path}: it is there already: name a folder that is not there" in capsys.readouterr().err


def test_pictures_are_wider_than_high_and_in_colour() -> None:
    picture = photograph(*part_and_light(2))
    assert picture.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert len({float(channel.mean()) for channel in np.moveaxis(picture, -1, 0)}) == 3
