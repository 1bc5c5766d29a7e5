"""Mistakes in the list of pictures that make any study wrong: refused before anything is described."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from export.texts.errors import TextsError
from export.texts.picture import Picture

CHUNK_BYTES = 1 << 20


def require_sound(pictures: Sequence[Picture], *, labels: Collection[str] | None) -> None:
    """Refuse pictures that no study can use as they are, before anything is described. `labels` are the station's, None: any is right.

    Raises:
        TextsError: the station does not know a label; a block, or the same picture, is in two splits; the same picture has two labels.
    """
    for picture in pictures:
        if labels is not None and picture.label is not None and picture.label not in labels:
            known = ", ".join(labels)
            msg = (
                f"picture {picture.source} is labelled {picture.label!r}, which the station does not know (it knows {known}): correct "
                "it, or rename it under [labels] of a specification"
            )
            raise TextsError(msg)
    blocks: dict[str, Picture] = {}
    for picture in pictures:
        if picture.block is not None:
            other = blocks.setdefault(picture.block, picture)
            if other.split != picture.split:
                msg = (
                    f"the block {picture.block!r} is in the splits {other.split} ({other.source}) and {picture.split} ({picture.source}): "
                    "neighbours are nearly copies, so give a block one split"
                )
                raise TextsError(msg)
    for one, other in _copies(pictures):
        if one.split != other.split:
            msg = f"{one.source} (split {one.split}) and {other.source} (split {other.split}) are the same picture: keep one of them"
            raise TextsError(msg)
        if one.label != other.label:
            msg = f"{one.source} ({one.label}) and {other.source} ({other.label}) are the same picture: give it one label"
            raise TextsError(msg)


def _copies(pictures: Sequence[Picture]) -> Iterable[tuple[Picture, Picture]]:
    """Pairs of files with the same bytes and another split or label. Only files of the same size are read."""
    sizes: defaultdict[int, list[Picture]] = defaultdict(list)
    for picture in pictures:
        try:
            sizes[picture.path.stat().st_size].append(picture)
        except OSError:  # becomes a row with an error
            continue
    for same in sizes.values():
        if len({(picture.split, picture.label) for picture in same}) > 1:
            first: dict[str, Picture] = {}
            for picture in same:
                digest = digest_of(picture.path)
                if digest is not None and (other := first.setdefault(digest, picture)) is not picture:
                    yield other, picture


def digest_of(path: Path) -> str | None:
    """The sha256 of a file, None where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()
