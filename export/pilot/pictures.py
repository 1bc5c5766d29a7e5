"""The pictures of a pilot: which file each row of the words came from, and its pixels as the station sees them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.picture.decode import MAX_BYTES, PictureError, decode_picture, read_file
from edge.picture.roi import crop
from edge.records import Pixels
from export.errors import SpecError
from export.texts.picture import Picture
from export.texts.row import Row
from firmware_config.station import Station


@dataclass(frozen=True, slots=True)
class Files:
    """The files of rows, by the name that a row has for its picture."""

    by_source: Mapping[str, Picture]
    station: Station

    @classmethod
    def of(cls, pictures: Sequence[Picture], station: Station) -> Files:
        """The files of pictures that were read as the sources of a text data set."""
        return cls({picture.source: picture for picture in pictures}, station)

    def frame(self, row: Row) -> Pixels:
        """The whole picture of a row, uint8 (H, W, 3) BGR.

        Raises:
            SpecError: it was readable when it was described, and is another one now.
        """
        path, raw = self.by_source[row.source].path, self._read(row)
        try:
            return decode_picture(raw, name=path.name, picture=self.station.picture)
        except PictureError as err:
            raise _lost(path, err) from err

    def require_unchanged(self, rows: Iterable[Row]) -> None:
        """Refuse pictures of which the words were made, and which are others now: what is kept of them is of the old ones.

        Raises:
            SpecError: one was changed or cannot be read.
        """
        for row in rows:
            self._read(row)

    def _read(self, row: Row) -> bytes:
        path = self.by_source[row.source].path
        try:
            raw = read_file(path, max_bytes=MAX_BYTES)
        except PictureError as err:
            raise _lost(path, err) from err
        if hashlib.sha256(raw).hexdigest() != row.id:
            msg = f"the picture {path} was changed since it was described: put the old one back, or begin in a new folder"
            raise SpecError(msg)
        return raw

    def part(self, row: Row) -> Pixels:
        """The region of interest of a row's picture, uint8 (H, W, 3) BGR."""
        frame, roi = self.frame(row), self.station.picture.roi
        return frame if roi is None else crop(frame, roi)


def _lost(path: Path, err: PictureError) -> SpecError:
    return SpecError(f"the picture {path} could be read when it was described, and cannot be now ({err}): put it back")
