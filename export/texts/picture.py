"""A picture that is to be described, and what is known about it beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

Split: TypeAlias = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

ONE_DOMAIN = "all"
"""The domain of pictures of which none is named."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture file, readable at `path`; `source` is its name in the data set.

    `label` and `split` are None where nobody gave any. Pictures of one `block` are neighbours, which no protocol may separate; None: it
    has no known neighbours, and is a block of its own.
    """

    path: Path
    source: str
    label: str | None
    domain: str
    split: Split | None
    block: str | None
