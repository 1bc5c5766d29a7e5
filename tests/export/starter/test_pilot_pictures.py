"""The pictures of the three pilots: what they are, that no study can be flattered by them, and that a seed makes them again."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from edge.demo.cells import load_cells
from edge.demo.textiles import TEACHING, textile_paths
from edge.picture.decode import read_picture
from export.products.assembly.part import FAULTS
from export.products.product import read_product
from export.starter.cells import training_cells, validation_cells
from export.starter.pilot_boards import DOMAINS, boards
from export.starter.pilot_pictures import lay_out, main
from export.starter.pilot_textile import textile
from export.texts.checks import require_sound
from export.texts.picture import Picture
from export.texts.sources import read_sources


def laid_out(folder: Path, *arguments: str) -> list[Picture]:
    assert main([*arguments[:1], str(folder), *arguments[1:]]) == 0
    _, pictures = read_sources(folder / "pictures.csv")
    require_sound(pictures, labels=None)
    return pictures


def require_whole_blocks(pictures: list[Picture]) -> None:
    """A block lies in one domain, and has more than one picture."""
    domains = defaultdict(set)
    for picture in pictures:
        domains[picture.block].add(picture.domain)
    assert all(len(found) == 1 for found in domains.values())
    assert max(Counter(picture.block for picture in pictures).values()) > 1


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Picture]:
    return laid_out(tmp_path_factory.mktemp("pilot") / "elpv", "elpv")


def test_every_cell_is_in_the_domain_of_its_run_under_its_own_label(cells: list[Picture]) -> None:
    labels = [f"{'defective' if cell.defective else 'functional'}{'' if cell.certain else '?'}" for cell in load_cells()]
    assert [picture.label for picture in cells] == labels
    assert [picture.path.readlink() for picture in cells] == [cell.path for cell in load_cells()]
    assert Counter(picture.domain for picture in cells) == {
        "mono-0000": 60, "poly-0060": 300, "mono-0360": 180, "poly-0540": 360, "mono-0900": 714, "poly-1614": 530, "mono-2144": 72,
        "poly-2216": 180, "mono-2396": 48, "poly-2444": 180,
    }  # fmt: skip
    require_whole_blocks(cells)


def test_cells_that_taught_or_chose_are_marked_and_no_other(cells: list[Picture]) -> None:
    rows = {split: {row for row, picture in enumerate(cells) if picture.split == split} for split in ("train", "validation")}
    assert rows == {"train": {cell.row for cell in training_cells()}, "validation": {cell.row for cell in validation_cells()}}
    assert {picture.domain for picture in cells if picture.split} == {"mono-0360", "mono-0900"}


def test_no_picture_of_textile_taught_or_is_in_two_domains(tmp_path: Path) -> None:
    pictures = list(textile(1))
    taught = {textile_paths("nominal")[number].stem for number in TEACHING}
    taken = Counter(picture.name.split("/", 2)[2].rpartition(".")[0] for picture in pictures)
    assert max(taken.values()) == 1
    assert not {f"nominal/{stem}" for stem in taught} & set(taken)
    assert set(Counter(picture.domain for picture in pictures).values()) == {250}

    lay_out(tmp_path / "few", [picture for picture in pictures if picture.name.endswith(("0301.jpg", "0401.png", "0551.png"))])

    assert all(read_picture(path).shape == (250, 250, 3) for path in (tmp_path / "few/pictures").rglob("*.*"))


def test_the_domains_of_textile_have_the_same_splits_and_blocks_as_a_study_needs(tmp_path: Path) -> None:
    found = [Picture(tmp_path / one.name, one.name, one.label, one.domain, one.split, one.block) for one in textile(1)]
    require_sound(found, labels=("good", "local", "global"))
    require_whole_blocks(found)
    assert {one.domain for one in found if one.split} == {"loom-1"}


@pytest.mark.long
def test_a_seed_renders_the_same_boards_with_the_truth_of_each_fault(tmp_path: Path) -> None:
    few = ("assembly", "--per-fault", "1", "--teaching", "2")
    pictures, again = laid_out(tmp_path / "first", *few), laid_out(tmp_path / "again", *few)
    other = laid_out(tmp_path / "other", *few, "--seed", "2")

    assert [one.path.read_bytes() for one in pictures] == [one.path.read_bytes() for one in again]
    assert not {one.path.read_bytes() for one in pictures} & {one.path.read_bytes() for one in other}
    assert Counter(one.domain for one in pictures) == dict.fromkeys(DOMAINS, 2 * len(FAULTS))
    truth = {path.relative_to(tmp_path / "first/truth") for path in (tmp_path / "first/truth").rglob("*.png")}
    assert truth == {Path(*Path(one.source).parts[1:]) for one in pictures if one.label != "good"}
    assert {path.parent.name for path in (tmp_path / "first/good").rglob("*.png")} == {"line-1", "line-2"}
    require_whole_blocks(pictures)


def test_the_boards_have_the_labels_of_the_product_and_whole_trays_in_a_split(tmp_path: Path) -> None:
    product = read_product("assembly")
    labels = {product.good.label, *(defect.label or defect.name for defect in product.defects)}
    for per_fault in (1, 3, 14):
        found = [
            Picture(tmp_path / one.name, one.name, one.label, one.domain, one.split, one.block) for one in boards(1, per_fault=per_fault)
        ]
        require_sound(found, labels=labels)
        assert {one.label for one in found} == labels
        assert {one.split for one in found if one.domain == "line-1"} == {"train", "validation"}


def test_a_folder_that_is_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["elpv", str(tmp_path)])
    assert f"laying pictures out in {tmp_path}: it is there already: name a folder that is not there" in capsys.readouterr().err
