"""`python -m benchmarks.describe`: how fast an archive is described, alone and on Ray, and whether both give the same rows.

The pictures are the cells of ELPV, each with seeded variations (light, focus, noise, mirror), written as JPEG into WORK/cells; a run of a
module is a domain, and all variations of a cell are one block. Every step can be stopped and goes on.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import described_machine
from edge.demo.cells import Cell, load_cells
from edge.picture.decode import read_picture
from export.cli import main as kotoba_export
from export.texts.dataset import read
from firmware_config.write import write_atomic

FULL = 100_000
QUALITY = 90
"""Of JPEG: about 12 kB a picture."""


def main(arguments: list[str] | None = None) -> int:
    """Write the pictures, describe them as asked, print the rates and compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.describe", description=__doc__)
    parser.add_argument("--pictures", type=int, default=2_000, help=f"How many; {FULL} is the full size. Default: %(default)s.")
    parser.add_argument("--ways", nargs="+", choices=("one", "ray"), default=("one", "ray"), help="Default: both.")
    parser.add_argument("--ray", default="local", help="The address of the cluster. Default: %(default)s.")
    parser.add_argument("--work", type=Path, default=Path(".kotoba/describe"), help="Default: %(default)s.")
    parser.add_argument("--bundle", type=Path, default=Path(".kotoba/starter"))
    parser.add_argument("--keys", type=Path, default=Path(".kotoba/keys"))
    options = parser.parse_args(arguments)
    print(described_machine())
    table = write_pictures(options.work / "cells", options.pictures)
    outs = {way: options.work / f"{way}-{options.pictures}" for way in options.ways}
    for way, out in outs.items():
        more = ["--ray", options.ray] if way == "ray" else []
        started, fresh = time.perf_counter(), not out.exists()
        code = kotoba_export(
            ["describe", str(table), "--bundle", str(options.bundle), "--keys", str(options.keys), "--out", str(out), *more]
        )
        if code:
            return code
        took_s = time.perf_counter() - started
        if fresh:  # the rate of a run that went on would be flattered
            print(
                f"{way}: {took_s:.0f} s with loading the models and checking the files, {options.pictures / took_s:.1f} pictures a second"
            )
    return report(outs, options.pictures)


def write_pictures(folder: Path, count: int) -> Path:
    """The pictures, those that are there kept, and their table."""
    folder.mkdir(parents=True, exist_ok=True)
    cells = load_cells()
    lines = []
    for number in range(count):
        cell, variation = cells[number % len(cells)], number // len(cells)
        name = f"{cell.path.stem}-{variation:03}.jpg"
        if not (folder / name).exists():
            pixels = varied(read_picture(cell.path)[:, :, 0], seed=(cell.row, variation))
            write_atomic(folder / name, cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes())
        lines.append([name, label_of(cell), cell.material, "", cell.path.stem])
        if sys.stderr.isatty() and number % 100 == 0:
            print(f"\r\x1b[Kwrote {number} of {count} pictures", end="", file=sys.stderr, flush=True)
    table = folder / f"first-{count}.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([["path", "label", "domain", "split", "block"], *lines])
    return table


def label_of(cell: Cell) -> str:
    """The class of a cell."""
    return "defective" if cell.defective else "functional"


def varied(grey: NDArray[np.uint8], *, seed: tuple[int, int]) -> NDArray[np.uint8]:
    """A cell, uint8 (H, W), in another light, focus and place; variation 0 is the cell as it is."""
    if seed[1] == 0:
        return grey
    chance = np.random.default_rng(seed)
    blurred = np.asarray(cv2.GaussianBlur(grey, (0, 0), float(chance.uniform(0.2, 1.2))), np.float64)
    lit = 255 * (blurred / 255) ** chance.uniform(0.8, 1.25) * chance.uniform(0.8, 1.15)
    noisy = lit + chance.normal(0, chance.uniform(0.5, 4), lit.shape)
    return np.ascontiguousarray(np.rot90(noisy.clip(0, 255).astype(np.uint8), 2 * int(chance.integers(2))))


def report(outs: dict[str, Path], count: int) -> int:
    """Print whether each data set has every picture once, and whether they are the same files; 1 if not."""
    names = {way: sorted(path.name for path in out.iterdir()) for way, out in outs.items()}
    wrong = False
    for way, out in outs.items():
        dataset = read(out)
        distinct = len({row.source for row in dataset.rows()})
        size = sum(path.stat().st_size for path in out.iterdir()) / 1e6
        wrong |= not dataset.about.rows == distinct == count
        print(f"{way}: {dataset.about.rows} rows of {count} pictures, {distinct} distinct, {dataset.about.errors} errors, {size:.0f} MB")
    ways = list(outs)
    if len(ways) == 2:
        one, other = outs[ways[0]], outs[ways[1]]
        same = names[ways[0]] == names[ways[1]] and all((one / name).read_bytes() == (other / name).read_bytes() for name in names[ways[0]])
        print(f"all files the same, byte for byte: {'yes' if same else 'NO'}")
        wrong |= not same
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
