from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.records import Decision, Inspection, Reason
from edge.spool.store import Spool
from tests.support.judged_words import FAULT, bundle_options, judging_options, station, verdict, write_lines

SHA = "sha256:" + "0" * 64


def reproduced(tmp_path: Path, *inspections: Inspection) -> int:
    lines = write_lines(tmp_path / "lines.jsonl", inspections)
    return main(["reproduce", "--all", "--jsonl", str(lines), *judging_options()])


def test_stored_verdicts_are_reproduced_to_the_last_bit_and_faults_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    late = verdict(3).verdict
    late = replace(late, decision=Decision.REVIEW, reasons=(*late.reasons, Reason.LATE))
    assert reproduced(tmp_path, verdict(1), verdict(2), replace(verdict(3), verdict=late), FAULT) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("3 stored verdicts judged again in ")
    assert printed.out.endswith(": 3 equal, 1 FAULTs left out\n")
    assert printed.err == ""


def test_verdicts_are_reproduced_by_the_beginning_of_their_id_from_the_spool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    for number in (1, 2):
        spool.commit(verdict(number))
    try:
        assert main(["reproduce", "0002", "--spool", str(tmp_path / "spool.sqlite"), *judging_options()]) == 0
    finally:
        spool.close()
    assert "1 stored verdicts judged again" in capsys.readouterr().out


def test_the_last_bit_of_a_log_likelihood_is_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = verdict(1)
    assert stored.scores is not None
    first, *others = stored.scores.log_likelihoods
    nearly = replace(stored, scores=replace(stored.scores, log_likelihoods=(first * (1 + 2**-52), *others)))
    assert reproduced(tmp_path, nearly, verdict(2)) == 1
    printed = capsys.readouterr()
    assert ": 1 equal" in printed.out
    assert printed.err.startswith(f"kotoba-edge: inspection {stored.id} differs in log_likelihoods of 'good': stored ")


def test_other_reasons_are_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = verdict(1)
    assert reproduced(tmp_path, replace(stored, verdict=replace(stored.verdict, reasons=(Reason.LOW_MARGIN,)))) == 1
    assert "differs in reasons: stored low_margin, now none" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["prompt", "adapter", "calibration"])
def test_the_verdict_of_another_judge_is_refused(tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    stored = verdict(1)
    assert stored.scores is not None
    changes: dict[str, Any] = {what: SHA}
    assert reproduced(tmp_path, replace(stored, scores=replace(stored.scores, **changes))) == 1
    assert f"was judged with {what} {SHA}, the station has {what} " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("what", "change", "ours"),
    [
        ("models", {"models_digest": SHA}, "the bundle has models sha256:"),
        ("station settings", {"settings_digest": SHA}, "the station file has settings sha256:"),
    ],
)
def test_the_verdict_of_other_models_or_settings_is_refused(
    tmp_path: Path, what: str, change: dict[str, Any], ours: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduced(tmp_path, replace(verdict(1), **change)) == 1
    assert f"was made with {what} {SHA}, {ours}" in capsys.readouterr().err


def test_a_fault_cannot_be_reproduced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = write_lines(tmp_path / "lines.jsonl", [FAULT])
    assert main(["reproduce", "f", "--jsonl", str(lines), *judging_options()]) == 1
    assert "so no words were judged" in capsys.readouterr().err


def test_neither_ids_nor_all_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["reproduce", "--jsonl", str(tmp_path / "lines"), *judging_options()])


def test_rejudged_lines_can_be_reproduced_by_the_station_that_judged_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines, out = write_lines(tmp_path / "lines.jsonl", [verdict(1), verdict(2), FAULT]), tmp_path / "out.jsonl"
    assert main(["rejudge", "--jsonl", str(lines), "--out", str(out), *judging_options()]) == 0
    printed = capsys.readouterr().out
    assert "2 stored descriptions judged in " in printed
    assert ": 0 decisions changed (0.0%), 0 labels changed, 1 FAULTs left out" in printed
    assert main(["reproduce", "--all", "--jsonl", str(out), *judging_options()]) == 0
    assert {json.loads(line)["id"] for line in out.read_text().splitlines()}.isdisjoint({verdict(1).id, verdict(2).id})


