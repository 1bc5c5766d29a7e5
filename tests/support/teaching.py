"""A specification of `kotoba-export teach` with a small product and pictures that are drawn."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

SIDE = 64
FEWEST_GOOD = 20
"""The fewest good pictures that teaching takes."""

PRODUCT = f"""
name = "bolt"
ja = "ボルト"
part = {{ text = "bolt", ja = "ボルト" }}
side_px = {SIDE}

[[defects]]
name = "scratch"
ja = "傷"
painter = "scratch"

[[defects]]
name = "stain"
ja = "汚れ"
painter = "blob"
"""

SPEC = """
name = "bolts"
version = 1
product = "bolt"

[pictures]
good = ["good"]

[[licences]]
files = ["*"]
licence = "Apache-2.0"
origin = "made in a test"
"""

LABELS = """
[[labels]]
name = "good"
decision = "ok"

[[labels]]
name = "scratch"
decision = "ng"

[[labels]]
name = "stain"
decision = "ng"
"""


def write_pictures(folder: Path, count: int, *, side: int = SIDE, seed: int = 0) -> None:
    """Write `count` pictures of noise, each another one; a seed writes the same ones again."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        assert cv2.imwrite(str(folder / f"{number:03}.png"), rng.integers(60, 200, (side, side), np.uint8))


def write_teaching(folder: Path, *, spec: str = SPEC, product: str = PRODUCT) -> Path:
    """Write the specification, its product and 20 good pictures; returns the path of the specification."""
    (folder / "bolt").mkdir(parents=True)
    (folder / "bolt/product.toml").write_text(product, encoding="utf-8")
    write_pictures(folder / "good", FEWEST_GOOD)
    (folder / "bolts.toml").write_text(spec, encoding="utf-8")
    return folder / "bolts.toml"
