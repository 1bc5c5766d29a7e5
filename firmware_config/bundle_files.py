"""Paths inside a bundle, and the manifest keys that use them."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field

FilePath = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$", max_length=200)]
"""A path relative to the bundle's folder."""


class FileUse(NamedTuple):
    """A file that the manifest names: the key that names it, its path inside the bundle, and the suffixes it may have."""

    key: str
    path: str
    suffixes: tuple[str, ...]
