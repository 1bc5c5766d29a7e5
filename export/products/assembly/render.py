"""Pictures of assembled parts, in the folders that a new user would have: `python -m export.products.assembly.render OUT`.

    OUT/good/line-1, line-2    good parts of two lines, which differ in their light
    OUT/test/good, OUT/test/*  parts for a test: good ones, and one folder for each kind of fault
    OUT/truth/*                where each faulty part differs from the same part without its fault
    OUT/masks                  where each component belongs

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
        line = LINES[number % len(LINES)]
        rng = np.random.default_rng([seed, 0, number])
        _write(out / f"good/{line}/{number // len(LINES):04}.png", photograph(good_part(rng), line_light(line, rng)))
    for number in range(bad * len(FAULTS)):
        line = LINES[number % len(LINES)]
        rng = np.random.default_rng([seed, 1, number])
        _write(out / f"test/good/{line}-{number // len(LINES):04}.png", photograph(good_part(rng), line_light(line, rng)))
    for index, (kind, fault) in enumerate(FAULTS.items(), 2):
        for number in range(bad):
            line = LINES[number % len(LINES)]
            rng = np.random.default_rng([seed, index, number])
            part, light = good_part(rng), line_light(line, rng)
            faulty, name = fault(part, rng), f"{line}-{number // len(LINES):04}.png"
            picture, truth = photograph_with_truth(faulty, part, light)
            _write(out / f"test/{kind}/{name}", picture)
            _write(out / f"truth/{kind}/{name}", truth.astype(np.uint8) * 255)
    for name, mask in component_masks().items():
        _write(out / f"masks/{name}.png", mask.astype(np.uint8) * 255)


def _write(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


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
