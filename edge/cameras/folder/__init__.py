"""A folder of pictures as a camera: all that is there, or each new file once."""

from __future__ import annotations

from edge.cameras.folder.camera import FolderCamera

__all__ = ["FolderCamera"]
