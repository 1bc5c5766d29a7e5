from __future__ import annotations

from pathlib import Path

import pytest

import export.starter
from edge.demo.textiles import textile_paths
from export.starter.cells import HELD_OUT_MONO, load_cells, training_cells, validation_cells
from export.starter.lay_out import main
from export.teach.plan import check
from export.teach.spec import read_teach_spec

SPECIFICATION = Path(export.starter.__file__).with_name("teach.toml")
WOVEN = SPECIFICATION.with_name("woven") / "teach.toml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("starter") / "cells"
    assert main([str(folder)]) == 0
    return folder


def rows(folder: Path) -> list[int]:
    """The rows of the cells below a folder, as the pictures themselves tell."""
    row_of = {cell.path: cell.row for cell in load_cells()}
    return [row_of[link.readlink()] for link in sorted(folder.rglob("*")) if link.is_symlink()]


def test_every_source_cell_is_laid_out_once_and_no_other(folder: Path) -> None:
    cells, laid = load_cells(), rows(folder)
    source = {cell.row for cell in (*training_cells(), *validation_cells())}
    assert len(laid) == len(set(laid))
    assert set(laid) == source
    assert not source & {row for rows in HELD_OUT_MONO for row in rows}
    assert {cells[row].material for row in laid} == {"mono"}
    assert {cells[row].probability for row in rows(folder / "good")} == {0.0}
    assert min(cells[row].probability for row in rows(folder / "labelled/ng")) > 0.5
    assert {round(cells[row].probability, 2) for row in rows(folder / "labelled/functional")} == {0.33}


@pytest.mark.long
def test_the_specification_of_the_starter_teaches_with_no_validation_cell(folder: Path, tmp_path: Path) -> None:
    text = SPECIFICATION.read_text(encoding="utf-8").replace("../../.kotoba/cells", str(folder))
    for name in ("golden", "templates"):
        text = text.replace(f'{name} = "weights/{name}"', f'{name} = "{SPECIFICATION.parent / "weights" / name}"')
    (tmp_path / "teach.toml").write_text(text, encoding="utf-8")

    plan = check(*read_teach_spec(tmp_path / "teach.toml"), near=tmp_path, report=lambda _: None)

    validation = {cell.path for cell in validation_cells()}
    share, labelled = plan.spec.held_out, plan.pictures.labelled
    teaching = [path for domain in plan.domains for path in domain.training]
    teaching += [path for paths in labelled.values() for path in paths[: len(paths) - round(share * len(paths))]]
    assert len(teaching) > 600
    assert not validation & {path.readlink() for path in teaching}
    assert [Path(domain.name).name for domain in plan.domains] == ["run-360", "run-900"]


@pytest.mark.long
def test_the_specification_of_the_textile_teaches_with_the_first_nominal_pictures(tmp_path: Path) -> None:
    assert main([str(tmp_path / "textile"), "--product", "woven"]) == 0
    text = WOVEN.read_text(encoding="utf-8").replace("../../../.kotoba/textile", str(tmp_path / "textile"))
    text = text.replace('text = "', f'text = "{WOVEN.parent}/')
    (tmp_path / "teach.toml").write_text(text, encoding="utf-8")

    plan = check(*read_teach_spec(tmp_path / "teach.toml"), near=tmp_path, report=lambda _: None)

    (good,) = plan.domains
    assert [path.readlink() for path in good.paths] == list(textile_paths("nominal")[:200])
    assert plan.product.name == plan.spec.name == "woven"
    assert all(licence.text is None or licence.text.is_file() for licence in plan.spec.licences)
    assert not plan.pictures.labelled


def test_a_folder_that_is_there_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(folder)])
    assert f"laying pictures out in {folder}: it is there already: name a folder that is not there" in capsys.readouterr().err
