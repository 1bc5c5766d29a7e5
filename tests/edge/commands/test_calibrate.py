from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from edge.bundle.open import open_bundle
from edge.cli import main
from edge.message import encode
from edge.records import Familiarity, Inspection
from edge.studies.outcomes import Outcomes, count, verdicts
from firmware_config.calibration import Calibration, read_calibration, write_calibration
from firmware_config.cli import main as firmware_main
from firmware_config.exit_codes import BAD_CONFIG, FAILED
from tests.support import tiny_bundle
from tests.support.calibrations import inspection, lines, raw_scores
from tests.support.sample_records import LABELS, MODELS, station
from tests.support.station_files import station_toml


@dataclass(frozen=True)
class Desk:
    """A folder with the files that the command reads and writes."""

    root: Path
    models_digest: str

    @property
    def out(self) -> Path:
        return self.root / "calibration.json"

    def write(self, inspected: Sequence[Inspection], labels: dict[str, str], *, language: str = "en") -> None:
        ours = [replace(line, models_digest=self.models_digest) if line.models_digest == MODELS else line for line in inspected]
        (self.root / "lines.jsonl").write_bytes(b"".join(encode(line) + b"\n" for line in ours))
        with (self.root / "labels.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("source", "label"), *labels.items()])
        (self.root / "cell.toml").write_text(station_toml(labels=dict(zip(LABELS, ("ok", "ng", "review"), strict=True)), language=language))

    def run(self, *options: str) -> int:
        named = {"--labels": "labels.csv", "--station": "cell.toml", "--bundle": "bundle", "--keys": "keys", "--out": self.out.name}
        files = [word for option, name in named.items() for word in (option, str(self.root / name))]
        return main(["calibrate", str(self.root / "lines.jsonl"), *files, *options])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    files = tiny_bundle.sound_files()
    tiny_bundle.write(tmp_path / "bundle", files, tiny_bundle.as_json(tiny_bundle.manifest_of(files)))
    (tmp_path / "keys").mkdir()
    for identity, public in tiny_bundle.TRUSTED.items():
        (tmp_path / "keys" / f"{identity}.pub").write_text(public.hex() + "\n")
    return Desk(tmp_path, open_bundle(tmp_path / "bundle", trusted=tiny_bundle.TRUSTED).manifest.models_digest)


@pytest.mark.parametrize("kind", ["logistic", "isotonic", "temperature"])
def test_lines_and_labels_become_a_calibration(desk: Desk, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(*lines(240))

    assert desk.run("--kind", kind, "--escape", "0.05", "--coverage", "0.9") == 0

    calibration = read_calibration(desk.out)
    assert calibration.rule.scale.kind == kind
    assert (calibration.good, calibration.bad) == (120, 120)
    assert calibration.fitted_for.models == desk.models_digest
    assert calibration.rule.escape.rate == 0.05
    assert set(calibration.figures) == {"ece_before", "ece_after", "ece_by_chance", "ece_bins", "escape", "overkill", "review"}
    printed = capsys.readouterr().out
    assert f"240 labelled pictures: 120 good, 120 bad; calibrated by: {kind}" in printed
    assert f"an OK needs a confidence of {calibration.rule.escape.min_ok_confidence:.4f}; then at most 5.0% of bad pictures" in printed
    assert calibration.digest in printed


def test_a_calibration_lets_at_most_the_stated_share_of_its_own_bad_pictures_pass(desk: Desk) -> None:
    inspected, labels = lines(240)
    desk.write(inspected, labels)
    assert desk.run("--escape", "0.05") == 0
    judged = [(line.description, line.scores) for line in inspected if line.description is not None and line.scores is not None]

    outcomes = count(verdicts(judged, read_calibration(desk.out).rule, station()), [labels[line.source] != "good" for line in inspected])

    assert (outcomes.escapes + 1) / (outcomes.bad + 1) <= 0.05
    assert outcomes.escapes > 0


def test_with_too_few_bad_pictures_for_the_guarantee_nothing_is_ok_and_the_report_says_so(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.write(*lines(60))
    assert desk.run("--escape", "0.02") == 0
    assert read_calibration(desk.out).rule.escape.min_ok_confidence is None
    printed = capsys.readouterr().out
    assert "NOTHING WILL BE OK: to guarantee an escape rate of 2.0% takes at least 49 bad pictures, there are 30" in printed
    assert "the lowest escape rate that can be guaranteed is 3.2%" in printed


def with_printed_text(inspected: Sequence[Inspection], labels: dict[str, str], *, every: int = 1) -> list[Inspection]:
    """The same lines, with printed text in every bad picture and in every n-th good one."""
    without = {line.source for number, line in enumerate(line for line in inspected if labels[line.source] == "good") if number % every}
    return [
        replace(line, description=replace(line.description, printed_text=line.source not in without)) if line.description else line
        for line in inspected
    ]


@pytest.mark.parametrize(("language", "words"), [("en", "NOTHING WILL BE OK: none of the 120 good"), ("ja", "OK になる画像はありません")])
def test_an_escape_rate_of_nothing_is_told_with_the_printed_text_that_causes_it(
    desk: Desk, language: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    inspected, labels = lines(240)
    desk.write(with_printed_text(inspected, labels), labels, language=language)
    assert desk.run("--escape", "0.05") == 0
    printed = capsys.readouterr().out.splitlines()
    table = next(number for number, line in enumerate(printed) if "120" in line and " 0.0%" in line)
    assert any("allow_printed_text = true" in line and "120" in line for line in printed[:table])
    assert any(words in line for line in printed[:table])


@pytest.mark.parametrize(("every", "told"), [(1, "120 of 120 good pictures hold printed text"), (2, "60 of 120 good pictures"), (4, "")])
def test_printed_text_is_told_if_most_good_pictures_hold_it(desk: Desk, every: int, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    inspected, labels = lines(240)
    desk.write(with_printed_text(inspected, labels, every=every), labels)
    assert desk.run("--escape", "0.05") == 0
    printed = capsys.readouterr().out
    assert told in printed
    assert ("good pictures hold printed text: none of them can be OK" in printed) is bool(told)
    assert ("NOTHING WILL BE OK" in printed) is (every == 1)


def test_a_judge_that_knows_nothing_lets_nothing_pass_and_the_report_says_so(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    inspected, labels = lines(240)
    desk.write([replace(line, scores=raw_scores(0.0, 0.0, -6.0)) for line in inspected], labels)
    assert desk.run("--escape", "0.05") == 0
    assert "NOTHING WILL BE OK" in capsys.readouterr().out


def test_a_station_without_a_label_for_good_parts_is_refused(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(*lines(60))
    station = (desk.root / "cell.toml").read_text().replace('decision = "ok"', 'decision = "review"')
    (desk.root / "cell.toml").write_text(station)
    assert desk.run() == 1
    assert "calibrating on 0 good and 60 bad pictures" in capsys.readouterr().err


def test_the_report_is_in_the_language_of_the_station(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(*lines(60), language="ja")
    assert desk.run("--escape", "0.02") == 0
    printed = capsys.readouterr().out
    assert "見逃し率 2.0% を保証するには不良品の画像が 49 枚以上必要ですが、30 枚しかありません" in printed


def test_pictures_without_scores_and_lines_without_a_label_are_left_out_and_counted(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    inspected, labels = lines(60)
    desk.write([*inspected, inspection("torn.png", None), inspection("new.png", raw_scores(0.0, 0.0, 0.0))], {**labels, "torn.png": "ng"})
    assert desk.run() == 0
    assert "left out: 1 labelled pictures that were a FAULT, 1 lines without a label" in capsys.readouterr().out


def changed(place: int, **changes: Any) -> list[Inspection]:  # noqa: ANN401 -- any field of an inspection
    inspected, _ = lines(60)
    inspected[place] = replace(inspected[place], **changes)
    return inspected


@pytest.mark.parametrize(
    ("inspected", "labels", "complaint"),
    [
        (lines(60)[0], {**lines(60)[1], "part-999.png": "ng"}, "1 of 61 labels have no line, the first is that of 'part-999.png'"),
        (lines(60)[0], {**lines(60)[1], "part-000.png": "rust"}, "part-000.png is labelled 'rust', which station cell-01 does not know"),
        (changed(3, station="cell-02"), lines(60)[1], "the line of part-003.png was made with station cell-02, not cell-01"),
        (changed(3, models_digest="sha256:" + "7" * 64), lines(60)[1], "the line of part-003.png was made with models sha256:7"),
        (changed(3, scores=raw_scores(0.0, 0.0, 0.0, prompt="sha256:" + "5" * 64)), lines(60)[1], "judged by 2 judges"),
        (changed(3, scores=raw_scores(0.0, 0.0, 0.0, method="generate")), lines(60)[1], "judged by 2 judges"),
        (changed(3, source="part-002.png"), dict(list(lines(60)[1].items())[:3]), "the lines hold part-002.png twice"),
        (lines(18)[0], lines(18)[1], "calibrating on 9 good and 9 bad pictures: at least 10 of each are needed"),
        (lines(60)[0], dict.fromkeys(lines(60)[1], "good"), "calibrating on 60 good and 0 bad pictures"),
        ([inspection("torn.png", None)], {"torn.png": "ng"}, "judged by no judge: each was a FAULT"),
        ([inspection("old.png", raw_scores(0.0, 0.0, 0.0, prompt=None))], {"old.png": "ng"}, "do not name the instruction"),
    ],
)
def test_lines_and_labels_that_do_not_belong_together_are_refused_in_one_sentence(
    desk: Desk, inspected: list[Inspection], labels: dict[str, str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.write(inspected, labels)
    assert desk.run() == 1
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not desk.out.exists()


@pytest.mark.parametrize("share", ["0", "1", "-0.1", "nan", "much"])
def test_a_share_out_of_range_is_wrong_usage(desk: Desk, share: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        desk.run("--escape", share)


def carry_over(desk: Desk, *options: str) -> int:
    named = {"--carry-over": "calibration.json", "--station": "cell.toml", "--bundle": "bundle", "--keys": "keys", "--out": "new.json"}
    files = [word for option, name in named.items() for word in (option, str(desk.root / name))]
    return main(["calibrate", str(desk.root / "lines.jsonl"), *files, *options])


def looking_worse(line: Inspection, nats: float) -> Inspection:
    """The same picture in a condition in which all look more defective."""
    assert line.scores is not None
    good, *others = line.scores.log_likelihoods
    return replace(line, scores=replace(line.scores, log_likelihoods=(good - nats, *others)))


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_calibration_is_carried_over_by_unlabelled_pictures(desk: Desk, language: str, capsys: pytest.CaptureFixture[str]) -> None:
    inspected, labels = lines(240)
    desk.write(inspected, labels, language=language)
    assert desk.run("--escape", "0.05") == 0
    changed = [looking_worse(line, 1.5) for line in inspected]
    desk.write(changed, {}, language=language)
    capsys.readouterr()

    assert carry_over(desk, "--good", "0.5") == 0

    old, new, printed = read_calibration(desk.out), read_calibration(desk.root / "new.json"), capsys.readouterr().out
    bad = [labels[line.source] != "good" for line in inspected]

    def outcomes(pictures: Sequence[Inspection], calibration: Calibration) -> Outcomes:
        judged = [(line.description, line.scores) for line in pictures if line.description is not None and line.scores is not None]
        return count(verdicts(judged, calibration.rule, station()), bad)

    before, unmoved, after = outcomes(inspected, old), outcomes(changed, old), outcomes(changed, new)
    assert unmoved.passed + 0.1 < after.passed <= before.passed
    assert after.escape <= 0.05
    assert 0.8 < new.rule.moved < 1.7
    assert (new.carried_from, new.made_at >= old.made_at, set(new.figures)) == (
        old.digest,
        True,
        {"carried_over_pictures", "carried_over_good"},
    )
    assert firmware_main(["check", "--kind", "calibration", str(desk.root / "new.json")]) == 0
    assert f"moved {new.rule.moved:+.2f}" in capsys.readouterr().out
    assert f"{new.rule.moved:+.2f} nat" in printed
    assert new.digest in printed


def test_more_ng_than_may_be_bad_is_told(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(*lines(240))
    assert desk.run("--escape", "0.05") == 0
    assert carry_over(desk, "--good", "0.9") == 0
    assert "of these pictures are NG, more than the 10.0% that may be bad" in capsys.readouterr().out


def test_few_pictures_an_old_file_and_another_judge_are_refused(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    inspected, labels = lines(240)
    desk.write(inspected, labels)
    assert desk.run("--escape", "0.05") == 0
    made = read_calibration(desk.out)
    for few, said in (
        (inspected[:49], "over to 49 pictures that were judged and are familiar: at least 50"),
        ([], "there are no lines"),
    ):
        desk.write(few, {})
        assert carry_over(desk) == FAILED
        assert said in capsys.readouterr().err
    desk.write(inspected, {})
    other = made.fitted_for.model_copy(update={"method": "generate"})
    for update, code, said in (
        ({"middles": None}, FAILED, "too old to be carried over"),
        ({"fitted_for": other}, BAD_CONFIG, "was fitted for method generate"),
    ):
        write_calibration(desk.out, made.model_copy(update=update))
        assert carry_over(desk) == code
        assert said in capsys.readouterr().err
    assert not (desk.root / "new.json").exists()


def test_pictures_of_which_most_are_bad_are_refused(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    inspected, labels = lines(240)
    desk.write(inspected, labels)
    assert desk.run("--escape", "0.05") == 0
    bad = [line for line in inspected if labels[line.source] != "good"]
    good = [line for line in inspected if labels[line.source] == "good"]
    desk.write([*bad, *good[:10]], {})
    assert carry_over(desk) == FAILED
    assert "either most of them are bad, or the judge does not know this condition" in capsys.readouterr().err
    assert not (desk.root / "new.json").exists()


def test_unfamiliar_pictures_do_not_move_it(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    inspected, labels = lines(240)
    desk.write(inspected, labels)
    assert desk.run("--escape", "0.05") == 0
    assert carry_over(desk, "--good", "0.5") == 0
    moved = read_calibration(desk.root / "new.json").rule.moved
    unfamiliar = Familiarity(9.0, "unfamiliar", "sha256:" + "7" * 64)
    strange = [
        replace(
            looking_worse(line, 50.0),
            id=f"s{line.id}",
            source=f"s{line.source}",
            description=replace(line.description, familiarity=unfamiliar),
        )
        for line in inspected[:100]
        if line.description is not None
    ]
    desk.write([*inspected, *strange], {})
    assert carry_over(desk, "--good", "0.5") == 0
    assert read_calibration(desk.root / "new.json").rule.moved == moved
    assert f"{len(strange)} that are like no known picture" in capsys.readouterr().out


def test_where_nothing_becomes_ok_the_report_says_why(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    inspected, labels = lines(240)
    desk.write(inspected, labels)
    assert desk.run("--escape", "0.05") == 0
    desk.write(with_printed_text(inspected, labels), {})
    assert carry_over(desk, "--good", "0.5") == 0
    assert "none of these pictures becomes OK: 0 are like no known picture, 240 hold printed text" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--escape", "--coverage"])
def test_an_option_that_would_do_nothing_is_refused(desk: Desk, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(*lines(240))
    assert desk.run("--good", "0.9") == FAILED
    assert "--good does nothing with --labels: leave it out" in capsys.readouterr().err
    assert desk.run() == 0
    assert carry_over(desk, option, "0.01") == FAILED
    assert f"{option} does nothing with --carry-over: leave it out" in capsys.readouterr().err


def test_good_pictures_in_one_block_are_calibrated_on(desk: Desk) -> None:
    inspected, labels = lines(240)
    bad = [line for line in inspected if labels[line.source] != "good"]
    good = [line for line in inspected if labels[line.source] == "good"][:10]
    desk.write([*bad[:90], *good], {line.source: labels[line.source] for line in (*bad[:90], *good)})
    assert desk.run("--escape", "0.05") == 0


def test_labels_and_carrying_over_exclude_each_other(desk: Desk) -> None:
    desk.write(*lines(60))
    with pytest.raises(SystemExit):
        desk.run("--carry-over", str(desk.out))
