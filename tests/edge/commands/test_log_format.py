"""The log as JSON: each line of the repository's own log gives its keys."""

from __future__ import annotations

import ast
import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge.commands.log_format import JsonLines
from tests.support.repository import ROOT


def told(message: str, *values: object, exc_info: bool = False) -> dict[str, object]:
    record = logging.LogRecord("edge.daemon.loop", logging.WARNING, "", 0, message, values, sys.exc_info() if exc_info else None)
    line = JsonLines().format(record)
    assert "\n" not in line
    read: dict[str, object] = json.loads(line)
    return read


def test_a_line_has_its_time_level_logger_message_station_and_fields() -> None:
    line = told("camera trouble station=%s code=%s%s detail=%r", "cell-01", "frozen", " times=3", 'it "stands"')
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(line.pop("at")))
    assert line == {
        "level": "WARNING",
        "logger": "edge.daemon.loop",
        "message": "camera trouble station=cell-01 code=frozen times=3 detail='it \"stands\"'",
        "station": "cell-01",
        "fields": {"station": "cell-01", "code": "frozen", "detail": 'it "stands"'},
    }


def test_values_keep_their_types_and_a_path_is_text() -> None:
    line = told("spool full=%s path=%s used=%.1f of=%d %s at 100 %%", True, Path("/x"), 1.25, 7, None)  # noqa: FBT003 -- a value of a log line
    assert line["fields"] == {"full": True, "path": "/x", "used": 1.25, "of": 7}
    assert line["station"] is None


def test_several_stations_are_a_list() -> None:
    assert told("running stations=%s outputs=%s", "a,b", 2)["fields"] == {"stations": ["a", "b"], "outputs": 2}


def test_an_error_of_ours_has_its_trace_in_the_same_line() -> None:
    try:
        json.loads("{")
    except ValueError:
        line = told("inspecting failed", exc_info=True)
    assert "JSONDecodeError" in str(line["error"])


def test_a_refused_start_is_a_line_of_the_log_too(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge.cli", "run", "--stations", str(tmp_path), "--log-format", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 78
    (line,) = map(json.loads, done.stderr.splitlines())
    assert (line["level"], line["logger"]) == ("ERROR", "kotoba-edge")
    assert line["message"].startswith(f"stations folder {tmp_path} holds no station")


def log_calls() -> list[tuple[str, str]]:
    """Every line of the daemon's log: where it stands, and its format."""
    found = []
    for path in sorted((ROOT / "edge").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "log"):
                continue
            formats = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            found += [(f"{path.relative_to(ROOT)}:{node.lineno}", each) for each in formats[:1]]
    return found


@pytest.mark.parametrize("room", ["edge/cameras", "edge/daemon/trouble_log.py", "edge/daemon/pipeline.py"])
def test_a_state_change_of_a_camera_names_its_station(room: str) -> None:
    nameless = [(where, line) for where, line in log_calls() if where.startswith(room) and "station=%s" not in line]
    assert nameless == []


def test_the_lines_are_found() -> None:
    assert len(log_calls()) > 40
