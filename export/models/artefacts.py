"""The artefacts of a model: the pictures for its proof, its figures, and models.json."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from edge.picture.decode import PictureError, read_picture
from export.errors import SpecError
from export.models.quantize import Inputs
from export.proof.figures import Measured
from export.proof.record import PROOF, record_figures
from export.spec import STATION_NAME
from firmware_config.bundle import PICTURE_SUFFIXES
from firmware_config.station import Picture, read_station


def pictures_of(folder: Path) -> tuple[Path, ...]:
    """The pictures of a folder, sorted by name.

    Raises:
        SpecError: the folder cannot be read.
    """
    try:
        return tuple(path for path in sorted(folder.iterdir()) if path.suffix.lower() in PICTURE_SUFFIXES)
    except OSError as err:
        msg = f"the pictures for the proof: folder {folder} cannot be read ({err.strerror}): give a folder with real pictures"
        raise SpecError(msg) from err


def decoded(pictures: Sequence[Path]) -> tuple[NDArray[np.uint8], ...]:
    """The pixels of each picture, uint8 (H, W, 3) BGR.

    A station.toml beside a picture says how it is read, as on the device: bit depth, alpha, pages.

    Raises:
        SpecError: there is no picture, or one cannot be read.
        StationError: the station file beside a picture is wrong.
    """
    if not pictures:
        msg = "no picture to prove with: give a folder with real pictures of the inspection point"
        raise SpecError(msg)
    rows = []
    for path in pictures:
        try:
            rows.append(read_picture(path, picture=_picture_section(path.with_name(STATION_NAME))))
        except PictureError as err:
            msg = f"preparing the pictures of {path.parent} for the proof: {err}"
            raise SpecError(msg) from err
    return tuple(rows)


def _picture_section(station: Path) -> Picture:
    return read_station(station).picture if station.exists() else Picture()


def run(graph: Path, rows: Sequence[Inputs]) -> list[Inputs]:
    """Run a graph on each of `rows`; returns all of its outputs by name. The graph is opened once."""
    session = ort.InferenceSession(str(graph))
    names = [output.name for output in session.get_outputs()]
    return [dict(zip(names, session.run(names, inputs), strict=True)) for inputs in rows]


def record(out: Path, section: str, values: dict[str, Any], measured: Sequence[Measured]) -> None:
    """Write models.json, with `values` as its `section`, and the figures of the proof into `out`, the folder of one model."""
    models = {section: values, "parity": {one.name: round(one.value, 6) for one in measured}}
    (out / "models.json").write_text(json.dumps(models, indent=1) + "\n", encoding="utf-8")
    record_figures(out, measured)


def copy_artefacts(artefacts: Path, out: Path, *, model: Path | None = None) -> tuple[Path, ...]:
    """Copy the artefacts of one model into `out`, beside those of other models; returns the files that were written.

    `model` is the GGUF of a language model in its final quantisation. A template that `out` has already stays: it may have been edited.
    """
    written = []
    for source in sorted(path for path in artefacts.rglob("*") if path.is_file()):
        target = out / source.relative_to(artefacts)
        if source.name in {"models.json", PROOF} or (source.suffix == ".gguf" and source.parent == artefacts):
            continue
        if target.parent.name != "templates" or not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            written.append(target)
    if model is not None:
        (out / "llm").mkdir(parents=True, exist_ok=True)
        written.append(Path(shutil.copyfile(model, out / "llm/model.gguf")))
    if (artefacts / "models.json").exists():
        old, new = (_read(folder / "models.json") for folder in (out, artefacts))
        section = next(name for name in new if name != "parity")
        parity = {name: value for name, value in old.get("parity", {}).items() if not name.startswith(section)} | new["parity"]
        (out / "models.json").write_text(json.dumps({**old, **new, "parity": dict(sorted(parity.items()))}, indent=1) + "\n")
        written.append(out / "models.json")
    return tuple(written)


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
