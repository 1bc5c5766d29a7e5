"""Paths inside a bundle, and what each of them is used for."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field

FilePath = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$", max_length=200)]
"""A path relative to the bundle's folder."""


class FileUse(NamedTuple):
    """One file that the manifest uses: the key that names it, its path inside the bundle, and the suffixes that such a file may have."""

    key: str
    path: str
    suffixes: tuple[str, ...]
