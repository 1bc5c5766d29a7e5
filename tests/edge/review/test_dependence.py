"""Which changes to a station file leave its stored verdicts explainable and reproducible, and which do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge.cli import main
from tests.support.judged_words import STATION, TEMPLATE, bundle_options, verdict, write_lines

MQTT = """
[outputs.mqtt]
host = "broker.plant"
username = "box"
password_file = "{}"
keepalive_s = {}
"""

HARMLESS = {
    "broker password file": MQTT.format("/run/secrets/new", 10),
    "keepalive": MQTT.format("/run/secrets/old", 60),
    "trigger": '\n[trigger]\nkind = "interval"\ninterval_ms = 50\n',
}
"""Sections that say nothing about how words are judged."""

TEMPLATE_CHANGE = 'template_file = "{}"\n'


def run(tmp_path: Path, station: str, command: str) -> int:
    lines = write_lines(tmp_path / "lines.jsonl", [verdict(1)])
    (tmp_path / "station.toml").write_text(station)
    return main([command, verdict(1).id, "--jsonl", str(lines), "--station", str(tmp_path / "station.toml"), *bundle_options()])


def other_label(station: str) -> str:
    return station.replace('name = "worse"', 'name = "worst"')


def other_describing(station: str) -> str:
    return station.replace("max_tokens = 2", "max_tokens = 3")


def other_region(station: str) -> str:
    return f"{station}\n[picture]\nroi = [[0, 0], [1, 0], [1, 0.5]]\n"


@pytest.mark.parametrize("command", ["explain", "reproduce"])
@pytest.mark.parametrize("change", HARMLESS)
def test_a_verdict_outlives_a_change_of_broker_or_trigger(tmp_path: Path, command: str, change: str) -> None:
    assert run(tmp_path, STATION + HARMLESS[change], command) == 0


@pytest.mark.parametrize("command", ["explain", "reproduce"])
@pytest.mark.parametrize("change", [other_label, other_describing, other_region])
def test_a_verdict_of_other_labels_describing_or_region_is_refused_in_one_sentence(
    tmp_path: Path, command: str, change: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, change(STATION), command) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"kotoba-edge: inspection {verdict(1).id} was made with station settings sha256:")
    assert "give the station file of that time" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", ["explain", "reproduce"])
def test_a_verdict_of_another_template_is_refused_in_one_sentence(tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    template = tmp_path / "other.txt"
    template.write_text(TEMPLATE.replace("Answer:", "Decide:"))
    assert run(tmp_path, STATION + TEMPLATE_CHANGE.format(template), command) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"kotoba-edge: inspection {verdict(1).id} was judged with prompt sha256:")
    assert error.count("\n") == 1
