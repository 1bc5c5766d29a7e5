from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.inspected_cells import read_inspected_cells
from edge.bundle.open import Bundle
from edge.errors import HistoryError
from edge.inspection.inspector import Inspector
from edge.inspection.policy import Limits
from edge.judges.scripted import ScriptedJudge
from edge.message import encode
from edge.records import Description, Frame, Inspection, Tag, Words
from export.starter.cells import Cell, load_cells
from export.studies.errors import StudyError
from export.studies.typographic_attack.attack import inspect_pictures, make_pictures
from export.studies.typographic_attack.ways import ATTACKS
from export.tuning.examples import ExamplesError, read_examples
from firmware_config.board import Board
from firmware_config.bundle import Manifest
from tests.support.sample_records import BUNDLE, frame, scores, station
from tests.support.tiny_bundle import manifest_of, sound_files

AT = station()
BOARD = Board(name="test", providers=("cpu",), threads=1)
OTHER = "sha256:" + "9" * 64


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle(tmp_path, Manifest.model_validate(manifest_of(sound_files())), BUNDLE)


class ConstantDescriber:
    """Describes every picture the same."""

    def describe(self, frame: Frame) -> Description:  # noqa: ARG002 -- the words are given
        return Description(Words((Tag("cell", 0.5),), (Tag("even", 0.5),), ("a cell",)))


@pytest.fixture
def inspection(bundle: Bundle) -> Inspection:
    """An inspection with the models of the bundle and the settings of the station AT."""
    judge = ScriptedJudge(lambda _: scores(0.7, 0.2, 0.1))
    models = bundle.manifest.models_digest
    return Inspector(AT, describer=ConstantDescriber(), judge=judge, limits=Limits(), bundle_digest=BUNDLE, models_digest=models).inspect(
        frame()
    )


def write_lines(path: Path, inspections: Sequence[Inspection]) -> None:
    path.write_bytes(b"".join(encode(inspection) + b"\n" for inspection in inspections))


def of_cells(inspection: Inspection, cells: Sequence[Cell]) -> list[Inspection]:
    """The same inspection of every cell."""
    return [replace(inspection, id=f"id-{cell.row}", source=f"/cells/{cell.path.name}") for cell in cells]


def test_every_cell_gets_its_words_scores_and_label(bundle: Bundle, inspection: Inspection, tmp_path: Path) -> None:
    cells = load_cells()
    write_lines(tmp_path / "lines.jsonl", of_cells(inspection, cells))

    inspected = read_inspected_cells(tmp_path / "lines.jsonl", bundle, AT)

    assert len(inspected.descriptions) == len(inspected.scores) == len(cells) == 2624
    assert inspected.defective.sum() == sum(cell.probability >= 0.5 for cell in cells)
    assert not set(inspected.sets["all poly cells"]) & set(inspected.sets["held-out mono runs"])


def test_lines_of_other_models_are_refused(bundle: Bundle, inspection: Inspection, tmp_path: Path) -> None:
    *lines, last = of_cells(inspection, load_cells())
    write_lines(tmp_path / "lines.jsonl", [*lines, replace(last, models_digest=OTHER)])

    with pytest.raises(StudyError, match=f"{last.source} in .* was inspected with models {OTHER}, .* models sha256:.*: inspect all cells"):
        read_inspected_cells(tmp_path / "lines.jsonl", bundle, AT)


def test_lines_of_other_station_settings_are_refused(bundle: Bundle, inspection: Inspection, tmp_path: Path) -> None:
    *lines, last = of_cells(inspection, load_cells())
    write_lines(tmp_path / "lines.jsonl", [*lines, replace(last, settings_digest=OTHER)])

    with pytest.raises(StudyError, match=f"was inspected with station settings {OTHER}, .* station settings {AT.settings_digest}: inspect"):
        read_inspected_cells(tmp_path / "lines.jsonl", bundle, AT)