def test_a_new_instruction_is_compared_as_if_it_were_calibrated_and_written_as_the_line_would_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, out = write_lines(tmp_path / "lines.jsonl", [verdict(number) for number in range(6)]), tmp_path / "out.jsonl"
    template = tmp_path / "new.txt"
    template.write_text("Choose:\n{labels}\nWords:\n{description}It is:\n")
    options = ["--template", str(template), "--jsonl", str(lines), "--out", str(out), *judging_options()]
    assert main(["rejudge", *options]) == 0
    table = capsys.readouterr().out
    assert f"{'REVIEW':14}{0:>9}{0:>9}{0:>9}{0:>9}" in table
    assert "this judge is not calibrated: the station would give REVIEW for each OK above" in table
    new = [json.loads(line) for line in out.read_text().splitlines()]
    assert all("uncalibrated" in line["reasons"] and line["decision"] != "OK" for line in new)
    assert {line["judge"]["prompt"] for line in new}.isdisjoint({verdict(1).scores.prompt})  # type: ignore[union-attr]


def test_an_adapter_that_the_bundle_lacks_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = write_lines(tmp_path / "lines.jsonl", [verdict(1)])
    assert main(["rejudge", "--adapter", "other", "--jsonl", str(lines), *judging_options()]) == 78
    assert "needs adapter 'other', bundle tiny has none" in capsys.readouterr().err


@pytest.mark.parametrize(("slot", "text"), [("{labels}", "{description}"), ("{description}", "{labels} {description} {description}")])
def test_a_template_with_a_slot_missing_or_twice_names_the_slot(
    tmp_path: Path, slot: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = write_lines(tmp_path / "lines.jsonl", [verdict(1)])
    template = tmp_path / "bad.txt"
    template.write_text(text)
    assert main(["template", "try", str(template), "--jsonl", str(lines), *judging_options()]) == 78
    error = capsys.readouterr().err
    assert f"template {template}: an instruction template must hold {slot} once, this one has it" in error
    assert error.count("\n") == 1


def test_trying_a_template_prints_what_changed_and_what_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = range(4)
    lines = write_lines(tmp_path / "lines.jsonl", [with_contrary_verdict(verdict(number)) for number in numbers])
    labels = tmp_path / "labels.csv"
    labels.write_text("source,label\n" + "".join(f"part-{number}.png,{'ng' if number % 2 else 'good'}\n" for number in numbers))
    template = Path(bundle_options()[1]) / "templates" / "default.txt"
    assert main(["template", "try", str(template), "--jsonl", str(lines), "--labels", str(labels), *judging_options()]) == 0
    printed = capsys.readouterr().out
    now_ok = sum(verdict(number).verdict.decision is Decision.OK for number in numbers)
    assert f"{'all':14}{now_ok:>9}{4 - now_ok:>9}{0:>9}{4:>9}" in printed
    assert ": 4 decisions changed (100.0%)" in printed
    escapes_now = sum(verdict(number).verdict.decision is Decision.OK for number in (1, 3))
    assert f"before  escape {2 - escapes_now} of 2 bad are OK" in printed
    assert f"after   escape {escapes_now} of 2 bad are OK" in printed
    assert "tag 0, cell, dark; a cell , a line 0" in printed


def test_a_label_that_the_station_does_not_know_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = write_lines(tmp_path / "lines.jsonl", [verdict(1)])
    labels = tmp_path / "labels.csv"
    labels.write_text("source,label\npart-1.png,lovely\n")
    template = Path(bundle_options()[1]) / "templates" / "default.txt"
    assert main(["template", "try", str(template), "--jsonl", str(lines), "--labels", str(labels), *judging_options()]) == 1
    assert "part-1.png is labelled 'lovely', which station cell-01 does not know" in capsys.readouterr().err


def with_contrary_verdict(inspection: Inspection) -> Inspection:
    """The same words with the contrary verdict."""
    labels = {label.decision: label.name for label in station().labels}
    decision, label = (Decision.NG, labels["ng"]) if inspection.verdict.decision is Decision.OK else (Decision.OK, labels["ok"])
    return replace(inspection, verdict=replace(inspection.verdict, decision=decision, label=label))
