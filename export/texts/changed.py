"""Whether pictures are still those that were described: a picture of the same name and size may be another one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from export.texts.checks import digest_of
from export.texts.dataset import rows_of
from export.texts.picture import Picture
from export.texts.shard import Shard


def changed_picture(folder: Path, shard: Shard, pictures: Iterable[Picture]) -> Picture | None:
    """The first picture of a finished shard in `folder` that is not what was described, None if there is none.

    Only pictures that were written, moved or given other rights after the shard was written are read: an archive is large.

    Raises:
        TextsError: the shard cannot be read.
        OSError: likewise.
    """
    written = (folder / shard.jsonl_name).stat().st_mtime_ns
    suspects = [(number, picture) for number, picture in enumerate(pictures) if _is_newer(picture, written)]
    if not suspects:
        return None
    rows = list(rows_of(folder, [shard]))
    return next((picture for number, picture in suspects if digest_of(picture.path) != rows[number].id), None)


def first_changed(folder: Path, shards: Iterable[Shard], pictures: Iterable[Iterable[Picture]]) -> Picture | None:
    """The first such picture of several shards; raises as `changed_picture`."""
    each = (changed_picture(folder, shard, some) for shard, some in zip(shards, pictures, strict=True))
    return next((one for one in each if one is not None), None)


def _is_newer(picture: Picture, written: int) -> bool:
    try:
        return picture.path.stat().st_ctime_ns >= written
    except OSError:  # as it was: the list of pictures holds that it cannot be read
        return False
