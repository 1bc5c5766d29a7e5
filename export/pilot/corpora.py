"""The labelled pictures of a pilot as all scorers see them, as they are and under changed conditions of capture."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from export.errors import BuildError
from export.evaluation.conditions import changed
from export.evaluation.corpus import Corpus
from export.findings.comparison import Condition
from export.pilot.features import features_of, none_of
from export.pilot.judged import judged, linear_station
from export.pilot.material import SHARD_ROWS, Material, Opened
from export.pilot.pictures import Files
from export.pilot.place import WORK
from export.progress import Report
from export.texts.describe import Job, describe
from export.texts.one_process import OneProcess
from export.texts.picture import Picture
from export.texts.row import Row
from export.texts.sources import Pictures, TextsSpec
from firmware_config.digest import digest_of_values
from firmware_config.write import write_atomic

SEED = 2_041
"""Draws the pictures that are changed, and how each is changed."""


def corpus_of(material: Material, out: Path, *, report: Report) -> Corpus:
    """The labelled pictures as they are."""
    return _corpus(material.opened, material.labelled, material.files, out / WORK, report=report)


def changed_corpora(material: Material, targets: Sequence[str], out: Path, *, report: Report) -> dict[Condition, Corpus]:
    """The pictures of the domains `targets` under each condition, at most as many as the specification says, described anew.

    Whole blocks are drawn. Each picture is changed with a seed of its own. The changed pictures lie below the folder of the pilot.

    Raises:
        SpecError: a level is beyond what a condition can be.
        BuildError: a picture cannot be written.
    """
    protocols, opened = material.opened.spec.protocols, material.opened
    assert material.files is not None  # noqa: S101 -- only called with pictures
    rows = drawn_blocks([row for row in material.labelled if row.domain in targets], protocols.condition_pictures)
    corpora = {}
    for condition in protocols.changes:
        name = f"{condition.kind}-{condition.level:g}"
        folder = out / WORK / "conditions" / name
        pictures = [write_changed(row, material.files, condition, folder / "pictures") for row in rows]
        about = TextsSpec(name=name, pictures=(Pictures(folder=Path("pictures")),))
        job = Job(spec=about, pictures=pictures, used=opened.used, shard_rows=SHARD_ROWS)
        texts = describe(job, folder / f"texts-{_drawn(rows)}", workers=OneProcess(opened.recipe), report=report)
        readable = tuple(row for row in texts.rows() if row.error is None)
        corpora[condition] = _corpus(opened, readable, Files.of(pictures, opened.box.station), out / WORK, report=report)
    return corpora


def drawn_blocks(rows: Sequence[Row], most: int) -> list[Row]:
    """Rows of whole blocks in a random order of the blocks until the next one would be too many, in the order of the rows."""
    blocks = sorted({row.block for row in rows})
    sizes = dict.fromkeys(blocks, 0)
    for row in rows:
        sizes[row.block] += 1
    chosen: set[str] = set()
    count = 0
    for number in np.random.default_rng(SEED).permutation(len(blocks)):
        block = blocks[number]
        if count + sizes[block] <= most or not chosen:
            chosen.add(block)
            count += sizes[block]
    return [row for row in rows if row.block in chosen]


def _corpus(opened: Opened, rows: Sequence[Row], files: Files | None, work: Path, *, report: Report) -> Corpus:
    words = tuple(row.words for row in rows)
    models = {"bundle": opened.box.bundle, "board": opened.box.board, "cache": work / "features", "report": report}
    features = none_of(len(rows)) if files is None else features_of(rows, files, **models)  # type: ignore[arg-type]
    linear = linear_station(opened.box.bundle, opened.box.station)
    box, by_linear = (
        None
        if station is None
        else judged(words, bundle=opened.box.bundle, board=opened.box.board, station=station, cache=work / "judged", report=report)
        for station in (opened.box.station, linear)
    )
    assert box is not None  # noqa: S101 -- there is always a station
    return Corpus(
        rows=tuple(rows),
        bad=np.array([opened.labelling.is_bad(row.label or "") for row in rows], np.bool_),
        domains=tuple(row.domain for row in rows),
        blocks=tuple(row.block for row in rows),
        splits=tuple(row.split for row in rows),
        words=words,
        vision=features.vision,
        imagenet=features.imagenet,
        measures=features.measures,
        pixels=features.pixels,
        box=box,
        labels=opened.box.station.labels,
        linear_box=by_linear,
        patches=features.patches,
    )


def _drawn(rows: Sequence[Row]) -> str:
    """Digits of the pictures that were drawn: other ones are described into another folder."""
    return digest_of_values([(row.source, row.id, row.label, row.domain, row.split, row.block) for row in rows])[-16:]


def write_changed(row: Row, files: Files, condition: Condition, folder: Path) -> Picture:
    """The changed picture of a row as a PNG; one that is there already is not made again."""
    seed = int(hashlib.sha256(f"{SEED} {row.id}".encode()).hexdigest()[:8], 16)
    path = folder / f"{hashlib.sha256(f'{row.source} {row.id}'.encode()).hexdigest()[:24]}.png"
    try:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            encoded = cv2.imencode(".png", changed(files.frame(row), condition, seed=seed))[1]
            write_atomic(path, encoded.tobytes())
    except OSError as err:
        msg = f"{path} cannot be written ({err.strerror}): make room, or give another folder as --out"
        raise BuildError(msg) from err
    return Picture(path, row.source, row.label, row.domain, row.split, row.block)
