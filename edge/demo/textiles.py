"""Woven textile: simulated pictures of the package conformal-clip-data (MIT), found without importing it and never copied here."""

from __future__ import annotations

from pathlib import Path

from edge.demo.sample_data import data_folder

TEACHING = range(200)
"""The nominal pictures, in the order of their names, that teach the woven bundle."""
SHOWN_NOMINAL, SHOWN_DEFECTIVE = range(600, 1_000), range(100)
"""The nominal pictures, and those of each kind of defect, that the demo draws from: the woven bundle learned from none of them."""


def textile_paths(kind: str = "*") -> tuple[Path, ...]:
    """The pictures of a kind, sorted: "nominal" (1,000), "local" or "global" (500 defective ones each), or all.

    Raises:
        EdgeError: the package is not installed.
    """
    data = data_folder("conformal_clip_data", of="the pictures of textile come from the package conformal-clip-data")
    return tuple(sorted((data / "textile_images/simulated").glob(f"{kind}/*.jpg")))
