"""Milliseconds per picture come from inspections that a box has written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edge.message import encode
from export.cli import main
from export.cost.inputs import inputs_of
from export.cost.read import read_figures
from tests.export.cost.test_cost_example import example
from tests.support.inspections import FULL, LOST


def spec_naming(folder: Path, timings: str) -> Path:
    path = folder / "plant.toml"
    path.write_text(example().replace("[box]\n", f'[box]\ntimings = "{timings}"\n'), encoding="utf-8")
    return path


def written(folder: Path, *times_ms: tuple[float, float]) -> None:
    timed = [replace(FULL, timings_ms=(("capture", 500.0), ("describe", describe), ("judge", judge))) for describe, judge in times_ms]
    (folder / "box.jsonl").write_bytes(b"".join(encode(one) + b"\n" for one in (*timed, LOST)))


def test_the_latency_is_the_mean_without_the_capture_and_no_assumption(tmp_path: Path) -> None:
    written(tmp_path, (100, 20), (200, 20), (300, 20))

    figures = read_figures(spec_naming(tmp_path, "box.jsonl"))

    latency_ms = figures.spec.box.latency_ms
    assert (latency_ms.least, latency_ms.middle, latency_ms.most) == pytest.approx((130, 220, 310))
    assert [one.assumed for one in inputs_of(figures.spec) if one.key == "box.latency_ms"] == [False]
    assert [(stage.name, stage.p50_ms, round(stage.p95_ms)) for stage in figures.stages] == [
        ("capture", 500, 500),
        ("describe", 200, 290),
        ("judge", 20, 20),
    ]


def test_the_page_shows_the_stages(tmp_path: Path) -> None:
    written(tmp_path, (100, 20))

    assert main(["cost", str(spec_naming(tmp_path, "box.jsonl")), "--out", str(tmp_path / "out")]) == 0

    assert "| describe | 100 | 100 | 100 |" in (tmp_path / "out/page.md").read_text(encoding="utf-8")
    assert [stage["name"] for stage in json.loads((tmp_path / "out/cost.json").read_bytes())["stages"]] == ["capture", "describe", "judge"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read"),
        (encode(LOST) + b"\n", "no inspection was judged"),
        (b"", "no inspection was judged"),
        (b"{}\n", "line 1: timings_ms: Field required"),
        (b"truth\n", "line 1: "),
    ],
)
def test_what_holds_no_timings_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, sentence: str) -> None:
    if content is not None:
        (tmp_path / "box.jsonl").write_bytes(content)

    assert main(["cost", str(spec_naming(tmp_path, "box.jsonl")), "--out", str(tmp_path / "out")]) == 78

    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1


def test_timings_and_a_latency_are_not_both_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = spec_naming(tmp_path, "box.jsonl")
    path.write_text(path.read_text(encoding="utf-8").replace("[box]\n", "[box]\nlatency_ms = 5\n"), encoding="utf-8")

    assert main(["cost", str(path), "--out", str(tmp_path / "out")]) == 78

    assert "timings and latency_ms are both given" in capsys.readouterr().err
