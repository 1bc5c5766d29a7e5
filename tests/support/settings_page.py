"""Writes docs/settings.md from the types: every variable and every key that a person may set on a box."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from firmware_config.cli import SCHEMAS
from firmware_config.settings import PREFIX, WORKSTATION_VARIABLES, BoxSettings
from tests.support.repository import ROOT

PAGE = ROOT / "docs/settings.md"
NOT_WRITTEN = ("manifest", "calibration")
"""Kinds of files that commands write, not people."""

Schema = dict[str, Any]

HEAD = """# Settings

Every variable and every key, made from the types. An unknown one is refused with the nearest name that there is.
`kotoba-config new` writes a station file that explains itself, and `kotoba-config check` tries one. `kotoba-config schema station` gives
the same as JSON Schema, for editors.

## Environment variables

They stand in `/etc/kotoba/environment`, `NAME=value` in each line. A command that a person types reads that file too, unless one of
these variables is set. An option of a command goes before the variable of its name. Secrets are
never variables: they are files.

| variable | value | default | what it is |
|---|---|---|---|
"""


def settings_page() -> str:
    """The whole page."""
    variables = BoxSettings.model_json_schema()
    lines = [
        _row(f"`{PREFIX}{name.upper()}`", value, variables, default=_default(value), what=value["description"])
        for name, value in variables["properties"].items()
    ]
    lines += [f"| `{name}` | text | unset | {what} |" for name, what in WORKSTATION_VARIABLES.items()]
    files = [_file(kind, SCHEMAS[kind]) for kind in SCHEMAS if kind not in NOT_WRITTEN]
    return HEAD + "\n".join(lines) + "\n" + "".join(files)


def _file(kind: str, model: type[BaseModel]) -> str:
    schema = model.model_json_schema()
    sections = list(_sections(schema, schema, name=""))
    return f"\n## The {kind} file\n\n{_prose(model.__doc__ or '')}\n" + "".join(sections)


def _sections(section: Schema, whole: Schema, *, name: str, heading: str = "") -> Iterator[str]:
    """The text of a section and of those inside it."""
    rows, inner = [], []
    for key, value in section.get("properties", {}).items():
        opened = list(_opened(value, whole))
        if opened:
            inner += [(f"{name}.{key}" if name else key, value, one, len(opened) > 1) for one in opened]
        else:
            default = "**needed**" if key in section.get("required", ()) else _default(value)
            rows.append(_row(f"`{key}`", value, whole, default=default, what=value.get("description", "")))
    if heading:
        yield f"\n### {heading}\n\n{_prose(section.get('description', ''))}\n"
    if rows:
        yield "\n| key | value | default | what it is |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    for path, value, one, several in inner:
        brackets = f"[[{path}]]" if _is_list(value) else f"[{path}]"
        kind = one.get("properties", {}).get("kind", {})
        title = f'`{brackets}` with `kind = "{kind["const"]}"`' if several and "const" in kind else f"`{brackets}`"
        yield from _sections(one, whole, name=path, heading=title)


def _opened(value: Schema, whole: Schema) -> Iterator[Schema]:
    """The sections that a key opens; none for a plain key."""
    reference = value.get("$ref", "").rpartition("/")[2]
    found = whole.get("$defs", {}).get(reference, {})
    if "properties" in found:
        yield found
    for part in (*value.get("anyOf", ()), *value.get("oneOf", ()), *filter(None, [value.get("items")])):
        yield from _opened(part, whole)


def _is_list(value: Schema) -> bool:
    return value.get("type") == "array" or any(part.get("type") == "array" for part in value.get("anyOf", ()))


def _row(name: str, value: Schema, whole: Schema, *, default: str, what: str) -> str:
    return f"| {name} | {_cell(_values(value, whole))} | {_cell(default)} | {_cell(_prose(what))} |"


def _values(value: Schema, whole: Schema) -> str:
    """What may be written, in a few words."""
    if "$ref" in value:
        return _values(whole["$defs"][value["$ref"].rpartition("/")[2]], whole)
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_values(part, whole) for part in value["anyOf"] if part.get("type") != "null"))
    if "const" in value or "enum" in value:
        return " or ".join(f"`{json.dumps(one, ensure_ascii=False)}`" for one in value.get("enum") or [value["const"]])
    kind = str(value.get("type", ""))
    if kind == "array":
        parts: list[Schema] = value.get("prefixItems") or [value.get("items", {})]
        return f"list of {', '.join(dict.fromkeys(_values(part, whole) for part in parts))}"
    names = {"string": "path" if value.get("format") == "path" else "text", "integer": "whole number", "boolean": "true or false"}
    return " ".join([names.get(kind, {"object": "table"}.get(kind, kind)), *_bounds(value)])


def _bounds(value: Schema) -> Iterator[str]:
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    yield from (f"{word} {value[key]:,}" for key, word in words.items() if key in value)
    if "maxLength" in value:
        yield f"of at most {value['maxLength']} characters"


def _default(value: Schema) -> str:
    default = value.get("default")
    return "unset" if default is None else f"`{json.dumps(default, ensure_ascii=False)}`"


def _prose(text: str) -> str:
    return " ".join(inspect.cleandoc(text).split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def write(page: Path = PAGE) -> None:
    """Write the page anew."""
    page.write_text(settings_page(), encoding="utf-8")
