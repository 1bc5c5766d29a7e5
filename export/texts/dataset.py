"""A text data set on disk: dataset.json, its shards and its card; reading one checks every digest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from export.findings.remark import Remark
from export.texts.errors import TextsError
from export.texts.row import Row
from export.texts.shard import MAX_SHARD_BYTES, Shard, is_whole
from firmware_config.errors import first_mistake
from firmware_config.regular_file import read_limited
from firmware_config.strict import STRICT

SCHEMA: Literal["kotoba.texts/1"] = "kotoba.texts/1"
DATASET, CARD = "dataset.json", "card.md"
MAX_DATASET_BYTES = 64_000_000


class Digests(BaseModel):
    """What the words came from, each `sha256:`: the signed bundle, its models, the station file, its describing with the memory."""

    model_config = STRICT
    bundle: str
    models: str
    station: str
    describing: str


class Dataset(BaseModel):
    """dataset.json. Counts are of rows; `sources` digests the list of pictures (name, label, domain, split, block, size)."""

    model_config = STRICT
    schema_: Literal["kotoba.texts/1"] = Field(alias="schema")
    name: str
    about: str
    bundle_name: str
    station_name: str
    board: str
    digests: Digests
    sources: str
    columns: tuple[str, ...]
    rows: int
    errors: int
    labels: dict[str, int]
    domains: dict[str, int]
    splits: dict[str, int]
    unlabelled: int
    blocks: int
    remarks: tuple[Remark, ...]
    shard_rows: int
    shards: tuple[Shard, ...]


@dataclass(frozen=True, slots=True)
class TextDataset:
    """A text data set whose files are all there and whole."""

    folder: Path
    about: Dataset

    def rows(self) -> Iterator[Row]:
        """All rows in their order; see `rows_of`."""
        return rows_of(self.folder, self.about.shards)


def rows_of(folder: Path, shards: Sequence[Shard]) -> Iterator[Row]:
    """The rows of shards in their order, one shard in memory at a time.

    Raises:
        TextsError: a file cannot be read, or a line is no row.
    """
    for shard in shards:
        path = folder / shard.jsonl_name
        try:
            lines = read_limited(path, MAX_SHARD_BYTES).splitlines()
        except OSError as err:
            raise _unreadable(path, err) from err
        for number, line in enumerate(lines, 1):
            try:
                yield Row.model_validate_json(line, strict=True)
            except ValidationError as err:
                msg = f"reading {path}, line {number}: {first_mistake(err, Row)}: describe the pictures again"
                raise TextsError(msg) from err


def read(folder: Path) -> TextDataset:
    """Read a text data set, and check that its files are what it says.

    Raises:
        TextsError: it is none, is not finished, or a file is missing or changed.
    """
    path = folder / DATASET
    try:
        about = Dataset.model_validate_json(read_limited(path, MAX_DATASET_BYTES), strict=True)
    except FileNotFoundError as err:
        msg = f"reading the text data set {folder}: it has no {DATASET}: give a folder that `kotoba-export describe` has finished"
        raise TextsError(msg) from err
    except OSError as err:
        raise _unreadable(path, err) from err
    except ValidationError as err:
        msg = f"reading {path}: {first_mistake(err, Dataset)}: describe the pictures again"
        raise TextsError(msg) from err
    for shard in about.shards:
        try:
            whole = is_whole(folder, shard)
        except OSError as err:
            raise _unreadable(Path(err.filename or folder), err) from err
        if not whole:
            msg = f"reading the text data set {folder}: {shard.jsonl_name} or {shard.parquet_name} was changed: describe the pictures again"
            raise TextsError(msg)
    return TextDataset(folder, about)


def _unreadable(path: Path, err: OSError) -> TextsError:
    return TextsError(f"reading {path}: {err.strerror}: look at the folder, or describe the pictures again")
