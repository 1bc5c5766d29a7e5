"""What was taught as a folder that a repository can keep, from which any machine builds the bundle again without teaching."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from export.bundle.build import replace_folder
from export.errors import BuildError
from export.spec import STATION_NAME, BundleSpec, read_template
from export.teach.calibrate import FILE_NAME as CALIBRATION_NAME
from firmware_config.commented_toml import toml_key, toml_value

SPEC_NAME = "build.toml"
HEAD = "# Written by `kotoba-export teach --weights`. `kotoba-export build` builds the bundle from it, without teaching.\n"
LLM_NAME = "llm.gguf"
ENTRIES = frozenset({SPEC_NAME, LLM_NAME, STATION_NAME, CALIBRATION_NAME, "artefacts", "templates", "golden", "licences"})
"""All that such a folder may hold."""


def require_weights(folder: Path) -> None:
    """Check that `folder` is free, or is one that `write_weights` wrote.

    Raises:
        BuildError: it is not a folder, or holds other files.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        msg = f"{folder} is no folder: give --weights a new folder, or one that an earlier teaching wrote"
        raise BuildError(msg)
    entries = sorted(path.name for path in folder.iterdir())
    other = next((name for name in entries if name not in ENTRIES), None)
    if entries and (other is not None or SPEC_NAME not in entries):
        what = f"holds no {SPEC_NAME}" if other is None else f"holds {other}"
        msg = f"{folder} exists and {what}, so no teaching wrote it: give --weights a new folder, or one that an earlier teaching wrote"
        raise BuildError(msg)


def write_weights(spec: BundleSpec, folder: Path) -> None:
    """Copy what `kotoba-export build` reads to `folder`, in the place of an older one, with a specification whose paths are relative.

    `spec` is that of a taught bundle, as `export.teach.bundle.gather` gives it. A language model that is a file is copied too.

    Raises:
        OSError: a file cannot be read or written.
    """
    staging = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    values = spec.model_dump(mode="json", exclude_unset=True)
    for name in ("artefacts", "templates", "golden"):
        shutil.copytree(getattr(spec, name), staging / name)
        values[name] = name
    if spec.station is not None:
        calibration = read_template(spec.station).judge.calibration
        for name in [STATION_NAME] if calibration is None else [STATION_NAME, calibration.name]:
            shutil.copyfile(spec.station.with_name(name), staging / name)
        values["station"] = STATION_NAME
    if spec.llm.path is not None:
        shutil.copyfile(spec.llm.path, staging / LLM_NAME)
        values["llm"]["path"] = LLM_NAME
    for licence, table in zip(spec.licences, values["licences"], strict=True):
        if licence.text is not None:
            (staging / "licences").mkdir(exist_ok=True)
            shutil.copyfile(licence.text, staging / "licences" / licence.text.name)
            table["text"] = f"licences/{licence.text.name}"
    (staging / SPEC_NAME).write_text("\n".join([HEAD, *_toml(values)]) + "\n", encoding="utf-8")
    replace_folder(folder, staging)


def _toml(values: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a specification: its keys, then its tables."""
    tables = {name: value for name, value in values.items() if isinstance(value, dict) or name == "licences"}
    yield from (f"{key} = {toml_value(value)}" for key, value in values.items() if key not in tables)
    for name, value in tables.items():
        for table in value if isinstance(value, list) else [value]:
            yield from ("", f"[[{name}]]" if isinstance(value, list) else f"[{name}]")
            yield from (f"{toml_key(key)} = {toml_value(one)}" for key, one in table.items())
