"""A bundle with random weights that runs, a station that uses it, and verdicts on words, for tests of stored inspections."""

from __future__ import annotations

import atexit
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from edge.bundle.open import Bundle, open_trusted_bundle
from edge.judges import open_language_model
from edge.judges.language_model import LanguageModel
from edge.message import encode
from edge.records import Description, Inspection, Struck, Tag, Words
from edge.review.rejudge import Rejudger
from export.bundle.build import build
from export.cache import Cache
from export.spec import read_spec
from firmware_config.board import Board
from firmware_config.signature import read_trusted_keys
from firmware_config.station import Station, read_station
from tests.support.inspections import FULL, LOST
from tests.support.linear_models import linear_file, linear_model
from tests.support.station_files import station_toml
from tests.support.tiny_spec import write_spec

BOARD = Board(name="test", providers=("cpu",), threads=1)
TEMPLATE = "Answers:\n{labels}\n{examples}{description}Answer:\n"
STATION = station_toml(
    """
[describe]
tags = 1
attributes = 1
samples = 0
max_tokens = 2

[judge]
min_confidence = 0.0
""",
    labels={"good": "ok", "bad": "ng", "worse": "ng"},
)


@cache
def box() -> Path:
    """A folder with `bundle`, `keys`, `board.toml` and `station.toml`. The bundle is calibrated, so that an OK is possible.

    The bundle has the linear judge `words`, which the station does not use.
    """
    folder = Path(mkdtemp(prefix="kotoba-judged-"))
    atexit.register(shutil.rmtree, folder)
    spec = write_spec(folder / "spec")
    temperatures = [{"adapter": None, "template": "default", "temperature": 3.0}, {"linear": "words", "temperature": 2.0}]
    (spec.parent / "artefacts" / "temperatures.json").write_text(json.dumps(temperatures))
    (spec.parent / "artefacts" / "judges").mkdir()
    (spec.parent / "artefacts" / "judges" / "words.json").write_bytes(linear_file(linear_model(("good", "bad", "worse"))))
    (spec.parent / "templates" / "default.txt").write_text(TEMPLATE)
    out, key = folder / "bundle", folder / "keys" / "builder.key"
    build(read_spec(spec), out=out, key=key, cache=Cache(folder / "cache"), archive=False, board=BOARD, report=lambda _: None)
    (folder / "board.toml").write_text('name = "test"\nproviders = ["cpu"]\nthreads = 1\n')
    (folder / "station.toml").write_text(STATION)
    return folder


@cache
def bundle() -> Bundle:
    return open_trusted_bundle(box() / "bundle", keys=box() / "keys")


def trusted() -> dict[str, bytes]:
    """The keys that the bundle is signed with."""
    return dict(read_trusted_keys(box() / "keys"))


@cache
def model() -> LanguageModel:
    return open_language_model(bundle(), board=BOARD)


def station() -> Station:
    return read_station(box() / "station.toml")


def rejudger() -> Rejudger:
    return Rejudger(model(), bundle=bundle(), station=station())


def description(number: int) -> Description:
    return Description(
        Words((Tag(f"tag {number}", 0.3), Tag("cell", 0.2)), (Tag("dark", 0.25),), (f"a cell , a line {number}",)),
        struck=(Struck("tag", "no print"),),
    )


@cache
def verdict(number: int) -> Inspection:
    """A stored inspection as the station makes it of some words."""
    judged = rejudger()
    scores, decided = judged.judge(description(number))
    return replace(
        FULL,
        id=f"{number:04}{'ab' * 14}",
        station="cell-01",
        source=f"part-{number}.png",
        verdict=decided,
        description=description(number),
        scores=scores,
        bundle=judged.bundle.digest,
        models_digest=judged.bundle.manifest.models_digest,
        station_digest=judged.station.digest,
        settings_digest=judged.station.settings_digest,
        detail=None,
    )


FAULT = replace(LOST, id="f" * 32, station="cell-01")


def write_lines(path: Path, inspections: Sequence[Inspection]) -> Path:
    path.write_bytes(b"".join(encode(inspection) + b"\n" for inspection in inspections))
    return path


def judging_options() -> list[str]:
    folder = box()
    return ["--station", f"{folder / 'station.toml'}", *bundle_options()]


def bundle_options() -> list[str]:
    folder = box()
    return ["--bundle", f"{folder / 'bundle'}", "--keys", f"{folder / 'keys'}", "--board", f"{folder / 'board.toml'}"]
