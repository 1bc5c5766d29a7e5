"""Pictures of assembled parts, in the folders that a new user would have: `python -m export.products.assembly.render OUT`.

    OUT/good/line-1, line-2    good parts of two lines, which differ in their light
    OUT/test/good, OUT/test/*  parts for a test: good ones, and one folder for each kind of fault
    OUT/truth/*                where each faulty part differs from the same part without its fault
    OUT/masks                  where each component belongs
    OUT/overview.jpg           a good part of each line, and a part with each fault

The same seed gives the same pictures, whatever their number.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from export.products.assembly.drawing import SCALE, component_masks, draw
from export.products.assembly.part import FAULTS, HEIGHT_PX, WIDTH_PX, Part, good_part
from firmware_config.exit_codes import DONE

LINES = ("line-1", "line-2")
OVERVIEW_COLUMNS = 3
TRUTH_LEVELS = 2
"""Grey levels, of 255, by which a pixel without noise must differ to count as changed by a fault."""


@dataclass(frozen=True, slots=True)
class Light:
    """How a part is lit and taken.

    `shadow` px is the way of the shadow of a connector, `gain` and `tint` (BGR) multiply, `slope` is the loss of light across the picture
    (x, y), `turn` degrees and `move` px say how the part lies in its tray, `blur` px and `noise` are the camera's; `grains` is the noise's
    seed.
    """

    shadow: tuple[float, float]
    gain: float
    tint: tuple[float, float, float]
    slope: tuple[float, float]
    turn: float
    move: tuple[float, float]
    blur: float
    noise: float
    grains: int


def line_light(line: str, rng: np.random.Generator) -> Light:
    """The light of one picture of a line: line 1 is lit from the upper left, line 2 from the right, warmer, darker and less even."""
    first = line == LINES[0]
    shadow = rng.normal((3.0, 3.5), 0.4) if first else rng.normal((-5.0, 2.0), 0.5)
    tint = rng.normal((1.0, 1.0, 1.0), 0.02) if first else rng.normal((0.86, 0.97, 1.06), 0.02)
    slope = rng.normal((0.10, 0.08), 0.05) if first else rng.normal((-0.28, 0.05), 0.06)
    blue, green, red = map(float, tint)
    return Light(
        shadow=(float(shadow[0]), float(shadow[1])),
        gain=float(rng.normal(1.25, 0.07) if first else rng.normal(1.08, 0.08)),
        tint=(blue, green, red),
        slope=(float(slope[0]), float(slope[1])),
        turn=float(np.clip(rng.normal(0, 0.25), -0.6, 0.6)),
        move=(float(np.clip(rng.normal(0, 0.8), -2, 2)), float(np.clip(rng.normal(0, 0.8), -2, 2))),
        blur=float(rng.uniform(0.35, 0.75)),
        noise=float(rng.uniform(0.008, 0.018)),
        grains=int(rng.integers(2**31)),
    )


def photograph(part: Part, light: Light) -> NDArray[np.uint8]:
    """A picture of a part, uint8 (256, 320, 3) BGR."""
    return _taken(_exposed(part, light), light)


def photograph_with_truth(faulty: Part, good: Part, light: Light) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A picture of a faulty part, as `photograph`, and where it differs from the same part without its fault, bool (256, 320).

    Shadows count, noise does not.
    """
    with_fault, without = _exposed(faulty, light), _exposed(good, light)
    change = np.abs(_levels(with_fault).astype(np.int16) - _levels(without)).max(-1)
    return _taken(with_fault, light), np.asarray(change >= TRUTH_LEVELS, np.bool_)


def _taken(exposed: NDArray[np.float32], light: Light) -> NDArray[np.uint8]:
    """With the noise of the camera."""
    grains = np.random.default_rng(light.grains).standard_normal(exposed.shape, dtype=np.float32)
    noise = grains * np.float32(light.noise) * (0.4 + np.sqrt(exposed))
    return _levels(np.asarray(exposed + noise, np.float32))


