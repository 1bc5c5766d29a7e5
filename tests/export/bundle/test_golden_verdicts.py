"""Golden verdicts are certified beside what is expected of the pictures, listed by build and verify, and given again."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.bundle.open import open_trusted_bundle
from export.bundle.build import sign
from export.bundle.key import builder_key
from export.bundle.verify import golden_table, unexpected
from export.cli import main
from firmware_config.bundle import Golden, parse_manifest
from firmware_config.station import read_station
from tests.support.repository import KEYS, STARTER
from tests.support.tiny_bundle import is_one_sentence
from tests.support.tiny_spec import write_spec

EXPECTED = """
[expected]
good = ["one.png"]
bad = ["t*.png"]

[llm]
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A specification that expects a label of each golden picture."""
    path = write_spec(tmp_path / "spec")
    path.write_text(path.read_text().replace("\n[llm]\n", EXPECTED))
    return path


def build(spec: Path) -> int:
    work = spec.parent.parent
    options = ["--out", str(work / "bundle"), "--key", str(work / "keys/builder.key"), "--cache", str(work / "cache")]
    return main(["build", str(spec), *options])


def golden_of(work: Path) -> tuple[Golden, ...]:
    return open_trusted_bundle(work / "bundle", keys=work / "keys").manifest.golden


def row_of(table: str, picture: str) -> list[str]:
    (row,) = (line for line in table.splitlines() if line.startswith(picture))
    return [cell.strip() for cell in row.split("  ") if cell.strip()]


def test_a_build_lists_each_golden_verdict_beside_what_is_expected(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(spec) == 0

    out = capsys.readouterr().out
    golden = golden_of(tmp_path)
    assert [(entry.picture, entry.expected) for entry in golden] == [("golden/one.png", "good"), ("golden/two.png", "bad")]
    wrong = unexpected(golden, read_station(tmp_path / "bundle/golden/station.toml").labels)
    assert wrong, "the tiny bundle is not calibrated, so that good is never OK"
    for entry in golden:
        verdict, note = f"{entry.decision} {entry.label}", "NOT as expected" if entry in wrong else "as expected"
        assert row_of(out, Path(entry.picture).name) == [
            Path(entry.picture).name, str(entry.expected), verdict, f"{entry.probability:.4f}", note,
        ]  # fmt: skip
    assert f"2 golden verdicts ({len(wrong)} NOT as expected)" in out


def test_a_specification_may_refuse_golden_verdicts_that_are_not_as_expected(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec.write_text(spec.read_text().replace("version = 3", "version = 3\nrequire_expected = true"))

    assert build(spec) == 1

    head, *table = capsys.readouterr().err.strip().splitlines()
    assert "of 2 golden verdicts are not as expected" in head
    assert is_one_sentence(head.removeprefix("kotoba-export: "))
    assert "NOT as expected" in "\n".join(row_of("\n".join(table), "one.png"))
    assert not (tmp_path / "bundle").exists()


UNFIT = {
    "a label of no station": ('good = ["one.png"]', 'fine = ["one.png"]', "names the label 'fine', the golden station has good, bad"),
    "a pattern without a picture": ('"one.png"', '"three.png"', "[expected] 'good': no golden picture matches 'three.png'"),
    "two labels of one picture": ('"t*.png"', '"*.png"', "good and bad are both expected of the golden picture one.png"),
    "a picture without a label": ('bad = ["t*.png"]', "", "[expected] names no label for the golden picture two.png"),
}


@pytest.mark.parametrize("unfit", UNFIT)
def test_an_expectation_of_an_unknown_label_or_picture_is_refused(spec: Path, capsys: pytest.CaptureFixture[str], unfit: str) -> None:
    old, new, said = UNFIT[unfit]
    text = spec.read_text().replace(old, new)
    spec.write_text(text.replace("version = 3", "version = 3\nrequire_expected = true") if unfit == "a picture without a label" else text)

    assert build(spec) == 78

    message = capsys.readouterr().err.strip().removeprefix("kotoba-export: ")
    assert said in message
    assert is_one_sentence(message)


def test_verify_says_which_golden_verdicts_differ_on_this_machine(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(spec) == 0
    manifest = parse_manifest((tmp_path / "bundle/manifest.json").read_bytes())
    first, second = manifest.golden
    changed = first.model_copy(update={"probability": 1.0 if first.probability < 0.5 else 0.0})
    sign(tmp_path / "bundle", manifest.model_copy(update={"golden": (changed, second)}), builder_key(tmp_path / "keys/builder.key"))
    capsys.readouterr()

    assert main(["verify", str(tmp_path / "bundle"), "--keys", str(tmp_path / "keys")]) == 1

    out, err = capsys.readouterr()
    assert row_of(out, "one.png")[-1] == f"DIFFERS: {first.decision} {first.label} {first.probability:.4f}"
    assert row_of(out, "two.png")[-1] == "same"
    assert "1 of 2 golden verdicts" in err


def test_a_bundle_keeps_its_expected_labels_when_words_are_added(spec: Path, tmp_path: Path) -> None:
    assert build(spec) == 0
    expected = [entry.expected for entry in golden_of(tmp_path)]
    (tmp_path / "rust.txt").write_text("rust\n")
    keys = ["--keys", str(tmp_path / "keys"), "--key", str(tmp_path / "keys/builder.key")]

    assert (
        main(["vocabulary", str(tmp_path / "bundle"), "--tags", str(tmp_path / "rust.txt"), "--out", str(tmp_path / "bundle"), *keys]) == 0
    )

    assert [entry.expected for entry in golden_of(tmp_path)] == expected


def test_the_table_of_the_starter_marks_the_verdicts_that_are_not_as_expected() -> None:
    bundle = open_trusted_bundle(STARTER, keys=KEYS)
    table = golden_table(bundle.manifest.golden, read_station(bundle.file("golden/station.toml")).labels)

    assert all(entry.expected is not None for entry in bundle.manifest.golden)
    assert row_of(table, "crack-0.png")[-1] == "as expected"
    unlike = [line.split()[0] for line in table.splitlines() if "NOT as expected" in line]
    assert unlike == ["corner-or-edge-0.png", "corner-or-edge-1.png", "stain-1.png"]
