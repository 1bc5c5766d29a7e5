from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader, UndefinedError

from firmware_config.board import read_board
from firmware_config.box import parse_box
from firmware_config.box.trial import Trial
from firmware_config.commands.box import box_text
from firmware_config.errors import BoxError
from firmware_config.settings import BoxSettings
from firmware_config.system_files import render_files
from firmware_config.system_files.render import FILES, TEMPLATES, in_one_line, templates_of
from tests.support.golden_boxes import NAMES, box_of, golden, rendered

MADE_BY = "# Made by `kotoba-config render` from box.toml"


@pytest.mark.parametrize("name", NAMES)
def test_the_files_of_a_box_are_those_that_somebody_looked_at_no_more_and_no_less(name: str) -> None:
    # After an intended change: python -m tests.support.golden
    made, looked_at = rendered(name), golden(name)
    assert sorted(made) == sorted(looked_at)
    assert made == looked_at


def test_each_template_is_a_file_of_the_list_and_is_in_the_tree_of_a_box() -> None:
    templates = {str(path.relative_to(TEMPLATES)).removesuffix(".j2") for path in TEMPLATES.rglob("*.j2")}
    assert templates == set(FILES) == {path for name in NAMES for path in golden(name)}


@pytest.mark.parametrize("name", NAMES)
def test_each_file_says_where_it_comes_from_and_ends_its_last_line(name: str) -> None:
    for path, text in rendered(name).items():
        assert MADE_BY in "\n".join(text.splitlines()[:2]), path
        assert text.endswith("\n"), path
        assert not re.search(r"[ \t]$", text, re.MULTILINE), path


@pytest.mark.parametrize("name", NAMES)
def test_the_daemon_reads_from_the_environment_what_the_box_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    box = box_of(name)
    lines = [line.split("=", 1) for line in rendered(name)["etc/kotoba/environment"].splitlines() if not line.startswith("#")]
    for variable in [variable for variable in os.environ if variable.startswith("KOTOBA_")]:
        monkeypatch.delenv(variable)
    for variable, value in lines:
        assert variable.removeprefix("KOTOBA_").lower() in BoxSettings.model_fields, variable
        monkeypatch.setenv(variable, value)

    settings = BoxSettings()

    assert (settings.box, settings.board, str(settings.stations)) == (box.box.name, box.box.board, box.box.stations_folder)
    assert settings.spool_max_bytes == box.storage.spool_max_bytes
    assert settings.evidence_max_bytes == box.storage.evidence_max_bytes
    assert settings.metrics_port == (box.metrics.port if box.metrics else None)
    assert (settings.log_format, settings.trial_minutes, settings.trial_slower) == ("text", box.trial.minutes, box.trial.slower)


def test_a_box_can_say_every_setting_of_its_daemon_but_where_its_state_lies() -> None:
    more = '[trial]\nmemory_mb = 900\n[storage]\nevidence_folder = "/data/evidence"\n[metrics]\nport = 9108\n'
    text = box_text("line1-box", site="plant/line1", board="cpu").split("\n## The port on which Prometheus")[0]
    files = render_files(parse_box(f"{text}\n{more}".encode(), source="box.toml"), read_board("cpu"))
    said = re.findall(r"^KOTOBA_([A-Z_]+)=", files["etc/kotoba/environment"], re.MULTILINE)
    assert {name.lower() for name in said} == set(BoxSettings.model_fields) - {"bundle", "bundles", "spool"}
    assert f"MemoryMax={read_board('cpu').memory_mb + 900}M" in files["etc/systemd/system/kotoba-edge.service.d/box.conf"]


def test_a_trial_is_what_the_daemon_calls_so() -> None:
    for name, field in Trial.model_fields.items():
        of_daemon = BoxSettings.model_fields[f"trial_{name}"]
        assert (field.default, field.metadata) == (of_daemon.default, of_daemon.metadata), name


@pytest.mark.parametrize("value", ["a\nb", 'a"b', "a;b", "a$b", "a%b", "a\\b", "a'b", "a\0b", "a{b", "é"])
def test_a_value_that_could_end_its_line_or_word_is_refused(value: str) -> None:
    with pytest.raises(BoxError, match="could end its line"):
        in_one_line(value)


def test_a_value_of_a_box_that_nobody_checked_is_refused_too() -> None:
    # model_copy checks nothing: the last gate holds by itself.
    box = box_of("cpu-rtsp")
    forged = box.model_copy(update={"box": box.box.model_copy(update={"name": "x\nExecStartPre=/bin/evil"})})
    with pytest.raises(BoxError, match="could end its line"):
        render_files(forged, read_board("cpu"))


def test_a_name_that_a_template_does_not_know_is_an_error_not_an_empty_text(tmp_path: Path) -> None:
    (tmp_path / "x.j2").write_text("{{ box.nmae }}")
    environment = templates_of(FileSystemLoader(tmp_path))
    assert isinstance(environment, Environment)
    with pytest.raises(UndefinedError):
        environment.get_template("x.j2").render(box=box_of("cpu-rtsp"))
