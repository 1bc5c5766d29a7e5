"""What a pilot works on: the bundle with its station, the pictures if there are any, and the words that the box says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.bundle.open import open_trusted_bundle
from export.chapters.box import Box, open_box
from export.errors import SpecError
from export.evaluation.conditions import require_possible
from export.findings.findings import Domain
from export.pilot.labels import Labelling, domains_of, groups_of, labelling, require_groups
from export.pilot.pictures import Files
from export.pilot.spec import PilotSpec
from export.progress import Report
from export.texts.checks import require_sound
from export.texts.dataset import Dataset, TextDataset, read
from export.texts.describe import Job, describe
from export.texts.describer import Recipe, Used, used_by
from export.texts.one_process import OneProcess
from export.texts.picture import Picture
from export.texts.row import Row
from export.texts.sources import TextsSpec, read_sources
from firmware_config.board import read_board
from firmware_config.station_template import template_path

TEXTS = "texts"
"""The folder of the text data set below that of the pilot."""
SHARD_ROWS = 100


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """The specification with everything that it names, checked; nothing is described yet.

    `pictures` is None where words were given. `labels` counts are not known before the words are there, only which labels there are.
    """

    spec: PilotSpec
    recipe: Recipe
    used: Used
    box: Box
    sources: TextsSpec | None
    pictures: Sequence[Picture] | None
    texts: TextDataset | None
    labelling: Labelling
    groups: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """A pilot whose pictures are described. `labelled` are the rows with a label and with words, in their order."""

    opened: Opened
    about: Dataset
    labelled: tuple[Row, ...]
    domains: tuple[Domain, ...]
    files: Files | None

    @property
    def bad(self) -> tuple[bool, ...]:
        """Whether the picture of each labelled row is of a defective part."""
        return tuple(self.opened.labelling.is_bad(row.label or "") for row in self.labelled)


def open_material(spec: PilotSpec) -> Opened:
    """Open what a specification names, and check it.

    Raises:
        SpecError, ConfigError, EdgeError: something is not there, not to be trusted or wrong.
    """
    for condition in spec.protocols.changes if "conditions" in spec.protocols.run else ():
        require_possible(condition)
    use = spec.bundle
    bundle = open_trusted_bundle(use.bundle, keys=use.keys)
    box = open_box(bundle, station=use.station, board=read_board(use.board))
    station = bundle.root / (template_path(bundle.manifest) or "") if use.station is None else use.station
    recipe = Recipe(bundle=use.bundle, keys=use.keys, station=station, board=use.board)
    used = used_by(recipe)
    sources, pictures, texts = None, None, None
    if spec.data.pictures is not None:
        sources, pictures = read_sources(spec.data.pictures)
        require_sound(pictures, labels=None)
        labels = {picture.label for picture in pictures if picture.label is not None}
        domains = {picture.domain for picture in pictures}
        require_groups(spec.data, {picture.domain for picture in pictures if picture.label is not None})
    else:
        assert spec.data.texts is not None  # noqa: S101 -- the model has looked
        texts = read(spec.data.texts)
        _require_same_words(texts, used)
        labels, domains = set(texts.about.labels), set(texts.about.domains)
    return Opened(
        spec=spec,
        recipe=recipe,
        used=used,
        box=box,
        sources=sources,
        pictures=pictures,
        texts=texts,
        labelling=labelling(spec.data, labels, box.station.labels),
        groups=groups_of(spec.data, domains),
    )


def _require_same_words(texts: TextDataset, used: Used) -> None:
    digests = texts.about.digests
    if (digests.models, digests.describing) != (used.models, used.describing):
        msg = (
            f"the texts {texts.folder} were described by bundle {texts.about.bundle_name} and station {texts.about.station_name}, and the "
            f"pilot tries {used.bundle_name} and {used.station_name}, which describe otherwise: describe the pictures with these"
        )
        raise SpecError(msg)


def described(opened: Opened, out: Path, *, report: Report) -> Material:
    """Describe the pictures into the folder of the pilot, or go on where that was stopped; texts that were given are taken as they are.

    Raises:
        TextsError: as of `export.texts.describe.describe`.
        SpecError: a picture was changed since it was described, or a group has no picture that could be described.
        ExportError, ConfigError, EdgeError: the models cannot be loaded.
    """
    texts = opened.texts
    if texts is None:
        assert opened.sources is not None and opened.pictures is not None  # noqa: S101, PT018 -- opened with pictures
        job = Job(spec=opened.sources, pictures=opened.pictures, used=opened.used, shard_rows=SHARD_ROWS)
        texts = describe(job, out / TEXTS, workers=OneProcess(opened.recipe), report=report)
    rows = tuple(texts.rows())
    labelled = tuple(row for row in rows if row.label is not None and row.error is None)
    require_groups(opened.spec.data, {row.domain for row in labelled})
    files = None if opened.pictures is None else Files.of(opened.pictures, opened.box.station)
    if files is not None:
        files.require_unchanged(labelled)
    return Material(
        opened=opened,
        about=texts.about,
        labelled=labelled,
        domains=domains_of(rows, opened.labelling, seen=opened.spec.data.seen),
        files=files,
    )
