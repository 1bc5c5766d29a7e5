from __future__ import annotations

import os
from dataclasses import replace
from math import prod
from pathlib import Path

from export.eye.efficientnet import ImageNetTrunk
from export.eye.trunk import Work
from export.teach.estimate import EFFORTS, EffortName, estimate
from export.teach.pictures import MOST_GOOD
from export.teach.plan import Plan, check
from export.teach.spec import STARTER_TEMPLATES, read_teach_spec
from tests.support.odd_checkpoints import write_clip
from tests.support.teaching import LABELS, PRODUCT, SPEC, write_pictures, write_teaching


def plan_of(path: Path) -> Plan:
    spec, product = read_teach_spec(path)
    return check(spec, product, near=path.parent, report=lambda _: None)


def names(paths: tuple[Path, ...]) -> list[str]:
    return [path.name for path in paths]


def test_each_folder_with_pictures_is_a_domain_whose_last_pictures_are_held_out_as_one_block(tmp_path: Path) -> None:
    path = write_teaching(tmp_path)
    write_pictures(tmp_path / "good/line-2/monday", 25, seed=1)
    (tmp_path / "good/line-2/notes.txt").write_text("no picture")
    first, second = plan_of(path).domains
    assert (first.name, second.name) == (str(tmp_path / "good"), str(tmp_path / "good/line-2/monday"))
    assert (len(first.training), names(first.held_out)) == (16, ["016.png", "017.png", "018.png", "019.png"])
    assert (len(second.training), len(second.held_out)) == (20, 5)
    assert names(second.paths) == [f"{number:03}.png" for number in range(25)]


def test_of_too_many_good_pictures_evenly_spaced_ones_are_taken_and_small_domains_whole(tmp_path: Path) -> None:
    path = write_teaching(tmp_path)
    (tmp_path / "good/large").mkdir()
    write_pictures(tmp_path / "one", 1, seed=2)
    for number in range(2 * MOST_GOOD):
        os.link(tmp_path / "one/000.png", tmp_path / f"good/large/{number:04}.png")
    plan = plan_of(path)
    small, large = plan.domains
    assert (len(small.paths), len(large.paths)) == (20, MOST_GOOD - 20)
    assert names(large.paths)[:2] + names(large.paths)[-1:] == ["0000.png", "0002.png", "3997.png"]
    assert plan.pictures.left_out == 2 * MOST_GOOD - (MOST_GOOD - 20)


def test_labels_come_from_the_product_unless_the_specification_names_them(tmp_path: Path) -> None:
    product = (
        PRODUCT.replace('painter = "blob"', 'painter = "blob"\nlabel = "dirt"') + '\n[good]\nlabel = "fine"\nmeaning = "as it should be"\n'
    )
    path = write_teaching(tmp_path, product=product)
    plan = plan_of(path)
    assert [(label.name, label.meaning, label.decision) for label in plan.labels] == [
        ("fine", "as it should be", "ok"),
        ("scratch", "", "ng"),
        ("dirt", "", "ng"),
    ]
    assert plan.label_of == {"scratch": "scratch", "stain": "dirt"}

    named = LABELS.replace('"good"', '"fine"').replace('"stain"\ndecision = "ng"', '"dirt"\ndecision = "review"')
    path.write_text(SPEC + named)
    assert [label.decision for label in plan_of(path).labels] == ["ok", "ng", "review"]


def test_labelled_and_unlabelled_pictures_come_from_folders_and_patterns(tmp_path: Path) -> None:
    sections = '[pictures]\nlabelled = { scratch = ["marked/s-*.png"], good = ["more"] }\nunlabelled = ["new"]'
    path = write_teaching(tmp_path, spec=SPEC.replace("[pictures]", sections))
    for place, seed in (("marked", 3), ("more", 4), ("new/line-2", 5)):
        write_pictures(tmp_path / place, 3, seed=seed)
    (tmp_path / "marked/000.png").rename(tmp_path / "marked/s-0.png")
    found = plan_of(path).pictures
    assert {label: names(paths) for label, paths in found.labelled.items()} == {
        "scratch": ["s-0.png"],
        "good": ["000.png", "001.png", "002.png"],
    }
    assert [path.parent.name for path in found.unlabelled] == ["line-2"] * 3


def test_pictures_of_several_sizes_are_allowed_where_scaling_is_meant(tmp_path: Path) -> None:
    path = write_teaching(tmp_path, spec=SPEC.replace("[pictures]", "[pictures]\nscale = true"))
    write_pictures(tmp_path / "good/line-2", 20, side=96, seed=1)
    assert plan_of(path).pictures.sizes == ((64, 64), (96, 96))


def test_conditions_of_the_specification_take_the_place_of_the_products(tmp_path: Path) -> None:
    path = write_teaching(tmp_path, product=PRODUCT + '\n[conditions]\nflips = "both"\n')
    assert plan_of(path).product.conditions.flips == "both"
    path.write_text(SPEC + "\n[conditions]\ngain = [0.8, 1.2]\n")
    conditions = plan_of(path).product.conditions
    assert (conditions.flips, conditions.gain) == ("none", (0.8, 1.2))


def test_a_product_that_comes_along_is_named_without_a_path_and_templates_are_the_starters(tmp_path: Path) -> None:
    path = write_teaching(tmp_path, spec=SPEC.replace('"bolt"', '"solar_cell"'))
    plan = plan_of(path)
    assert plan.product.name == "solar_cell"
    assert plan.templates == STARTER_TEMPLATES
    assert plan.llm.suffix == ".gguf"


def test_more_effort_larger_pictures_and_more_seeds_take_longer() -> None:
    def seconds(effort: EffortName, side_px: int, seeds: int) -> float:
        trunk = ImageNetTrunk(side_px, "none")
        return estimate(
            EFFORTS[effort], side_px=side_px, channels=1, pictures=100, seeds=seeds, work=trunk.work, feature_bytes=2 * prod(trunk.shape)
        ).seconds

    assert seconds("quick", 224, 1) < seconds("normal", 224, 1) < seconds("thorough", 224, 1)
    assert seconds("normal", 224, 1) < seconds("normal", 448, 1)
    assert seconds("normal", 224, 1) < seconds("normal", 224, 3)


def test_a_trunk_of_the_users_own_is_found_beside_the_specification(tmp_path: Path) -> None:
    path = write_teaching(tmp_path / "own", spec=SPEC + '\n[eye]\ntrunk = "models/clip"\n')
    folder = write_clip(tmp_path / "own/models/clip")

    own = plan_of(path)

    assert str(folder) in own.trunk.title
    assert own.trunk.preprocess.size == plan_of(write_teaching(tmp_path / "usual")).trunk.preprocess.size == 64


def test_a_large_vision_tower_takes_hours_and_gigabytes() -> None:
    """As a ViT-L/14 on pictures of 224 pixels: 303 million weights, 256 patches, 2,048 channels."""
    work = Work(weights=303_000_000, products=81_000_000_000, batch_bytes=30_000_000)
    found, twice = (
        estimate(EFFORTS["normal"], side_px=224, channels=1, pictures=100, seeds=1, work=one, feature_bytes=2 * 2048 * 256)
        for one in (work, replace(work, weights=2 * work.weights))
    )
    assert twice.memory_bytes - found.memory_bytes == 20 * work.weights
    assert 5 < found.seconds / 3600 < 12
    assert 6e9 < found.memory_bytes < 9e9
    assert 10e9 < found.disk_bytes < 15e9
