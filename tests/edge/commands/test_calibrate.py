from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edge.calibration.fit import Sample, make_calibration
from edge.cli import main
from edge.errors import EdgeError, LabelsError
from edge.message import encode
from edge.records import Decision, Inspection
from edge.studies.calibrate_report import report
from edge.studies.labelled import match, read_labels, read_lines
from edge.studies.outcomes import Outcomes, count, cross_fitted_verdicts, verdicts
from firmware_config.calibration import read_calibration
from tests.support import tiny_bundle
from tests.support.calibrations import inspection, lines, raw_scores
from tests.support.sample_records import LABELS, MODELS, MOMENT, station

STATION = """
[station]
name = "cell-01"
path = "plant/line"
language = "{language}"

[camera]
kind = "folder"
path = "pictures"
""" + "".join(
    f'\n[[labels]]\nname = "{label}"\ndecision = "{decision}"\n' for label, decision in zip(LABELS, ("ok", "ng", "review"), strict=True)
)


@dataclass(frozen=True)
class Desk:
    """Files that the command takes."""

    root: Path
    models_digest: str

    @property
    def out(self) -> Path:
        return self.root / "calibration.json"

    def write(self, inspected: Sequence[Inspection], truth: dict[str, str], *, language: str = "en") -> None:
        ours = [replace(line, models_digest=self.models_digest) if line.models_digest == MODELS else line for line in inspected]
        (self.root / "lines.jsonl").write_bytes(b"".join(encode(line) + b"\n" for line in ours))
        with (self.root / "labels.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("source", "label"), *truth.items()])
        (self.root / "cell.toml").write_text(STATION.format(language=language))

    def run(self, *options: str) -> int:
        named = {"--labels": "labels.csv", "--station": "cell.toml", "--bundle": "bundle", "--keys": "keys", "--out": self.out.name}
        given = [word for option, name in named.items() for word in (option, str(self.root / name))]
        return main(["calibrate", str(self.root / "lines.jsonl"), *given, *options])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    from edge.bundle.open import open_bundle

    files = tiny_bundle.sound_files()
    tiny_bundle.write(tmp_path / "bundle", files, tiny_bundle.as_json(tiny_bundle.manifest_of(files)))
    (tmp_path / "keys").mkdir()
    for identity, public in tiny_bundle.TRUSTED.items():
        (tmp_path / "keys" / f"{identity}.pub").write_text(public.hex() + "\n")
    return Desk(tmp_path, open_bundle(tmp_path / "bundle", trusted=tiny_bundle.TRUSTED).manifest.models_digest)


@pytest.mark.parametrize("kind", ["logistic", "isotonic", "temperature"])
def test_lines_and_truth_become_a_calibration(desk: Desk, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(*lines(240))

    assert desk.run("--kind", kind, "--escape", "0.05", "--coverage", "0.9") == 0

    made = read_calibration(desk.out)
    assert made.rule.scale.kind == kind
    assert (made.good, made.bad) == (120, 120)
    assert made.fitted_for.models == desk.models_digest
    assert made.rule.escape.rate == 0.05
    assert set(made.figures) == {"ece_before", "ece_after", "ece_by_chance", "ece_bins", "escape", "overkill", "review"}
    said = capsys.readouterr().out
    assert f"240 pictures of known truth: 120 good, 120 bad; {kind} fit" in said
    assert f"an OK needs a confidence of {made.rule.escape.min_ok_confidence:.4f}; then at most 5.0% of bad pictures pass" in said
    assert made.digest in said


def test_a_calibration_lets_at_most_the_stated_share_of_its_own_bad_pictures_pass(desk: Desk) -> None:
    inspected, truth = lines(240)
    desk.write(inspected, truth)
    assert desk.run("--escape", "0.05") == 0
    judged = [(line.description, line.scores) for line in inspected if line.description is not None and line.scores is not None]

    found = count(verdicts(judged, read_calibration(desk.out).rule, station()), [truth[line.source] != "good" for line in inspected])

    assert (found.missed + 1) / (found.bad + 1) <= 0.05
    assert found.missed > 0


def test_too_few_bad_pictures_for_a_promise_are_said_and_nothing_passes(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(*lines(60))
    assert desk.run("--escape", "0.02") == 0
    assert read_calibration(desk.out).rule.escape.min_ok_confidence is None
    said = capsys.readouterr().out
    assert "NOTHING WILL BE OK: to promise an escape of 2.0% takes at least 49 bad pictures, there are 30" in said
    assert "the least escape that can be promised is 3.2%" in said


def test_it_speaks_the_stations_language(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(*lines(60), language="ja")
    assert desk.run("--escape", "0.02") == 0
    assert "何も OK になりません: 見逃し 2.0% を約束するには不良が 49 枚以上必要ですが、30 枚しかありません" in capsys.readouterr().out


def test_pictures_without_scores_and_lines_without_truth_are_left_out_and_counted(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    inspected, truth = lines(60)
    desk.write([*inspected, inspection("torn.png", None), inspection("new.png", raw_scores(0.0, 0.0, 0.0))], {**truth, "torn.png": "ng"})
    assert desk.run() == 0
    assert "left out: 1 labelled pictures that were a FAULT, 1 lines without a truth" in capsys.readouterr().out


def changed(place: int, **changes: object) -> list[Inspection]:
    inspected, _ = lines(60)
    inspected[place] = replace(inspected[place], **changes)  # type: ignore[arg-type]
    return inspected


@pytest.mark.parametrize(
    ("inspected", "truth", "complaint"),
    [
        (lines(60)[0], {**lines(60)[1], "part-999.png": "ng"}, "1 of 61 truths have no line, the first is 'part-999.png'"),
        (lines(60)[0], {**lines(60)[1], "part-000.png": "rust"}, "part-000.png is labelled 'rust', which station cell-01 does not know"),
        (changed(3, station="cell-02"), lines(60)[1], "the line of part-003.png is of station cell-02, not cell-01"),
        (changed(3, models_digest="sha256:" + "7" * 64), lines(60)[1], "the line of part-003.png is of models sha256:7"),
        (changed(3, scores=raw_scores(0.0, 0.0, 0.0, prompt="sha256:" + "5" * 64)), lines(60)[1], "judged by 2 judges"),
        (changed(3, scores=raw_scores(0.0, 0.0, 0.0, method="generate")), lines(60)[1], "judged by 2 judges"),
        (changed(3, source="part-002.png"), dict(list(lines(60)[1].items())[:3]), "the lines hold part-002.png twice"),
        (lines(18)[0], lines(18)[1], "calibrating on 9 good and 9 bad pictures: at least 10 of each are needed"),
        (lines(60)[0], dict.fromkeys(lines(60)[1], "good"), "calibrating on 60 good and 0 bad pictures"),
        ([inspection("torn.png", None)], {"torn.png": "ng"}, "judged by none: each was a FAULT"),
        ([inspection("old.png", raw_scores(0.0, 0.0, 0.0, prompt=None))], {"old.png": "ng"}, "do not say by which instruction"),
    ],
)
def test_what_does_not_belong_together_is_refused_in_one_sentence(
    desk: Desk, inspected: list[Inspection], truth: dict[str, str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.write(inspected, truth)
    assert desk.run() == 1
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1
    assert not desk.out.exists()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty, expected the columns source,label"),
        (b"picture,label\n", "begins with 'picture,label', expected the columns source,label"),
        (b"source,label\na.png\n", "line 2: 1 columns"),
        (b"source,label\na.png,ok\na.png,ng\n", "line 3: 'a.png' is there twice"),
        (b"source,label\n\xff,ok\n", "is no CSV file in UTF-8"),
        (b'source,label\n"a.png,ok\n', "is no CSV file in UTF-8"),
    ],
)
def test_a_wrong_truth_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(LabelsError, match=complaint):
        read_labels(tmp_path / "labels.csv")


def test_a_truth_that_a_spreadsheet_wrote_is_understood(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(b'\xef\xbb\xbfsource,label\r\n"a,b.png",ok\r\n')
    assert read_labels(tmp_path / "labels.csv") == {"a,b.png": "ok"}


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="cannot be read"):
        read_labels(tmp_path / "labels.csv")
    with pytest.raises(LabelsError, match="cannot be read"):
        read_lines(tmp_path / "lines.jsonl")
    (tmp_path / "lines.jsonl").write_text("no line\n")
    with pytest.raises(LabelsError, match="decoding an inspection"):
        read_lines(tmp_path / "lines.jsonl")


@pytest.mark.parametrize("share", ["0", "1", "-0.1", "nan", "much"])
def test_a_share_that_is_none_is_wrong_usage(desk: Desk, share: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        desk.run("--escape", share)


def test_a_decision_allows_all_its_labels_and_a_label_only_itself() -> None:
    inspected, _ = lines(4)
    truth = dict(zip((line.source for line in inspected), ("ok", "ng", "review", "crack"), strict=True))
    matched = match(inspected, truth, station(), MODELS)
    assert [known.allowed for known in matched.pictures] == [{"good"}, {"crack"}, {"unclear"}, {"crack"}]


def test_points_can_be_added_to_those_of_the_lines() -> None:
    inspected, truth = lines(60)
    matched = match(inspected, truth, station(), MODELS)
    points = [(known.scores.log_likelihoods, known.allowed) for known in matched.pictures]
    corrected = [*points, ((0.0, 1.0, -6.0), {"crack"})]
    made = make_calibration(corrected, matched.fitted_for, kind="logistic", escape=0.05, coverage=0.9, made_at=MOMENT)
    assert (made.good, made.bad) == (30, 31)


def test_too_few_points_are_refused() -> None:
    inspected, truth = lines(4)
    matched = match(inspected, truth, station(), MODELS)
    points = [(known.scores.log_likelihoods, known.allowed) for known in matched.pictures]
    with pytest.raises(EdgeError, match="at least 10 of each"):
        make_calibration(points, matched.fitted_for, kind="logistic", escape=0.05, coverage=0.9, made_at=MOMENT)


def test_verdicts_of_a_block_are_by_a_rule_of_the_others() -> None:
    inspected, truth = lines(120)
    matched = match(inspected, truth, station(), MODELS)
    points = [(known.scores.log_likelihoods, known.allowed) for known in matched.pictures]
    made = make_calibration(points, matched.fitted_for, kind="logistic", escape=0.05, coverage=0.9, made_at=MOMENT)
    judged = [(known.description, known.scores) for known in matched.pictures]

    found = cross_fitted_verdicts(judged, Sample.of(points, matched.fitted_for.labels), made.rule, station())

    assert len(found) == 120
    assert found != verdicts(judged, made.rule, station())


def test_outcomes_are_counted_by_truth() -> None:
    given = [Decision.OK, Decision.OK, Decision.NG, Decision.NG, Decision.REVIEW, Decision.FAULT]
    found = count(given, [True, False, True, False, True, False])
    assert found == Outcomes(good=3, bad=3, missed=1, alarms=1, doubted=1)
    assert (found.escape, found.overkill, found.review) == pytest.approx((1 / 3, 1 / 3, 1 / 6))


def test_both_languages_say_the_same_things() -> None:
    inspected, truth = lines(120)
    matched = match(inspected, truth, station(), MODELS)
    points = [(known.scores.log_likelihoods, known.allowed) for known in matched.pictures]
    made = make_calibration(points, matched.fitted_for, kind="logistic", escape=0.05, coverage=0.9, made_at=MOMENT)
    outcomes = Outcomes(60, 60, 1, 2, 30)
    english, japanese = (report(made, outcomes, faults=1, unlabelled=2, language=language) for language in ("en", "ja"))
    assert len(english) == len(japanese)
