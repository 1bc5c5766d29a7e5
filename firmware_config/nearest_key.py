"""What a key that does not exist was probably meant to be: the nearest key of its section, or the section that has it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

CUTOFF = 0.6
"""Similarity (0..1) from which two keys are near; difflib's own default, at which "adaptr" is near "adapter" and "colour" near nothing."""

Place = tuple[int | str, ...]
"""Where pydantic found something: keys, numbers in a list, and the `kind` of a section that has kinds."""


def nearest_key(model: type[BaseModel], place: Place) -> str | None:
    """The key nearest to the one at the end of `place` among those of its own section; None if none is near."""
    keys = {_folded(key): key for section in _sections_at(model, place[:-1]) for key in _keys(section)}
    found = difflib.get_close_matches(_folded(str(place[-1])), keys, n=1, cutoff=CUTOFF)
    return keys[found[0]] if found else None


def section_with(model: type[BaseModel], key: str) -> str | None:
    """The dotted name of the first section of `model`, other than itself, that has exactly this key; None if none has it."""
    return next((name for name, section in _below(model, "") if key in section.model_fields), None)


def _folded(key: str) -> str:
    return key.casefold().replace("-", "_")


def _keys(section: type[BaseModel]) -> Iterator[str]:
    yield from (field.alias or name for name, field in section.model_fields.items())


def _sections_at(model: type[BaseModel], place: Place) -> list[type[BaseModel]]:
    """The models that may stand at a place: several for a union."""
    sections = [model]
    for part in place:
        inside = [field.annotation for section in sections for name, field in section.model_fields.items() if name == part]
        # Not the name of a key: a number in a list, a key of a table of tables, or the kind of a union.
        of_kind = [section for section in sections if _is_kind(section, part)]
        sections = list(_models(inside)) or of_kind or sections
    return sections


def _is_kind(section: type[BaseModel], part: int | str) -> bool:
    kind = section.model_fields.get("kind")
    return kind is not None and get_origin(kind.annotation) is Literal and part in get_args(kind.annotation)


def _models(annotations: Iterable[Any]) -> Iterator[type[BaseModel]]:
    """The models that annotations name, inside unions, tuples and tables too."""
    for annotation in annotations:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
        else:
            yield from _models(get_args(annotation))


def _below(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        for section in _models([field.annotation]):
            yield f"{prefix}{name}", section
            yield from _below(section, f"{prefix}{name}.")
