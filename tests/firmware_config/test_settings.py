from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

import edge.cli
import export.cli
import firmware_config.cli
from firmware_config.errors import ConfigError
from firmware_config.exit_codes import BAD_CONFIG
from firmware_config.settings import BoxSettings, read_settings, require_known_variables


def test_the_environment_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTOBA_SPOOL", "/data/spool.sqlite")
    monkeypatch.setenv("KOTOBA_METRICS_PORT", "9100")
    settings = BoxSettings()
    assert settings.spool == Path("/data/spool.sqlite")
    assert settings.metrics_port == 9100


def test_a_wrong_value_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTOBA_BOX", "a/b")
    with pytest.raises(ValidationError, match="box"):
        BoxSettings()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.upper().startswith("KOTOBA_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "environment"
    path.write_text('# of the box\nKOTOBA_BOX=press-3\nOTHER=1\nKOTOBA_STATIONS="/data/my stations"\n\nKOTOBA_METRICS_PORT=9108\n')
    return path


def test_a_command_by_hand_has_the_settings_of_the_service(file: Path) -> None:
    settings = read_settings(file)
    assert (settings.box, settings.stations, settings.metrics_port) == ("press-3", Path("/data/my stations"), 9108)
    assert settings.model_fields_set == {"box", "stations", "metrics_port"}
    assert read_settings(file.with_name("none")).box == "kotoba"


def test_variables_of_the_environment_are_not_mixed_with_those_of_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTOBA_LLAMA_CPP", "/opt/llama.cpp")
    assert read_settings(file).box == "press-3"
    monkeypatch.setenv("KOTOBA_SPOOL", "/data/spool.sqlite")
    assert (read_settings(file).box, read_settings(file).metrics_port) == ("kotoba", None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("KOTOBA_SPOOOL=x\n", "environment: environment variable KOTOBA_SPOOOL: there is no such setting, the nearest is KOTOBA_SPOOL"),
        ("KOTOBA_METRICS_PORT=hunter\n", "environment: metrics_port: "),
    ],
)
def test_a_mistake_in_the_file_of_the_service_is_told_with_its_name(file: Path, text: str, says: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError, match=says):
        read_settings(file)


def test_every_setting_of_a_box_is_a_known_variable_in_any_case() -> None:
    require_known_variables([f"KOTOBA_{name.upper()}" for name in BoxSettings.model_fields])
    require_known_variables(["kotoba_box", "KOTOBA_LLAMA_CPP", "PATH", "KOTOBAYASHI"])


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("KOTOBA_METRICS_PROT", "the nearest is KOTOBA_METRICS_PORT"),
        ("KOTOBA_SPOOL_MAX_BYTE", "the nearest is KOTOBA_SPOOL_MAX_BYTES"),
        ("kotoba_stationz", "the nearest is KOTOBA_STATIONS"),
        ("KOTOBA_COLOUR_OF_THE_LID", "there are KOTOBA_BOX, KOTOBA_STATIONS"),
    ],
)
def test_a_misspelt_variable_is_refused_with_what_was_meant(wrong: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"environment variable {wrong}: there is no such setting, {meant}"):
        require_known_variables(["PATH", wrong])


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (edge.cli.main, ["spool", "status"]),
        (export.cli.main, ["schema"]),
        (firmware_config.cli.main, ["schema", "station"]),
    ],
)
def test_each_command_refuses_a_misspelt_variable_without_showing_its_value(
    main: Callable[[Sequence[str]], int], arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KOTOBA_PASSWORD", "hunter2")
    assert main(arguments) == BAD_CONFIG
    said = capsys.readouterr()
    assert said.out == ""
    assert "environment variable KOTOBA_PASSWORD: there is no such setting" in said.err
    assert "hunter2" not in said.err
