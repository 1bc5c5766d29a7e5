"""The pictures of the study, grey uint8 (H, W): made from cells, rendered by seed, or taken from installed packages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.demo.textiles import textile_paths
from edge.familiarity.empty_scenes import SCENES
from edge.picture.decode import read_picture
from export.starter.cells import Cell

Grey = NDArray[np.uint8]
Sets = dict[str, list[Grey]]

SEED = 2041
SIDE_PX = 300
EMPTY_OF_A_KIND, STATIC, TEXTILES, OBJECTS, TURNED, DEFECTIVE = 60, 200, 500, 200, 200, 60


def no_parts() -> Sets:
    """Pictures without a cell: empty scenes, noise, woven textile, photographs and rendered objects.

    Raises:
        EdgeError: the package of the textile pictures is not installed.
    """
    rng = np.random.default_rng(SEED)
    sets = {}
    for name, render in SCENES.items():
        count = STATIC if name == "static" else EMPTY_OF_A_KIND
        sets[name] = [_clipped(render(SIDE_PX, SIDE_PX, rng)) for _ in range(count)]
    sets["woven textile"] = list(_textiles(rng))
    sets["photographs"] = list(_photographs(rng, OBJECTS // 2))
    sets["rendered objects"] = [_rendered_object(rng) for _ in range(OBJECTS // 2)]
    return sets


def changed_cells(cells: Sequence[Cell]) -> Sets:
    """Certainly defective cells under other contrast, light and focus, and any cells turned, mirrored or cut in half."""
    rng = np.random.default_rng(SEED)
    certain = [cell for cell in cells if cell.probability == 1.0]
    defective = [read_grey(certain[i]) for i in np.sort(rng.choice(len(certain), DEFECTIVE, replace=False))]
    some = [read_grey(cells[i]) for i in np.sort(rng.choice(len(cells), TURNED, replace=False))]
    changes: dict[str, Callable[[Grey], Grey]] = {"defective, as they are": lambda grey: grey}
    changes |= {f"defective, contrast x {factor}": partial(_contrast, factor=factor) for factor in (0.15, 0.25, 0.35, 0.5)}
    changes |= {f"defective, blurred by {sigma} px": partial(_blurred, sigma=sigma) for sigma in (2, 4, 8)}
    changes |= {f"defective, light x {factor}": partial(_light, factor=factor) for factor in (1.5, 2.5, 4, 0.5, 0.25, 0.0625)}
    sets = {name: [change(grey) for grey in defective] for name, change in changes.items()}
    sets["cells turned by 90 degrees"] = [np.ascontiguousarray(np.rot90(grey)) for grey in some]
    sets["cells mirrored"] = [np.ascontiguousarray(grey[:, ::-1]) for grey in some]
    sets["left halves of cells"] = [np.ascontiguousarray(grey[:, : SIDE_PX // 2]) for grey in some]
    return sets


def read_grey(cell: Cell) -> Grey:
    """The picture of a cell."""
    return _read(cell.path)


def _read(path: Path) -> Grey:
    """A grey picture, by the box's decoder."""
    return np.ascontiguousarray(read_picture(path)[:, :, 0])


def _clipped(values: NDArray[np.floating]) -> Grey:
    return np.clip(values, 0, 255).astype(np.uint8)


def _contrast(grey: Grey, *, factor: float) -> Grey:
    mean = float(grey.mean())
    return _clipped((grey - mean) * factor + mean)


def _blurred(grey: Grey, *, sigma: float) -> Grey:
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma), np.uint8)


def _light(grey: Grey, *, factor: float) -> Grey:
    return _clipped(grey * factor)


def _textiles(rng: np.random.Generator) -> Iterator[Grey]:
    paths = textile_paths()
    for i in np.sort(rng.choice(len(paths), TEXTILES, replace=False)):
        yield _read(paths[i])


def _photographs(rng: np.random.Generator, count: int) -> Iterator[Grey]:
    """Squares of the two photographs that scikit-learn brings, at random places and scales."""
    from sklearn.datasets import load_sample_images

    photographs = [cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY) for photograph in load_sample_images().images]
    for _ in range(count):
        photograph = photographs[int(rng.integers(len(photographs)))]
        side = int(rng.uniform(0.3, 1) * min(photograph.shape))
        top, left = (int(rng.integers(length - side + 1)) for length in photograph.shape)
        square = photograph[top : top + side, left : left + side]
        yield np.asarray(cv2.resize(square, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8)


def _rendered_object(rng: np.random.Generator) -> Grey:
    """Bright or dark discs, boxes and rings on a noisy ground: screws, washers and parts of other lines."""
    scene = np.full((SIDE_PX, SIDE_PX), float(rng.uniform(30, 220)), np.float32)
    for _ in range(int(rng.integers(1, 7))):
        level, kind = float(rng.uniform(0, 255)), int(rng.integers(3))
        x, y, size = (int(value) for value in rng.integers((20, 20, 15), (280, 280, 110)))
        if kind == 0:
            cv2.circle(scene, (x, y), size, level, -1, cv2.LINE_AA)
        elif kind == 1:
            box = cv2.boxPoints(((x, y), (size, int(rng.integers(10, 110))), float(rng.uniform(0, 90))))
            cv2.fillPoly(scene, [box.astype(np.int32)], level, cv2.LINE_AA)
        else:
            cv2.circle(scene, (x, y), size, level, max(3, size // 4), cv2.LINE_AA)
    return _clipped(scene + rng.normal(0, rng.uniform(1, 6), scene.shape))
