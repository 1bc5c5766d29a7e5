from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from export.products.assembly.part import FAULTS
from export.studies import few_pictures, taught
from export.studies.few_pictures import CASES, GOOD, Case, curve, measured_scores, planned
from export.studies.seed_files import LANGUAGE_MODEL, LINEAR
from export.teach import plan as plans
from export.teach.estimate import EFFORTS, Effort
from firmware_config.board import read_board

LEAST = Effort(painted=64, steps=1, batch=8, words=20, captions=2, described=40, tunings=1)


def silent(line: str) -> None:
    """No progress."""


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, Path]:
    work = tmp_path_factory.mktemp("few")
    return CASES["Assembled part"](work), work


@pytest.mark.parametrize("name", ["Cells", "Textile"])
def test_no_measured_picture_teaches(name: str, tmp_path: Path) -> None:
    case = CASES[name](tmp_path)
    groups = [set(case.good), set(case.defective), *map(set, case.measured.values())]
    assert all(groups), "a group is empty"
    assert len(set(chain(*groups))) == sum(map(len, groups))


def test_the_rendered_parts_of_both_lines_teach_and_are_measured(assembly: tuple[Case, Path]) -> None:
    case, _ = assembly
    assert len(case.good) == 200
    assert {path.parent.name for path in case.good[:20]} == {"line-1", "line-2"}
    assert set(case.measured) == {GOOD, *FAULTS}
    assert {path.parent.name for path in case.defective[:16]} == set(FAULTS)
    assert not {path.read_bytes() for path in case.defective} & {path.read_bytes() for path in case.paths}


def test_the_plan_takes_as_many_pictures_as_it_is_told(assembly: tuple[Case, Path]) -> None:
    case, work = assembly
    plan = planned(case, work, good=20, labelled=4, report=silent)
    assert [len(domain.paths) for domain in plan.domains] == [20]
    assert {label: len(paths) for label, paths in plan.pictures.labelled.items()} == {"ng": 4}


def test_the_curve_has_a_row_for_each_number_of_pictures_and_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case("woven", [Path(f"{number}.png") for number in range(60)], [], {GOOD: [Path("a"), Path("b")], "local": [Path("c")]})

    def found(*_: object, labelled: int, **__: object) -> dict[str, np.ndarray]:
        """The language model finds the defect, the linear judge finds it with labels alone."""
        return {LANGUAGE_MODEL: np.array([0.0, 1.0, 2.0]), LINEAR: np.array([0.0, 1.0, 2.0 if labelled else -1.0])}

    monkeypatch.setattr(few_pictures, "measured_scores", found)
    rows = [row.strip("| ").split(" | ") for row in curve(case, Path(), board=read_board("cpu"), report=silent).splitlines()[2:]]
    assert [tuple(row[:2]) for row in rows[::2]] == [(good, labelled) for good in ("20", "50") for labelled in ("0", "4", "16")]
    assert [(row[2], row[3]) for row in rows[:4]] == [
        (LANGUAGE_MODEL, "1.000"),
        (LINEAR, "0.000"),
        (LANGUAGE_MODEL, "1.000"),
        (LINEAR, "1.000"),
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_both_judges_score_every_measured_picture_and_the_scores_are_kept(
    assembly: tuple[Case, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    case, work = assembly
    monkeypatch.setattr(plans, "EFFORTS", {**EFFORTS, "quick": LEAST})
    few = Case(case.product, case.good, case.defective, {kind: paths[:2] for kind, paths in case.measured.items()})

    def measure() -> dict[str, np.ndarray]:
        return measured_scores(few, work, good=20, labelled=4, board=read_board("cpu"), report=silent)

    first = measure()
    assert all(np.isfinite(scores).all() and len(scores) == len(few.paths) for scores in first.values())
    assert all(len(set(scores)) > 1 for scores in first.values())
    monkeypatch.setattr(taught, "eye_of", None)  # what is kept is not made again
    again = measure()
    assert all((again[name] == first[name]).all() for name in first)
