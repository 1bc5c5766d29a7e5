"""Woven textile as a pilot: the simulated pictures of conformal-clip-data, which know one camera, seen by three cameras more.

loom-1 is the pictures as they are: others of them taught the woven bundle. The cameras of the other looms are simulated here, within the
limits of the bundle's station: a darker tone curve, a softer lens, more light and noise. No picture is in two domains, and none taught
or was looked at while the recipe was made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.demo.textiles import textile_paths
from edge.picture.decode import read_picture
from export.painting.conditions import Conditions, capture
from export.starter.pilot_picture import TRAIN, VALIDATION, PilotPicture, linked, write_picture

TAKEN = Conditions(gain=(1, 1), gamma=(1, 1), blurred_share=0, noise=(0, 0), flips="none", moved_share=0)
CAMERAS: Mapping[str, Conditions | None] = {
    "loom-1": None,
    "loom-2-dark": replace(TAKEN, gamma=(1.25, 1.40)),
    "loom-3-soft": replace(TAKEN, blurred_share=1.0, blur_px=(0.4, 0.5)),
    "loom-4-noisy": replace(TAKEN, gain=(1.05, 1.20), noise=(0.03, 0.05)),
}
"""By domain, what its camera makes of a picture; None leaves it as it is."""
LABELS = {"nominal": "good", "local": "local", "global": "global"}
FIRST, COUNT = {"nominal": 200, "local": 100, "global": 100}, {"nominal": 150, "local": 50, "global": 50}
"""By kind: the first picture that a pilot may take, and how many of each domain."""
BLOCK_PICTURES = 10
VALIDATION_SHARE = 0.4


def textile(seed: int) -> Iterator[PilotPicture]:
    """1,000 pictures, 250 of each domain.

    Raises:
        EdgeError: the package of the textile is not installed.
    """
    kinds = {kind: textile_paths(kind) for kind in LABELS}
    for place, domain in enumerate(CAMERAS):
        for kind, paths in kinds.items():
            first = FIRST[kind] + place * COUNT[kind]
            for number, path in enumerate(paths[first : first + COUNT[kind]]):
                yield _picture(domain, kind, path, seed=(seed, first + number), done=number / COUNT[kind])


def _picture(domain: str, kind: str, path: Path, *, seed: tuple[int, int], done: float) -> PilotPicture:
    camera = CAMERAS[domain]
    split = None if camera is not None else TRAIN if done < 1 - VALIDATION_SHARE else VALIDATION

    def write(target: Path) -> None:
        rng = np.random.default_rng([*seed, list(LABELS).index(kind)])
        assert camera is not None  # noqa: S101 -- else it is linked
        grey = np.asarray(read_picture(path)[:, :, 0] / np.float32(255), np.float32)
        write_picture(target, capture(grey, rng, camera))

    suffix = path.suffix if camera is None else ".png"
    return PilotPicture(
        f"pictures/{domain}/{kind}/{path.stem}{suffix}",
        LABELS[kind],
        domain,
        f"{domain}/{kind}/{seed[1] // BLOCK_PICTURES:03}",
        split,
        linked(path) if camera is None else write,
    )
