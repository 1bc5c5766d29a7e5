"""Labels become good or defective, domains are counted, and what does not fit is one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from export.errors import SpecError
from export.pilot.labels import domains_of, groups_of, labelling, require_groups
from export.pilot.spec import Data
from export.texts.row import Row
from firmware_config.labels import Label
from tests.support.tiny_bundle import is_one_sentence

STATION = (Label(name="intact", decision="ok"), Label(name="crack", decision="ng"))


def data(**values: Any) -> Data:  # noqa: ANN401 -- as a file has them
    return Data.model_validate({"texts": "texts", **values})


def row(number: int, label: str | None, domain: str, *, block: str = "b", error: str | None = None) -> Row:
    return Row(
        id=f"{number:064x}", source=f"{number}.png", label=label, domain=domain, split=None, block=block, models_digest="m",
        describe_digest="d", error=error,
    )  # fmt: skip


def test_good_labels_are_those_that_the_station_passes_and_any_other_is_bad() -> None:
    found = labelling(data(), {"intact", "crack", "scratch"}, STATION)

    assert (found.good, found.bad) == (("intact",), ("crack", "scratch"))


def test_named_labels_stand_in_the_place_of_the_stations() -> None:
    found = labelling(data(good_labels=("fine",), bad_labels=("intact",)), {"fine", "intact"}, STATION)

    assert (found.good, found.bad) == (("fine",), ("intact",))


@pytest.mark.parametrize(
    ("values", "labels", "said"),
    [
        ({"good_labels": ("fin",)}, {"fine", "crack"}, "'fin', which no picture has (their labels are crack, fine)"),
        ({"bad_labels": ("crack",)}, {"intact", "crack", "scratch"}, "'scratch', which is neither"),
        ({}, {"crack"}, "no picture is good"),
        ({}, {"intact"}, "no picture is defective"),
        ({}, set(), "no picture is good (their labels are none)"),
    ],
)
def test_labels_that_do_not_fit_are_one_sentence(values: dict[str, Any], labels: set[str], said: str) -> None:
    with pytest.raises(SpecError) as raised:
        labelling(data(**values), labels, STATION)

    assert said in str(raised.value)
    assert is_one_sentence(str(raised.value))


def test_domains_count_what_could_be_described() -> None:
    labels = labelling(data(), {"intact", "crack"}, STATION)
    rows = [
        row(1, "intact", "b"), row(2, "crack", "b", block="c"), row(3, None, "b"), row(4, "crack", "b", error="it is broken"),
        row(5, "intact", "a"),
    ]  # fmt: skip

    first, second = domains_of(rows, labels, seen=("a",))

    assert (first.name, first.seen, first.good, first.bad) == ("a", True, 1, 0)
    assert (second.good, second.bad, second.unlabelled, second.unreadable, second.blocks) == (1, 1, 1, 1, 2)
    assert second.labels == {"crack": 1, "intact": 1}


@pytest.mark.parametrize("key", ["seen", "groups"])
def test_a_domain_that_is_not_there_is_one_sentence(key: str) -> None:
    given = data(seen=("line9",)) if key == "seen" else data(groups={"all": ("line9",)})
    with pytest.raises(SpecError, match=rf"data\.{key} names the domain 'line9'") as raised:
        groups_of(given, {"line1", "line2"})

    assert is_one_sentence(str(raised.value))


def test_without_groups_each_domain_is_one() -> None:
    assert groups_of(data(), {"b", "a"}) == {"a": ("a",), "b": ("b",)}


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"x": ("a", "c")}, "the group 'x' names the domain 'c', which has no labelled picture"),
        ({"x": ("a", "b")}, "the group 'x' holds every domain with labelled pictures"),
    ],
)
def test_a_group_that_cannot_be_left_out_is_one_sentence(groups: dict[str, tuple[str, ...]], said: str) -> None:
    with pytest.raises(SpecError) as raised:
        require_groups(data(groups=groups), {"a", "b"})

    assert said in str(raised.value)
    assert is_one_sentence(str(raised.value))


def test_a_group_beside_another_domain_can_be_left_out() -> None:
    require_groups(data(groups={"x": ("a",)}), {"a", "b"})