def test_lines_of_a_bundle_with_another_signature_are_accepted(bundle: Bundle, inspection: Inspection, tmp_path: Path) -> None:
    lines = of_cells(replace(inspection, bundle=OTHER, station_digest=OTHER), load_cells())
    write_lines(tmp_path / "lines.jsonl", lines)

    assert len(read_inspected_cells(tmp_path / "lines.jsonl", bundle, AT).cells) == len(lines)


def test_a_cell_without_a_line_is_named(bundle: Bundle, inspection: Inspection, tmp_path: Path) -> None:
    cells = load_cells()
    write_lines(tmp_path / "lines.jsonl", of_cells(inspection, cells[1:]))

    with pytest.raises(StudyError, match=f"1 of 2624 cells .* the first is {cells[0].path.name}: inspect all cells"):
        read_inspected_cells(tmp_path / "lines.jsonl", bundle, AT)


def test_inspections_of_other_models_do_not_continue_an_attack(bundle: Bundle, inspection: Inspection, tmp_path: Path) -> None:
    picture = make_pictures(2, 7)[0]
    unguarded = station(picture={"allow_printed_text": True}).settings_digest
    first = replace(inspection, source=f"{picture.cell.path.name}:{picture.text}:7", settings_digest=unguarded, models_digest=OTHER)
    write_lines(tmp_path / "inspections.jsonl", [first])

    models = bundle.manifest.models_digest
    with pytest.raises(StudyError, match=f"not those of these 14 pictures, seed 7, models {models} and this station: remove the file"):
        inspect_pictures(bundle, BOARD, AT, make_pictures(2, 7), seed=7, jsonl=tmp_path / "inspections.jsonl", report=lambda _: None)


def test_an_attack_continues_from_its_inspections(bundle: Bundle, inspection: Inspection, tmp_path: Path) -> None:
    unguarded = station(picture={"allow_printed_text": True}).settings_digest
    one = replace(inspection, settings_digest=unguarded)
    lines = [replace(one, source=picture.name(7)) for picture in make_pictures(2, 7)]
    write_lines(tmp_path / "inspections.jsonl", lines)

    attacked = inspect_pictures(bundle, BOARD, AT, make_pictures(2, 7), seed=7, jsonl=tmp_path / "inspections.jsonl", report=lambda _: None)

    assert [one.picture.text for one in attacked][2:7] == list(ATTACKS)
    assert [one.inspection.id for one in attacked] == [line.id for line in lines]
    assert [one.inspection.source for one in attacked] == [line.source for line in lines]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"source": "a"}', "line 2 of .* is not an example .*description.*: it needs"),
        ("no JSON", "line 2 of .* is not an example"),
        (
            '{"source": "a", "description": {"tags": [], "attributes": [], "captions": []}, "allowed": ["dent"]}',
            "allows dent, which the station does not have: use its labels",
        ),
    ],
)
def test_a_line_that_is_not_an_example_is_named(tmp_path: Path, line: str, message: str) -> None:
    good = '{"source": "a", "description": {"tags": [], "attributes": [], "captions": []}, "allowed": ["good"]}'
    (tmp_path / "examples.jsonl").write_text(f"{good}\n{line}\n")
    with pytest.raises(ExamplesError, match=message):
        read_examples(tmp_path / "examples.jsonl", AT.labels)


def test_a_missing_file_of_examples_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExamplesError, match=r"reading examples from .*none.jsonl failed .*: make them with"):
        read_examples(tmp_path / "none.jsonl", AT.labels)


def test_a_line_or_file_that_cannot_be_read_is_named(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "lines.jsonl").write_text("no inspection\n")
    with pytest.raises(HistoryError, match=r"line 1 of .*lines.jsonl"):
        read_inspected_cells(tmp_path / "lines.jsonl", bundle, AT)
    with pytest.raises(HistoryError, match=r"none.jsonl: there is no such file"):
        read_inspected_cells(tmp_path / "none.jsonl", bundle, AT)
