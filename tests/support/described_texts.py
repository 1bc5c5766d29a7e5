"""Text data sets made by scripted workers: no model, the shards, the resuming and the files are real."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge.errors import DescribeError
from edge.records import Description, Measured, Struck, Tag, Words
from export.texts.describe import Batches, Job
from export.texts.describer import Used
from export.texts.pace import Pace
from export.texts.picture import Picture
from export.texts.row import Row, failed_row, row_of
from export.texts.sources import read_sources

USED = Used(
    bundle="sha256:b",
    bundle_name="tiny",
    models="sha256:m",
    describing="sha256:d",
    station="sha256:s",
    station_name="cell",
    labels=("intact", "crack"),
    board="cpu",
)


def write_tree(root: Path, *, count: int = 4, domains: Sequence[str] = ("line1", "line2")) -> Path:
    """A tree of `count` files for each domain and class; their bytes differ."""
    for domain in domains:
        for label in ("intact", "crack"):
            folder = root / domain / label
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{number:03}.png").write_bytes(f"{domain} {label} {number}".encode())
    return root


def job(pictures: Path, *, shard_rows: int = 3, used: Used = USED) -> Job:
    spec, found = read_sources(pictures)
    return Job(spec=spec, pictures=found, used=used, shard_rows=shard_rows)


class ScriptedWorkers:
    """Says one thing of each file; files that hold "broken" are unreadable. Fails when it is asked for the shard `fails_at`."""

    def __init__(self, *, fails_at: int | None = None, backwards: bool = False) -> None:
        self.fails_at = fails_at
        self.backwards = backwards
        self.described: list[str] = []

    def describe(self, shards: Batches, described: Pace) -> Iterator[tuple[int, Sequence[Row]]]:
        for number in sorted(shards, reverse=self.backwards):
            if number == self.fails_at:
                msg = "the power is cut"
                raise DescribeError(msg)
            rows = [row(picture) for picture in shards[number]]
            self.described += [one.source for one in rows]
            described.add(len(rows))
            yield number, rows


def row(picture: Picture) -> Row:
    raw = picture.path.read_bytes()
    identity = hashlib.sha256(raw).hexdigest()
    if b"broken" in raw:
        return failed_row(picture, "it is broken", identity=identity, models_digest=USED.models, describe_digest=USED.describing)
    words = Words(
        (Tag("crack", 0.31), Tag("亀裂", 0.2)), (Tag("a thin line", 0.1),), (f"a cell, {picture.source}",), (Measured("darker", 3.5),)
    )
    return row_of(
        picture,
        Description(words, struck=(Struck("tag", "dog"),)),
        identity=identity,
        size=(300, 200),
        looks_for_text=True,
        models_digest=USED.models,
        describe_digest=USED.describing,
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
