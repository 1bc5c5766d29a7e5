"""Draw the contact sheet of the painters: `python -m export.painting.sheet OUT.png`, three draws of each with its name."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.demo.textiles import textile_paths
from export.painting.kinds import DEFECT_PAINTERS, HARMLESS_PAINTERS, USUAL_BRUSHES
from export.painting.render import render_cell
from export.painting.scene import Brush, Image

TILE_PX = 104
DRAWS = 3
PAINTERS_IN_A_ROW = 4
NAME_PX = 18
GAP_PX = 4
LEVELS = 48
"""So many greys: the sheet is for the eye, and a small file."""


def draw_sheet(woven: list[Image], *, tile_px: int, seed: int = 5) -> NDArray[np.uint8]:
    """Draw all painters, uint8 (H, W): those of texture on woven cloth, those of geometry on an assembled part, the others on a cell."""
    rng = np.random.default_rng(seed)
    blocks = []
    for title, painters in (("", DEFECT_PAINTERS), (" (good)", HARMLESS_PAINTERS)):
        for name, painter in painters.items():
            tiles = []
            for _ in range(DRAWS):
                picture, brush = _scene(name, woven, tile_px, rng)
                tiles.append(_shown(painter(picture, rng, brush).pixels))
            blocks.append(_block(name.replace("_", " ") + title, tiles))
    while len(blocks) % PAINTERS_IN_A_ROW:
        blocks.append(np.full_like(blocks[0], 255))
    rows = [np.hstack(blocks[at : at + PAINTERS_IN_A_ROW]) for at in range(0, len(blocks), PAINTERS_IN_A_ROW)]
    return np.vstack(rows)


def part_with_components(side_px: int, rng: np.random.Generator) -> tuple[Image, list[NDArray[np.bool_]]]:
    """Render an assembled part, float32 (side, side), and the masks of its six components."""
    part = np.full((side_px, side_px), 0.35, np.float32) + rng.normal(0, 0.015, (side_px, side_px)).astype(np.float32)
    masks = []
    for number in range(6):
        x, y = (0.22 + 0.28 * (number % 3)) * side_px, (0.32 + 0.38 * (number // 3)) * side_px
        form = np.zeros_like(part)
        half = np.array([0.07, 0.1 if number % 2 else 0.06]) * side_px
        low, high = (tuple(int(v) for v in np.array([x, y]) + half * sign) for sign in (-1, 1))
        if number == 4:
            cv2.circle(form, (int(x), int(y)), int(0.08 * side_px), 1.0, -1, cv2.LINE_AA)
        else:
            cv2.rectangle(form, low, high, 1.0, -1)
        part = part * (1 - form) + form * np.float32(rng.uniform(0.6, 0.8))
        cv2.line(part, (low[0] + 2, int(y)), (high[0] - 2, int(y)), 0.2, max(1, side_px // 70), cv2.LINE_AA)
        masks.append(form > 0.5)
    return part, masks


def _scene(name: str, woven: list[Image], tile_px: int, rng: np.random.Generator) -> tuple[Image, Brush]:
    brush = USUAL_BRUSHES[name]
    if name.endswith("_component"):
        part, masks = part_with_components(tile_px, rng)
        return part, replace(brush, masks=masks)
    if name.startswith(("patch_", "whole_")) or name.endswith("_thread"):
        cloth, other = (woven[int(at)] for at in rng.choice(len(woven), 2, replace=False))
        brush = replace(
            brush, others=[other], size=(0.3, 0.6) if name.startswith("patch_") else (1.5, 1.5), width=(0.02, 0.03)
        )  # to be seen
        return np.ascontiguousarray(cloth[:tile_px, :tile_px]), brush
    return render_cell(tile_px, rng), brush


def _block(name: str, tiles: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Three tiles under a name, uint8 (H, W), with a white border to the right and below."""
    row = np.hstack([np.hstack([tile, np.full((len(tile), 1), 255, np.uint8)]) for tile in tiles])
    head = np.full((NAME_PX, row.shape[1]), 255, np.uint8)
    cv2.putText(head, name, (1, NAME_PX - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.42, 0, 1, cv2.LINE_AA)
    return np.pad(np.vstack([head, row]), ((0, GAP_PX), (0, 3 * GAP_PX)), constant_values=255)


def _shown(pixels: Image) -> NDArray[np.uint8]:
    levels = np.round(np.clip(pixels, 0, 1) * (LEVELS - 1)) / (LEVELS - 1)
    return np.asarray(np.round(levels * 255), np.uint8)


def _woven_pictures(count: int = 12) -> list[Image]:
    files = textile_paths("nominal")[:count]
    return [np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), np.float32) / np.float32(255) for file in files]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="The picture to write, a .png file.")
    parser.add_argument("--tile-px", type=int, default=TILE_PX, help="The side of a picture in pixels, at most 250 (default %(default)s).")
    arguments = parser.parse_args()
    cv2.imwrite(str(arguments.out), draw_sheet(_woven_pictures(), tile_px=arguments.tile_px), [cv2.IMWRITE_PNG_COMPRESSION, 9])
