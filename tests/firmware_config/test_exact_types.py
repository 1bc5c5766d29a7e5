"""A value of another type in a TOML file is a mistake in one sentence, never changed into the right type."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_config.board import read_board
from firmware_config.errors import ConfigError
from firmware_config.settings import BoxSettings
from firmware_config.station import Station, parse_station
from tests.support.station_files import station_toml
from tests.support.tiny_bundle import is_one_sentence

UNQUOTED = ", which must stand without quotes"


def station(section: str, tmp_path: Path) -> Station:
    return parse_station(station_toml(section, pictures=tmp_path).encode(), source="cell.toml")


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('[describe]\ntags = "5"', "describe.tags: Input should be a valid integer, got '5'" + UNQUOTED),
        ("[describe]\ntags = true", "describe.tags: Input should be a valid integer, got true"),
        ("[describe]\ntags = 5.0", "describe.tags: Input should be a valid integer, got 5.0"),
        (
            '[judge]\nmin_confidence = "0.5"',
            "judge.min_confidence: Input should be a valid number, got '0.5'" + UNQUOTED,
        ),
        ("[describe]\nonly_true = 1", "describe.only_true: Input should be a valid boolean, got 1"),
        (
            '[describe]\nonly_true = "true"',
            "describe.only_true: Input should be a valid boolean, got 'true'" + UNQUOTED,
        ),
        ("[judge]\ntemplate = 5", "judge.template: Input should be a valid string, got 5"),
        ("[judge]\nmin_confidence = nan", "judge.min_confidence: Input should be a finite number, got nan"),
        ("[judge]\nmin_confidence = inf", "judge.min_confidence"),
        ("[judge]\nmin_confidence = 2026-11-30", "holds 2026-11-30 without quotes, a date or a time, which no key takes"),
        ("[judge]\ntemplate_file = 5", "judge.template_file"),
    ],
)
def test_a_value_of_another_type_is_refused(section: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        station(section, tmp_path)
    assert said in str(refused.value)
    assert is_one_sentence(str(refused.value))


def test_a_whole_number_is_a_number(tmp_path: Path) -> None:
    assert station("[judge]\nmin_confidence = 1", tmp_path).judge.min_confidence == 1.0


def test_lists_and_paths_are_taken_from_toml(tmp_path: Path) -> None:
    made = station('[describe]\nextra_tags = ["cup"]\n[judge]\ntemplate_file = "a.txt"', tmp_path)
    assert (made.describe.extra_tags, made.judge.template_file) == (("cup",), Path("a.txt"))


def test_a_board_is_as_exact(tmp_path: Path) -> None:
    (tmp_path / "box.toml").write_text('name = "box"\nproviders = ["cpu"]\nthreads = "2"\n')
    with pytest.raises(ConfigError, match="threads: Input should be a valid integer, got '2', which must stand without quotes"):
        read_board(str(tmp_path / "box.toml"))


def test_the_environment_holds_text_and_is_read_as_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTOBA_SPOOL_MAX_BYTES", "5000000")
    assert BoxSettings().spool_max_bytes == 5_000_000
