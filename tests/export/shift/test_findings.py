"""All pairs of domains at once: who shifts less, what is left out, and that the target is left untouched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from export.findings.figures import Figure
from export.findings.shift import ShiftFindings
from export.shift.contrasts import answer
from export.shift.measure import shift_findings

DOMAINS = ("east", "north", "west")
EACH = 120
PAIRS = (("east", "west"), ("north", "west"))


@dataclass(frozen=True, slots=True, eq=False)
class _Plant:
    """Three domains of blocks of four; `steady` shows defects everywhere alike, `moved` elsewhere in the west, and the domain as well."""

    domains: list[str]
    blocks: list[str]
    bad: NDArray[np.bool_]
    steady: NDArray[np.float64]
    moved: NDArray[np.float64]


@pytest.fixture(scope="module")
def plant() -> _Plant:
    """The same pictures for all tests."""
    rng = np.random.default_rng(11)
    count = len(DOMAINS) * EACH
    domains = [name for name in DOMAINS for _ in range(EACH)]
    bad = rng.random(count) < 0.4
    steady, moved = rng.normal(size=(2, count, 6))
    steady[bad, 0] += 2
    west = np.array([name == "west" for name in domains])
    moved[bad & ~west, 0] += 2
    moved[bad & west, 0] -= 2
    moved[west, 1] += 3
    return _Plant(domains, [str(number // 4) for number in range(count)], bad, steady, moved)


def _measured(plant: _Plant, *, pairs: tuple[tuple[str, str], ...] = PAIRS, seed: int = 5, **changed: NDArray[np.float64]) -> ShiftFindings:
    text, vision = changed.get("text", plant.steady), changed.get("vision", plant.moved)
    return shift_findings(
        {"text": text, "vision": vision},
        domains=plant.domains,
        blocks=plant.blocks,
        bad=plant.bad,
        pairs=pairs,
        seed=seed,
        groups={"all but west": ("east", "north")},
    )


def test_what_shifts_less_is_said_plainly(plant: _Plant) -> None:
    contrast = _measured(plant).contrasts
    assert [(one.less, one.more, one.by_a_distance, one.by_drop) for one in contrast] == [("text", "vision", "yes", "yes")]
    turned = _measured(plant, text=plant.moved, vision=plant.steady).contrasts[0]
    assert (turned.by_a_distance, turned.by_drop) == ("no", "no")
    same = _measured(plant, text=plant.moved).contrasts[0]
    assert (same.a_distance.value, same.by_a_distance, same.by_drop) == (0, "no difference shown", "no difference shown")


def test_a_difference_is_the_mean_over_the_pairs_of_domains(plant: _Plant) -> None:
    found = _measured(plant)
    by_name = {(one.representation, one.source): one.a_distance.value for one in found.pairs}
    apart = np.mean([by_name["vision", source] - by_name["text", source] for source in ("east", "north")])
    assert found.contrasts[0].a_distance.value == pytest.approx(apart)
    assert all(one.a_distance.low <= one.a_distance.value <= one.a_distance.high for one in found.pairs)  # type: ignore[operator]


def test_source_figures_do_not_depend_on_the_target(plant: _Plant) -> None:
    west = np.array([name == "west" for name in plant.domains])
    before = _measured(plant, pairs=(("all but west", "west"),)).pairs
    noise = np.where(west[:, None], np.random.default_rng(0).normal(size=plant.moved.shape), plant.moved)
    after = _measured(plant, pairs=(("all but west", "west"),), vision=noise).pairs
    assert [one.source_auroc for one in before] == [one.source_auroc for one in after]
    assert before[1].target_auroc != after[1].target_auroc


def test_a_part_that_two_domains_share_does_not_teach_its_own_label() -> None:
    """Each part was taken by two cameras, and its look says nothing of its defect: only a model that knows the part could tell."""
    rng = np.random.default_rng(0)
    parts = 120
    look, bad = rng.normal(size=(parts, 60)), rng.random(parts) < 0.5
    found = shift_findings(
        {"vision": np.vstack([look, look + 0.01])},
        domains=["one"] * parts + ["other"] * parts,
        blocks=[str(number) for number in range(parts)] * 2,
        bad=np.tile(bad, 2),
        pairs=[("one", "other")],
        seed=1,
    ).pairs[0]
    assert found.drop is not None
    assert found.drop.value == pytest.approx(0, abs=0.02)


def test_the_same_seed_gives_the_same_findings(plant: _Plant) -> None:
    once, again, other = (_measured(plant, pairs=PAIRS[:1], seed=seed) for seed in (5, 5, 6))
    assert once == again
    assert once != other


def test_findings_are_written_and_read_without_change(plant: _Plant) -> None:
    found = _measured(plant, pairs=(("east", "west"), ("east", "nowhere")))
    assert ShiftFindings.model_validate_json(found.model_dump_json()) == found


def test_what_cannot_be_compared_is_left_out_with_a_sentence(plant: _Plant) -> None:
    broken = plant.steady.copy()
    broken[0] = np.nan
    found = _measured(plant, pairs=(("all but west", "east"), ("north", "nowhere"), ("north", "west")), text=broken)
    assert {(one.source, one.target) for one in found.pairs} == {("north", "west")}
    assert tuple(map(str, found.left_out)) == (
        "Shift: 1 of 360 pictures have no numbers in text, vision and are left out.",
        "Shift from all but west to east: left out, both hold the same pictures: name domains that do not overlap.",
        "Shift from north to nowhere: left out, nowhere has no picture that can be used: the domains are east, north, west.",
    )


def test_a_source_of_one_class_has_distances_but_no_drop(plant: _Plant) -> None:
    only_good = np.array([name == "east" for name in plant.domains])
    one = shift_findings(
        {"vision": plant.moved, "text": np.ones((len(plant.bad), 3))},
        domains=plant.domains,
        blocks=plant.blocks,
        bad=plant.bad & ~only_good,
        pairs=(("east", "west"),),
        seed=0,
    )
    vision, text = one.pairs
    assert (vision.drop, vision.source_auroc, one.contrasts[0].by_drop) == (None, None, None)
    assert vision.a_distance.value > 1
    assert (text.dimensions, text.a_distance.value) == (0, 0)
    assert text.mmd2 == pytest.approx(0)


@pytest.mark.parametrize(("low", "high", "said"), [(0.1, 0.2, "yes"), (-0.2, -0.1, "no"), (-0.1, 0.2, "no difference shown")])
def test_an_interval_that_holds_zero_shows_no_difference(low: float, high: float, said: str) -> None:
    assert answer(Figure(value=0, low=low, high=high)) == said


def test_a_figure_without_an_interval_shows_no_difference() -> None:
    assert answer(Figure(value=1)) == "no difference shown"
