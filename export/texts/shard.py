"""Shards: rows as Parquet and as JSON lines, and the record of a finished shard, which is written last.

A shard without its record does not exist. The record holds the digests of both files, so that a torn or changed one is made again.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, ValidationError

from export.texts.row import Row
from firmware_config.regular_file import read_limited, read_regular
from firmware_config.strict import STRICT
from firmware_config.write import write_atomic

if TYPE_CHECKING:
    import pyarrow as pa

MAX_RECORD_BYTES, MAX_SHARD_BYTES = 100_000, 2_000_000_000


class Shard(BaseModel):
    """The record of a finished shard: its number from 0, its rows, how many of them have an error, the sha256 of its two files."""

    model_config = STRICT
    number: int = Field(ge=0)
    rows: int = Field(ge=1)
    errors: int = Field(ge=0)
    parquet: str
    jsonl: str

    @property
    def parquet_name(self) -> str:
        """The name of the Parquet file."""
        return shard_names(self.number)[0]

    @property
    def jsonl_name(self) -> str:
        """The name of the file of JSON lines."""
        return shard_names(self.number)[1]


def shard_names(number: int) -> tuple[str, str]:
    """The names of the two files of a shard."""
    return f"data-{number:05}.parquet", f"data-{number:05}.jsonl"


def write_shard(folder: Path, records: Path, number: int, rows: Sequence[Row]) -> Shard:
    """Write the two files of a shard, then its record. Killed in between, the shard does not exist. The same rows give the same bytes.

    Raises:
        OSError: they cannot be written.
    """
    contents = parquet_of(rows), jsonl_of(rows)
    for name, content in zip(shard_names(number), contents, strict=True):
        write_atomic(folder / name, content)
    errors = sum(row.error is not None for row in rows)
    parquet, jsonl = map(_digest, contents)
    shard = Shard(number=number, rows=len(rows), errors=errors, parquet=parquet, jsonl=jsonl)
    write_atomic(_record(records, number), shard.model_dump_json().encode() + b"\n")
    return shard


def finished_shard(folder: Path, records: Path, number: int, rows: int) -> Shard | None:
    """The record of a shard that is there, whole; None if it has to be made."""
    try:
        shard = Shard.model_validate_json(read_limited(_record(records, number), MAX_RECORD_BYTES))
        sound = shard.number == number and shard.rows == rows and is_whole(folder, shard)
    except (OSError, ValidationError):
        return None
    return shard if sound else None


def is_whole(folder: Path, shard: Shard) -> bool:
    """Whether both files are those that the record says.

    Raises:
        OSError: one cannot be read.
    """
    digests = (_digest(read_regular(folder / name, MAX_SHARD_BYTES)) for name in shard_names(shard.number))
    return tuple(digests) == (shard.parquet, shard.jsonl)


def jsonl_of(rows: Sequence[Row]) -> bytes:
    """One line of JSON for each row, UTF-8."""
    lines = (json.dumps(row.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
    return "".join(lines).encode()


def parquet_of(rows: Sequence[Row]) -> bytes:
    """The rows as Parquet, compressed by zstd; a word and its score are a struct."""
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.Table.from_pylist([_values(row) for row in rows], schema=_schema())
    out = io.BytesIO()
    parquet.write_table(table, out, compression="zstd", version="2.6", row_group_size=max(1, len(rows)))
    return out.getvalue()


def _values(row: Row) -> dict[str, Any]:
    values = row.model_dump(mode="python")
    for column in ("tags", "attributes", "measures"):
        values[column] = [{"word": word, "score": score} for word, score in values[column]]
    values["struck"] = [{"where": where, "text": text} for where, text in values["struck"]]
    return values


def _schema() -> pa.Schema:
    import pyarrow as pa

    text, scored = pa.string(), pa.list_(pa.struct([("word", pa.string()), ("score", pa.float64())]))
    kinds: dict[str, pa.DataType] = {
        "tags": scored,
        "attributes": scored,
        "measures": scored,
        "captions": pa.list_(text),
        "struck": pa.list_(pa.struct([("where", text), ("text", text)])),
        "printed_text": pa.bool_(),
        "familiarity": pa.float64(),
        "width": pa.int32(),
        "height": pa.int32(),
    }
    return pa.schema([(name, kinds.get(name, text)) for name in Row.model_fields])


def _record(records: Path, number: int) -> Path:
    return records / f"{number:05}.json"


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()
