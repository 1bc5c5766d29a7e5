"""The path of a newcomer with the starter bundle: a new station, `doctor`, `inspect`; it judges as the demo does."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import edge.cli
import firmware_config.cli
from edge.demo.cells import HELD_OUT_MONO, Cell, load_cells
from edge.judges.prompt import Prompt
from edge.records import Decision
from firmware_config.bundle import parse_manifest
from firmware_config.calibration import Calibration, labels_of, write_calibration
from firmware_config.station import Station, read_station
from tests.support.calibrations import calibration
from tests.support.repository import KEYS, STARTER
from tests.support.station_files import changed_station

MODELS = ("--bundle", str(STARTER), "--keys", str(KEYS))
DEMO_STATION = STARTER / "stations/default.toml"
ADAPTER = 'adapter = "starter"'


@dataclass(frozen=True)
class Desk:
    """The folder of a newcomer, with the station that `kotoba-config new` has made."""

    root: Path

    @property
    def station(self) -> Path:
        return self.root / "stations/cell-01.toml"

    def change(self, old: str, new: str) -> None:
        text = self.station.read_text(encoding="utf-8")
        assert old in text
        self.station.write_text(text.replace(old, new), encoding="utf-8")

    def set(self, **sections: dict[str, object]) -> None:
        self.station.write_text(changed_station(self.station, sections), encoding="utf-8")

    def doctor(self, *more: str) -> int:
        return edge.cli.main(["doctor", "--stations", str(self.station.parent), "--spool", str(self.root / "spool.sqlite"), *MODELS, *more])

    def decisions(self, cells: Sequence[Cell], station: Path) -> dict[str, tuple[str, str, float]]:
        """Decision, label and confidence of each cell, by its file name."""
        lines = self.root / "lines.jsonl"
        pictures = [str(cell.path) for cell in cells]
        assert edge.cli.main(["inspect", *pictures, "--station", str(station), "--jsonl", str(lines), *MODELS]) == 0
        verdicts = map(json.loads, lines.read_text(encoding="utf-8").splitlines())
        return {verdict["source"]: (verdict["decision"], verdict["label"], verdict["confidence"]) for verdict in verdicts}


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    made = Desk(tmp_path)
    for folder in ("stations", "pictures"):
        (tmp_path / folder).mkdir()
    answers = ("--camera", str(tmp_path / "pictures"), "--path", "plant/line1", "--broker", "none")
    assert firmware_config.cli.main(["new", "cell-01", *MODELS, *answers, "--out", str(made.station)]) == 0
    assert capsys.readouterr().err == ""
    return made


def held_out(count: int) -> tuple[list[Cell], list[Cell]]:
    """So many cells, good and bad, of all runs that the starter did not learn from and whose experts agreed."""
    cells = load_cells()
    mono = [cells[row] for rows in HELD_OUT_MONO for row in rows if cells[row].material == "mono"]
    found = ([cell for cell in mono if cell.probability == probability] for probability in (0.0, 1.0))
    good, bad = ([some[number * len(some) // count] for number in range(count)] for some in found)
    return good, bad


def test_a_new_station_judges_as_the_demo(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.doctor() == 0
    assert "ok   verdicts: station cell-01 can say OK (functional) with adapter starter" in capsys.readouterr().out
    good, bad = held_out(8)
    ours = desk.decisions(good + bad, desk.station)
    assert ours == desk.decisions(good + bad, DEMO_STATION)
    assert {decision for decision, _, _ in ours.values()} >= {"OK", "NG"}


def test_a_station_that_measures_learns_a_corrected_verdict(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    (cell,), _ = held_out(1)
    desk.decisions([cell], desk.station)
    desk.set(judge={"lessons": str(desk.root / "lessons.jsonl")})
    (line,) = (desk.root / "lines.jsonl").read_text(encoding="utf-8").splitlines()
    stored = ("--jsonl", str(desk.root / "lines.jsonl"), "--by", "Sato", "--as", "calibration")
    learned = ["learn", "correct", json.loads(line)["id"], "--label", "crack", *stored, "--station", str(desk.station), *MODELS]
    assert edge.cli.main(learned) == 0, capsys.readouterr().err
    assert "lesson 1:" in capsys.readouterr().out


@pytest.mark.slow
def test_sixty_good_and_sixty_bad_held_out_cells_are_judged_as_in_the_demo(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = held_out(60)
    ours, demo = desk.decisions(good + bad, desk.station), desk.decisions(good + bad, DEMO_STATION)
    with capsys.disabled():
        for name, decisions in (("new station", ours), ("demo", demo)):
            for kind, cells in (("good", good), ("bad", bad)):
                counts = Counter(decisions[cell.path.name][0] for cell in cells)
                counted = "".join(f"  {decision.value} {counts[decision.value]:3}" for decision in Decision)
                sys.stdout.write(f"\n{name:12} {kind:5}{counted}")
    assert ours == demo


def fitted(station: Station, **rule: Mapping[str, object]) -> Calibration:
    """A calibration for a station of the starter bundle."""
    manifest = parse_manifest((STARTER / "manifest.json").read_bytes())
    template = (STARTER / manifest.templates[station.judge.template]).read_text(encoding="utf-8")
    adapter = next(file.sha256 for file in manifest.files if file.path == manifest.llm.adapters["starter"])
    judge = {
        "models": manifest.models_digest,
        "prompt": Prompt.parse(template, station.labels, examples=()).digest,
        "adapter": f"sha256:{adapter}",
        "describing": station.describing_digest,
        "labels": labels_of(station.labels),
    }
    return calibration(judge, **rule)


def calibrate(desk: Desk, made: Calibration) -> None:
    write_calibration(desk.root / "cell.json", made)
    desk.set(judge={"calibration": str(desk.root / "cell.json")})


def unreachable(desk: Desk) -> None:
    scale = {"kind": "isotonic", "points": [[0.0, 0.2], [1.0, 0.9]]}
    calibrate(desk, fitted(read_station(desk.station), scale=scale, escape={"rate": 0.02, "min_ok_confidence": 0.9}))


def of_other_models(desk: Desk) -> None:
    made = fitted(read_station(desk.station))
    calibrate(desk, made.model_copy(update={"fitted_for": made.fitted_for.model_copy(update={"models": "sha256:" + "9" * 64})}))


WARNED: dict[str, tuple[Callable[[Desk], object], str]] = {
    "no adapter": (lambda desk: desk.change(ADAPTER, f"# {ADAPTER}"), 'set adapter = "starter"'),
    "no label is ok": (lambda desk: desk.change('decision = "ok"', 'decision = "review"'), "none of its labels has the decision"),
    "another template": (lambda desk: desk.set(judge={"template": "paper"}), "has no calibration for adapter starter"),
    "a filter": (lambda desk: desk.set(describe={"filter": True}), "does not hold with [describe] filter"),
    "threshold out of reach": (
        unreachable,
        "an OK needs a confidence of 0.9000 (min_ok_confidence), and the calibration gives at most 0.8000",
    ),
}
REFUSED: dict[str, tuple[Callable[[Desk], object], str]] = {
    "an adapter that the bundle lacks": (lambda desk: desk.change(ADAPTER, 'adapter = "other"'), "needs adapter 'other'"),
    "a template that the bundle lacks": (lambda desk: desk.set(judge={"template": "long"}), "needs template 'long'"),
    "a calibration of other models": (of_other_models, "was fitted for models"),
    "a camera folder that is not there": (lambda desk: (desk.root / "pictures").rmdir(), "camera.path"),
    "two stations of one name": (lambda desk: (desk.station.parent / "copy.toml").write_bytes(desk.station.read_bytes()), "is there twice"),
    "a misspelt key": (lambda desk: desk.change("adapter =", "adaptr ="), "the nearest is adapter"),
}  # fmt: skip


@pytest.mark.parametrize("case", WARNED)
def test_check_and_doctor_warn_alike(case: str, desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    change, words = WARNED[case]
    change(desk)

    assert firmware_config.cli.main(["check", str(desk.station.parent), *MODELS]) == 0
    checked = capsys.readouterr().err.splitlines()
    assert desk.doctor() == 0
    printed = capsys.readouterr().out.splitlines()

    told = [line.partition("WARN verdicts: ")[2] for line in printed if line.startswith("WARN verdicts")]
    assert told == [line.removeprefix("kotoba-config: warning: ") for line in checked]
    assert told[0].startswith("station cell-01 can never say OK: ")
    assert words in told[0]
    assert not any(line.startswith("ok   verdicts") for line in printed)


@pytest.mark.parametrize("case", REFUSED)
def test_check_and_doctor_refuse_alike(case: str, desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    change, words = REFUSED[case]
    change(desk)
    assert firmware_config.cli.main(["check", str(desk.station.parent), *MODELS]) == 78
    assert words in capsys.readouterr().err
    assert desk.doctor() == 1
    assert any(line.startswith("FAIL") and words in line for line in capsys.readouterr().out.splitlines())


def test_a_warning_is_told_in_the_language_of_the_operator_and_marked_in_json(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.change(ADAPTER, f"# {ADAPTER}")
    desk.change('# language = "en"', 'language = "ja"')
    assert desk.doctor("--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["healthy"]
    (finding,) = [finding for finding in report["findings"] if finding["level"] not in {"ok", "hint"} and finding["part"] != "clock"]
    assert (finding["part"], finding["level"], finding["healthy"]) == ("verdicts", "warn", True)
    assert "OK を出せません" in finding["detail"]
