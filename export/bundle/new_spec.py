"""The commented specification that `kotoba-export new` writes: every key with its default, and the models of a folder filled in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from export.checkpoint import read_json
from export.errors import SpecError
from export.model_sources import BlipSource, ClipSource, LlmSource
from export.spec import BundleSpec, Licence
from firmware_config.commented_toml import toml_value

COLUMN = 44
"""Where the explanations begin."""

DEPTH = 2
"""How many folders deep models are looked for."""

SECTIONS: Mapping[str, type[BaseModel]] = {"clip": ClipSource, "blip": BlipSource, "llm": LlmSource}
KIND: Mapping[str, str] = {"clip": "clip", "siglip": "clip", "blip": "blip"}
"""The section of a `model_type`; every other is a language model."""

HEAD = """\
# The specification of a bundle. Every key is explained in `kotoba-export schema` and in docs/export.md.
# Take away "# " before a key to use it. Paths are relative to this file. Build it with `kotoba-export build FILE`.

"""
STANDS_ELSEWHERE = frozenset({"clip", "blip", "llm", "licences", "expected"})
"""Keys of the specification that are sections of their own."""


@dataclass(slots=True)
class FoundModels:
    """The models of a folder: for each section its folders, LoRA folders, and GGUF files; in the order of their names."""

    folders: dict[str, list[Path]] = field(default_factory=lambda: {"clip": [], "blip": [], "llm": []})
    adapters: list[Path] = field(default_factory=list)
    ggufs: list[Path] = field(default_factory=list)


def find_models(folder: Path) -> FoundModels:
    """Look for models in a folder and up to DEPTH folders below; only config.json of each is read.

    Raises:
        SpecError: it is no folder, or a config.json cannot be read.
    """
    if not folder.is_dir():
        msg = f"{folder} is no folder: give --models a folder with models"
        raise SpecError(msg)
    found = FoundModels()
    for path in _folders(folder, DEPTH):
        if (path / "adapter_config.json").is_file():
            found.adapters.append(path)
        elif (path / "config.json").is_file():
            kind = str(read_json(path / "config.json").get("model_type"))
            found.folders[KIND.get(kind, "llm")].append(path)
        found.ggufs += sorted(path.glob("*.gguf"))
    return found


def spec_text(name: str, models: FoundModels | None, *, near: Path) -> str:
    """The text of a new specification that will lie in the folder `near`."""
    found = FoundModels() if models is None else models
    lines = [HEAD.rstrip("\n"), ""]
    given = {"name": re.sub(r"[^A-Za-z0-9._-]", "-", name), "version": 1, "golden": "golden"}
    if not found.folders["llm"] and found.ggufs:
        given["templates"] = "templates"
    lines += keys_of(BundleSpec, given, leave_out=STANDS_ELSEWHERE)
    for section, model in SECTIONS.items():
        values, others = _filled(section, found, near)
        is_used = section != "blip" or bool(found.folders["blip"]) or models is None
        lines += ["", f"{'' if is_used else '# '}[{section}]  # {BundleSpec.model_fields[section].description}"]
        lines += [line if is_used or line.startswith("#") else f"# {line}" for line in keys_of(model, values)]
        lines += [f"# there is also {other}" for other in others]
    lines += ["", "# [expected]  # The label that is expected of golden pictures: label and patterns over their file names."]
    lines += ['# crack = ["crack-*.png"]', "", f"[[licences]]  # {BundleSpec.model_fields['licences'].description}"]
    given = {"files": ["*"], "licence": "LicenseRef-to-be-filled-in", "origin": "who made it, and where it comes from"}
    return "\n".join([*lines, *keys_of(Licence, given)]) + "\n"


def relative(path: Path, near: Path) -> str:
    """A path as a specification in `near` names it."""
    return Path(os.path.relpath(path.absolute(), near)).as_posix()


def keys_of(model: type[BaseModel], given: Mapping[str, Any], *, leave_out: frozenset[str] = frozenset()) -> list[str]:
    """A line for each key: the given ones first in use, the others with their defaults behind "# "."""
    lines = []
    for key, info in model.model_fields.items():
        if key in leave_out:
            continue
        text = f"{key} = {toml_value(given[key])}" if key in given else f"# {key} = {_default(key, info)}"
        lines.append(f"{text.ljust(COLUMN - 2)}  # {info.description}")
    return lines


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    yield folder
    if depth:
        for child in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
            yield from _folders(child, depth - 1)


def _filled(section: str, found: FoundModels, near: Path) -> tuple[dict[str, Any], list[str]]:
    """The values of a section, and other models that it could have named."""
    folders, values = [relative(path, near) for path in found.folders[section]], dict[str, Any]()
    ggufs = [relative(path, near) for path in found.ggufs] if section == "llm" else []
    if section == "llm" and ggufs and not folders:
        return {"path": ggufs[0], "quantisation": "Q4_0"}, ggufs[1:]
    values["folder"] = folders[0] if folders else f"models/{section}"
    if section == "llm":
        values["quantisation"] = "Q4_0"
        if found.adapters:
            values["adapters"] = [relative(path, near) for path in found.adapters]
    return values, [*folders[1:], *ggufs]


def _default(key: str, info: FieldInfo) -> str:
    """The default of a key as TOML, or an example where it has none."""
    default = info.default
    if key in {"tags", "attributes"}:
        return toml_value([f"words/{key}.tsv"])
    return f'"{key}"' if default is None else toml_value(default)
