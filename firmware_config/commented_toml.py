"""A settings model as a TOML file that explains itself: every key with its description, those that are not set as comments.

Lines with "## " explain. Lines with "# " are keys that are not set, with their default or an example: without "# " they count.
"""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

WIDTH = 120
"""Columns of a line that explains."""

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

EXPLAINS, NOT_SET = "## ", "# "


def commented_toml(model: type[BaseModel], values: Mapping[str, Any]) -> str:
    """Write the TOML of a model. `values` are those that the file sets, as `model_dump(mode="json", exclude_unset=True)` gives them."""
    return "\n".join(_tables(model, values, name="", is_set=True)).strip() + "\n"


def explained(text: str) -> list[str]:
    """Lines of a comment that explains."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    wrapped = "\n\n".join(textwrap.fill(paragraph, WIDTH - len(EXPLAINS), break_on_hyphens=False) for paragraph in paragraphs)
    return [f"{EXPLAINS}{line}".rstrip() for line in wrapped.splitlines()]


def toml_value(value: object) -> str:
    """Write a value of JSON, or a path, as TOML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{toml_key(key)} = {toml_value(one)}" for key, one in value.items()) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, str | Path):
        # A JSON string is one of TOML, but for the control character that JSON does not escape.
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)


def toml_key(key: str) -> str:
    """Write a key as TOML: bare where that is allowed."""
    return key if BARE_KEY.fullmatch(key) else toml_value(key)


def _tables(model: type[BaseModel], values: Mapping[str, Any], *, name: str, is_set: bool) -> Iterator[str]:
    """The keys of a model, then the tables inside it. `is_set` is False for a section that is written as an example."""
    keys = {key: field for key, field in model.model_fields.items() if _section(field, values.get(key)) is None}
    for key, field in keys.items():
        yield from explained(field.description or "")
        mark = "" if is_set and key in values else NOT_SET
        yield f"{mark}{key} = {toml_value(values[key] if key in values else _default(field))}"
    for key, field in model.model_fields.items():
        section = _section(field, values.get(key))
        if section is None:
            continue
        path, inner = f"{name}.{key}" if name else key, values.get(key)
        if _is_list(field):
            yield from _list_of_tables(field, inner or (), name=path, is_set=is_set)
        else:
            yield from _table(section, inner, name=path, is_set=is_set and (key in values or field.default is not None))


def _table(section: type[BaseModel], values: Mapping[str, Any] | None, *, name: str, is_set: bool) -> Iterator[str]:
    has_keys = any(_section(field, None) is None for field in section.model_fields.values())
    if has_keys:
        yield from ("", *explained(section.__doc__ or ""))
        yield f"{'' if is_set else NOT_SET}[{name}]"
    yield from _tables(section, values or {}, name=name, is_set=is_set)


def _list_of_tables(field: FieldInfo, items: Sequence[Mapping[str, Any]], *, name: str, is_set: bool) -> Iterator[str]:
    """The first one of a kind explains its keys, the others only set them."""
    explained_kinds: list[type[BaseModel]] = []
    for item in items or ({},):
        section = _section(field, item)
        if section is None:
            continue
        is_new = section not in explained_kinds
        explained_kinds.append(section)
        yield from ("", *(explained(section.__doc__ or "") if is_new else ()))
        yield f"{'' if is_set and items else NOT_SET}[[{name}]]"
        if is_new:
            yield from _tables(section, item, name=name, is_set=is_set and bool(items))
        else:
            yield from (f"{key} = {toml_value(value)}" for key, value in item.items())


def _default(field: FieldInfo) -> object:
    """The default of a key; the first example where it has none or is unset by default."""
    default = None if field.is_required() else field.default
    return default if default is not None else next(iter(field.examples or ()), "")


def _is_list(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is tuple


def _section(field: FieldInfo, values: Mapping[str, Any] | Sequence[Any] | None) -> type[BaseModel] | None:
    """The model of a section; None for a key. Of several kinds it is that of the values, else the first."""
    models = [one for one in _flat(field.annotation) if isinstance(one, type) and issubclass(one, BaseModel)]
    kind = values.get("kind") if isinstance(values, Mapping) else None
    return next((one for one in models if kind is not None and kind in _kinds(one)), models[0] if models else None)


def _flat(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 -- any annotation
    yield annotation
    if get_origin(annotation) is not Literal:
        for part in get_args(annotation):
            yield from _flat(part)


def _kinds(model: type[BaseModel]) -> tuple[Any, ...]:
    field = model.model_fields.get("kind")
    return () if field is None else get_args(field.annotation)