def _exposed(part: Part, light: Light) -> NDArray[np.float32]:
    """The part as it lies in its tray, at the size of the picture, without noise."""
    canvas = draw(part, light.shadow)
    middle = ((WIDTH_PX * SCALE - 1) / 2, (HEIGHT_PX * SCALE - 1) / 2)
    turned = cv2.getRotationMatrix2D(middle, light.turn, 1.0)
    turned[:, 2] += np.array(light.move) * SCALE
    lying = cv2.warpAffine(canvas, turned, (WIDTH_PX * SCALE, HEIGHT_PX * SCALE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    small = cv2.GaussianBlur(cv2.resize(lying, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA), (0, 0), light.blur)
    yy, xx = np.mgrid[-0.5 : 0.5 : HEIGHT_PX * 1j, -0.5 : 0.5 : WIDTH_PX * 1j]
    even = 1 - light.slope[0] * xx - light.slope[1] * yy - 0.25 * (xx**2 + yy**2)
    return np.asarray(np.clip(small * even[:, :, None] * light.gain * np.array(light.tint), 0, 1), np.float32)


def _levels(exposed: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.round(np.clip(exposed, 0, 1) ** (1 / 1.5) * 255).astype(np.uint8)


def write_folders(out: Path, *, seed: int, good: int, bad: int) -> None:
    """Write the folders: `good` good pictures in two lines, `bad` pictures of each fault, as many good ones for the test as faulty ones."""
    for number in range(good):
        _write(out / f"good/{_line(number)}/{number // len(LINES):04}.png", good_picture(seed, 0, number))
    for number in range(bad * len(FAULTS)):
        _write(out / f"test/good/{_name(number)}", good_picture(seed, 1, number))
    for kind in FAULTS:
        for number in range(bad):
            picture, truth = faulty_picture(seed, kind, number)
            _write(out / f"test/{kind}/{_name(number)}", picture)
            _write(out / f"truth/{kind}/{_name(number)}", truth.astype(np.uint8) * 255)
    for name, mask in component_masks().items():
        _write(out / f"masks/{name}.png", mask.astype(np.uint8) * 255)
    _write(out / "overview.jpg", overview(seed))


def overview(seed: int) -> NDArray[np.uint8]:
    """The first good part of each line and the first part with each fault, three in a row, uint8 (H, W, 3) BGR."""
    shown = [good_picture(seed, 0, 0), good_picture(seed, 0, 1), *(faulty_picture(seed, kind, 0)[0] for kind in FAULTS)]
    rows = [np.hstack(shown[first : first + OVERVIEW_COLUMNS]) for first in range(0, len(shown), OVERVIEW_COLUMNS)]
    return np.vstack(rows)


def good_picture(seed: int, series: int, number: int) -> NDArray[np.uint8]:
    """The picture of a good part: series 0 teaches, series 1 tests."""
    rng = np.random.default_rng([seed, series, number])
    part = good_part(rng)
    return photograph(part, line_light(_line(number), rng))


def faulty_picture(seed: int, kind: str, number: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The picture of a part with a fault, and its truth."""
    rng = np.random.default_rng([seed, 2 + list(FAULTS).index(kind), number])
    part = good_part(rng)
    light = line_light(_line(number), rng)
    return photograph_with_truth(FAULTS[kind](part, rng), part, light)


def _line(number: int) -> str:
    """Parts come from the lines in turn."""
    return LINES[number % len(LINES)]


def _name(number: int) -> str:
    return f"{_line(number)}-{number // len(LINES):04}.png"


def _write(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and write the folders."""
    parser = argparse.ArgumentParser(
        prog="python -m export.products.assembly.render", description="Render pictures of an assembled part, good ones and faulty ones."
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="The folder to write; it must not be there yet.")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="The same seed gives the same pictures. Default: %(default)s.")
    parser.add_argument("--good", type=int, default=200, metavar="N", help="Good pictures to teach with. Default: %(default)s.")
    parser.add_argument("--bad", type=int, default=20, metavar="N", help="Test pictures of each kind of fault. Default: %(default)s.")
    options = parser.parse_args(arguments)
    if options.out.exists():
        parser.error(f"rendering into {options.out}: it is there already: name a folder that is not there")
    write_folders(options.out, seed=options.seed, good=options.good, bad=options.bad)
    print(f"{options.out}: {options.good} good pictures, {options.bad} of each of {len(FAULTS)} faults")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
