"""A CSV of pictures: path, and perhaps label, domain, split and block."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from export.texts.errors import TextsError
from export.texts.picture import ONE_DOMAIN, SPLITS, Picture
from firmware_config.regular_file import read_limited

COLUMNS = ("path", "label", "domain", "split", "block")
MAX_BYTES = 500_000_000
"""Some five million lines."""


def pictures_of_table(table: Path, *, root: Path | None = None) -> list[Picture]:
    """The pictures of a CSV in its order; paths are relative to `root`, else to the folder of the CSV.

    An empty label, split or block is unknown; a picture without a domain is of the domain `all`.

    Raises:
        TextsError: the file cannot be read, or a line is wrong.
    """
    folder = table.parent if root is None else root
    pictures = [_picture(folder, values, f"reading {table}, line {line}") for line, values in _lines(table)]
    if not pictures:
        msg = f"reading {table}: it names no picture: add lines {','.join(COLUMNS)}"
        raise TextsError(msg)
    return pictures


def _picture(folder: Path, values: Mapping[str, str], where: str) -> Picture:
    path, split = PurePosixPath(values["path"]), values.get("split") or None
    if not values["path"] or path.is_absolute() or ".." in path.parts or not str(path).isprintable():
        msg = f"{where}: the path is {values['path']!r}: expected one below {folder}, relative to it"
        raise TextsError(msg)
    if split is not None and split not in SPLITS:
        msg = f"{where}: the split is {split!r}: expected {', '.join(SPLITS)} or nothing"
        raise TextsError(msg)
    label, domain, block = (values.get(name) or None for name in ("label", "domain", "block"))
    return Picture(folder / path, path.as_posix(), label, domain or ONE_DOMAIN, split, block)


def _lines(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines with their numbers; spaces around a value do not count, because nobody sees them."""
    rows = _rows(table)
    _, heads = next(rows, (0, []))
    unknown = [name for name in heads if name not in COLUMNS or heads.count(name) > 1]
    if "path" not in heads or unknown:
        what = f"the column {unknown[0]!r} is unknown or double" if unknown else "the column 'path' is missing"
        msg = f"reading {table}: {what}: expected path and perhaps {','.join(COLUMNS[1:])}"
        raise TextsError(msg)
    for line, values in rows:
        if len(values) != len(heads):
            msg = f"reading {table}, line {line}: {len(values)} values, expected {len(heads)}: correct the line"
            raise TextsError(msg)
        yield line, dict(zip(heads, values, strict=True))


def _rows(table: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, one after the other: a table may have millions."""
    try:
        text = read_limited(table, MAX_BYTES).decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        for row in reader:
            values = [value.strip() for value in row]
            if any(values):
                yield reader.line_num, values
    except OSError as err:
        msg = f"reading {table}: {err.strerror}: give a CSV with the columns {','.join(COLUMNS)}"
        raise TextsError(msg) from err
    except UnicodeDecodeError as err:
        msg = f"reading {table}: it is not UTF-8: save it as CSV UTF-8"
        raise TextsError(msg) from err
    except csv.Error as err:
        msg = f"reading {table}: it is no CSV ({err}): save it as CSV UTF-8"
        raise TextsError(msg) from err
