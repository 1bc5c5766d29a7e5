"""Descriptions by the finished describer: of painted samples, which tune the judge, and of real cells, which set its temperature.

No real defect tunes the judge (docs/decisions/0007 says why). The painted samples show good real cells, varied, most with grain; half of
them have painted defects.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge.interfaces import Describer
from edge.picture.decode import read_picture
from edge.records import Frame, Pixels
from export.painting.grain import make_grain
from export.painting.ground_truth import KINDS
from export.starter.cells import Cell, validation_cells
from export.starter.sample import SIZE_PX, Sampler, good_cells
from firmware_config.write import write_atomic

OK_LABEL = "functional"
LABELS = (OK_LABEL, *KINDS[1:])


def write_descriptions(describer: Describer, folder: Path, *, painted: int, seed: int) -> None:
    """Write train.jsonl (painted samples) and validation.jsonl (the source validation cells), each only when it is complete.

    A line has `source`, `description` and `allowed`, the labels that are right. For a real defective cell these are all labels of defects.

    Raises:
        PictureError: a cell cannot be read.
        EdgeError: a picture cannot be described.
    """
    lines = []
    for pixels, kind, source in tqdm(_painted(painted, seed), total=painted, desc="describing painted samples", mininterval=10):
        lines.append(_line(describer, pixels, source, [OK_LABEL if kind == KINDS[0] else kind]))
    write_atomic(folder / "train.jsonl", "".join(lines).encode())
    cells = tqdm(validation_cells(), desc="describing validation cells", mininterval=10)
    write_atomic(folder / "validation.jsonl", "".join(_real(describer, cell) for cell in cells).encode())


def _painted(count: int, seed: int) -> Iterator[tuple[Pixels, str, str]]:
    rng = np.random.default_rng(seed)
    sampler = Sampler(good_cells(), make_grain(48, SIZE_PX, rng), rng)
    for index in range(count):
        sample = sampler.draw()
        yield np.repeat(sample.pixels[:, :, None], 3, axis=2), sample.ground_truth.kind, f"painted-{seed}-{index}"


def _real(describer: Describer, cell: Cell) -> str:
    allowed = list(LABELS[1:]) if cell.defective else [OK_LABEL]
    return _line(describer, read_picture(cell.path), cell.path.name, allowed)


def _line(describer: Describer, pixels: Pixels, source: str, allowed: list[str]) -> str:
    frame = Frame(pixels, datetime.now(timezone.utc), 0, "starter", 0, source)
    words = describer.describe(frame).words
    record = {
        "source": source,
        "description": {
            "tags": [tag.word for tag in words.tags],
            "attributes": [tag.word for tag in words.attributes],
            "captions": list(words.captions),
        },
        "allowed": allowed,
    }
    return json.dumps(record) + "\n"
