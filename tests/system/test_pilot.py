"""`kotoba-export pilot` with the real eye and judge: killed without warning it goes on, and a user's mistake is one sentence.

After the kill a scripted language model answers the protocols, which ask it some thousand times; one test asks the real one.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from edge.demo.cells import Cell, load_cells
from edge.records import Tag, Words
from export.cli import main
from export.findings.findings import Findings, read_findings
from export.pilot.language import language_of
from export.pilot.material import open_material
from export.pilot.run import run, write_reports
from export.pilot.spec import read_pilot_spec
from tests.support.repository import KEYS, ROOT, STARTER
from tests.support.scripted_language import scripted_language
from tests.support.tiny_bundle import is_one_sentence

pytestmark = pytest.mark.long

DEADLINE_S = 240.0
FUNCTIONAL, DEFECTIVE = "functional", "defective"
QUICK = """
[protocols]
run = ["leave_one_domain_out"]
seeds = 1
tuned_seeds = 0
[chapters]
attack = false
latency = false
"""


def cells(label: str, count: int, *, first: int = 0) -> list[Cell]:
    return [cell for cell in load_cells() if cell.certain and cell.defective is (label == DEFECTIVE)][first : first + count]


def lay_out(root: Path, taken: Iterable[tuple[str, Iterable[Cell]]]) -> Path:
    """A tree with the cells of each `DOMAIN/CLASS`."""
    for place, some in taken:
        (root / place).mkdir(parents=True)
        for cell in some:
            shutil.copy(cell.path, root / place)
    return root


def specification(
    folder: Path, *, data: str = 'pictures = "pictures"\nseen = ["old"]', more: str = QUICK, languages: str = '["en"]'
) -> Path:
    path = folder / "pilot.toml"
    path.write_text(
        f'[pilot]\nname = "cells"\nproduct = {{ en = "solar cells", ja = "太陽電池セル" }}\nlanguages = {languages}\n[data]\n{data}\n'
        f'[bundle]\nbundle = "{STARTER}"\nkeys = "{KEYS}"\n{more}',
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out(
        tmp_path_factory.mktemp("pilot") / "pictures",
        [
            ("old/functional", cells(FUNCTIONAL, 7)),
            ("old/defective", cells(DEFECTIVE, 7)),
            ("new/functional", cells(FUNCTIONAL, 7, first=300)),
            ("new/defective", cells(DEFECTIVE, 7, first=300)),
        ],
    )


def killed_at_inspections(spec: Path, out: Path, count: int) -> bytes:
    """Begin a pilot and kill it once so many pictures are inspected; returns the lines that it left."""
    command = [sys.executable, "-m", "export.cli", "pilot", str(spec), "--out", str(out)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        deadline = time.monotonic() + DEADLINE_S
        while sum(path.read_bytes().count(b"\n") for path in out.glob("work/inspections/*.jsonl")) < count:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    return _lines(out)


def _lines(out: Path) -> bytes:
    (path,) = out.glob("work/inspections/inspections-*.jsonl")
    return path.read_bytes()


@pytest.fixture(scope="module")
def killed_pilot(pictures: Path) -> tuple[Path, bytes]:
    """The folder of a pilot that was killed and went on, and the inspections that it had when it was killed."""
    spec, out = specification(pictures.parent), pictures.parent / "out"
    before = killed_at_inspections(spec, out, 5)
    assert not (out / "pilot.json").exists()
    write_reports(piloted(spec, out), read_pilot_spec(spec), out)
    return out, before


def piloted(spec: Path, out: Path) -> Findings:
    """What the pilot of a specification finds, with a scripted language model; it is that of pilot.json."""
    labels = open_material(read_pilot_spec(spec)).box.station.labels
    found = run(spec, out, command="pilot", report=lambda _: None, open_language=lambda _: scripted_language(labels))
    assert read_findings(out) == found
    return found


def test_a_killed_pilot_goes_on_and_ends_with_findings_and_reports(killed_pilot: tuple[Path, bytes]) -> None:
    out, before = killed_pilot
    whole = before[: before.rfind(b"\n") + 1]

    findings = read_findings(out)

    assert whole
    assert _lines(out).startswith(whole)
    assert (out / "report.en.html").stat().st_size > 10_000
    assert {one.domain: one.seen for one in findings.decided} == {"old": True, "new": False}
    assert findings.answer.escape.of == 7
    assert findings.answer.outcome != "go"
    assert "too_few_defects" in [reason.code for reason in findings.answer.reasons]
    assert {one.target for one in findings.comparisons} == {"old", "new"}
    assert findings.shift is not None
    assert findings.trust is not None
    assert (findings.attack, findings.latency) == (None, None)
    assert [one for one in findings.left_out if one.values.get("chapter") == "attack"]


def test_each_escaped_part_has_its_copy_below_the_folder(killed_pilot: tuple[Path, bytes]) -> None:
    out, _ = killed_pilot
    findings = read_findings(out)

    parts = [*findings.escaped, *findings.overkilled]
    assert all(part.picture is not None and (out / part.picture).is_file() for part in parts)
    as_it_comes = [one for one in findings.decided if one.rule == "as_it_comes"]
    assert len(findings.escaped) == sum(one.escape.count for one in as_it_comes)


def test_the_same_command_again_finds_the_same(killed_pilot: tuple[Path, bytes]) -> None:
    out, _ = killed_pilot
    before = read_findings(out)

    again = piloted(out.parent / "pilot.toml", out)

    assert again.model_copy(update={"effort": before.effort}) == before


def test_words_alone_give_no_go_and_say_what_is_missing(killed_pilot: tuple[Path, bytes], tmp_path: Path) -> None:
    out, _ = killed_pilot
    spec = specification(tmp_path, data=f'texts = "{out / "texts"}"\nseen = ["old"]', languages='["ja"]')

    findings = piloted(spec, tmp_path / "out")

    assert findings.answer.outcome == "not_enough"
    assert findings.decided == ()
    assert "no_pictures" in [one.code for one in findings.left_out]
    scorers = {measured.scorer for one in findings.comparisons for measured in one.measured}
    assert {"box", "text_regression"} <= scorers
    assert "vision_probe" not in scorers
    assert write_reports(findings, read_pilot_spec(spec), tmp_path / "out")[0].name == "report.ja.html"


def test_the_language_model_of_the_bundle_answers_the_protocols(pictures: Path, tmp_path: Path) -> None:
    box = open_material(read_pilot_spec(specification(tmp_path, data=f'pictures = "{pictures}"'))).box
    language = language_of(box, "box", tuned=False, work=tmp_path, report=lambda _: None)
    words = [Words((Tag("crack", 0.3),), (), ("a dark line",)), Words((Tag("clean", 0.3),), (), ("an even cell",))]

    assert language.judge.rank(words).shape == (2, len(box.station.labels))
    assert language.tuner is None
    assert [label.decision for label in language.neutral.labels] == [label.decision for label in box.station.labels]


def test_a_plan_says_how_long_and_makes_nothing(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = specification(tmp_path, data=f'pictures = "{pictures}"\nseen = ["old"]')

    assert main(["pilot", str(spec), "--out", str(tmp_path / "out"), "--check"]) == 0

    said = capsys.readouterr().out
    assert "domain new: 7 good, 7 defective" in said
    assert "domain old: 7 good, 7 defective, 0 without a label, taught the bundle" in said
    assert "in all" in said
    assert not (tmp_path / "out").exists()


def refused(spec: Path, capsys: pytest.CaptureFixture[str]) -> str:
    code = main(["pilot", str(spec), "--out", str(spec.parent / "refused")])
    said = capsys.readouterr().err.strip()
    assert code == 78
    assert is_one_sentence(said.removeprefix("kotoba-export: "))
    assert not (spec.parent / "refused").exists()
    return said


def test_pictures_of_one_class_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay_out(tmp_path / "pictures", [("a/functional", cells(FUNCTIONAL, 2)), ("b/functional", cells(FUNCTIONAL, 2, first=9))])

    said = refused(specification(tmp_path, data='pictures = "pictures"'), capsys)

    assert "no picture is defective (their labels are functional): a pilot needs both classes" in said


def test_the_same_picture_under_two_labels_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay_out(tmp_path / "pictures", [("a/functional", cells(FUNCTIONAL, 1)), ("b/defective", cells(FUNCTIONAL, 1))])

    assert "are the same picture: give it one label" in refused(specification(tmp_path, data='pictures = "pictures"'), capsys)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ('good_labels = ["fine"]', "data.good_labels names 'fine', which no picture has (their labels are defective, functional)"),
        ('bad_labels = ["functional"]', "pictures are labelled 'defective', which is neither in data.good_labels nor in data.bad_labels"),
        ('groups = { all = ["old", "nwe"] }', "the group 'all' names the domain 'nwe'"),
    ],
)
def test_names_that_are_not_there_are_refused(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], data: str, said: str
) -> None:
    assert said in refused(specification(tmp_path, data=f'pictures = "{pictures}"\n{data}'), capsys)


def test_texts_of_another_station_are_refused(killed_pilot: tuple[Path, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = killed_pilot
    station = (STARTER / "stations/default.toml").read_text(encoding="utf-8")
    (tmp_path / "station.toml").write_text(station.replace("tags = 16", "tags = 3"), encoding="utf-8")
    spec = specification(tmp_path, data=f'texts = "{out / "texts"}"')
    spec.write_text(spec.read_text(encoding="utf-8").replace("[protocols]", 'station = "station.toml"\n[protocols]'), encoding="utf-8")

    assert "which describe otherwise: describe the pictures with these" in refused(spec, capsys)
