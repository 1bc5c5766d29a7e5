"""Which rows teach, which choose the step, and what is right for them."""

from __future__ import annotations

import hashlib

import pytest

from export.instruct.errors import TuneError
from export.instruct.sides import right_for, sides_of
from export.texts.row import Row
from firmware_config.labels import Label
from tests.support.tiny_bundle import is_one_sentence

LABELS = (Label(name="good", decision="ok"), Label(name="crack", decision="ng"), Label(name="stain", decision="review"))


def row(number: int, label: str | None, domain: str = "line1", *, block: str = "", **values: object) -> Row:
    source = f"{domain}/{label}/{number}.png"
    return Row(
        id=hashlib.sha256(source.encode()).hexdigest(),
        source=source,
        label=label,
        domain=domain,
        block=block or source,
        models_digest="sha256:m",
        describe_digest="sha256:d",
        **{"split": None, **values},
    )


ROWS = [
    row(number, label, domain, block=f"{domain}/{number // 2}")
    for domain in ("line1", "line2")
    for label in ("good", "crack")
    for number in range(20)
]


def test_validation_takes_whole_blocks_until_it_has_its_share_of_every_label() -> None:
    sides = sides_of(ROWS, adapt_to=(), share=0.2, seed=3)

    assert {one.block for one in sides.source}.isdisjoint(one.block for one in sides.validation)
    assert len(sides.source) + len(sides.validation) == len(ROWS)
    counts = [sum(one.label == label for one in sides.validation) for label in ("good", "crack")]
    assert all(8 <= count <= 10 for count in counts)
    assert sides_of(ROWS, adapt_to=(), share=0.2, seed=3) == sides
    assert sides_of(ROWS, adapt_to=(), share=0.2, seed=4) != sides


def test_a_split_of_the_data_set_is_kept_and_test_rows_are_never_read() -> None:
    rows = [
        row(number, label, split=split) for label in ("good", "crack") for number, split in enumerate(("train", "validation", "test", None))
    ]

    sides = sides_of(rows, adapt_to=(), share=0.5, seed=0)

    assert {one.split for one in sides.validation} == {"validation"}
    assert {one.split for one in sides.source} == {"train", None}


def test_rows_without_words_or_label_teach_nothing_but_unlabelled_ones_of_the_target_do() -> None:
    rows = [
        *ROWS,
        row(50, None),
        row(51, "good", error="it is broken"),
        row(52, None, "line2"),
        row(53, "good", "line2", error="it is broken"),
    ]

    sides = sides_of(rows, adapt_to=("line2",), share=0.2, seed=0)

    assert {one.domain for one in (*sides.source, *sides.validation)} == {"line1"}
    assert all(one.label for one in (*sides.source, *sides.validation))
    assert [one.source for one in sides.target] == [one.source for one in (*ROWS, rows[-2]) if one.domain == "line2"]


def test_a_domain_that_is_not_there_is_named() -> None:
    with pytest.raises(TuneError, match="'line3': the data set has line1, line2") as raised:
        sides_of(ROWS, adapt_to=("line3",), share=0.2, seed=0)
    assert is_one_sentence(str(raised.value))


def test_a_label_of_the_station_is_right_itself_and_another_one_stands_for_its_side() -> None:
    assert right_for(row(0, "crack"), LABELS, good=()) == ("crack",)
    assert right_for(row(0, "crack"), LABELS, good=("fine",)) == ("crack",)
    assert right_for(row(0, "fine"), LABELS, good=("fine",)) == ("good",)
    assert right_for(row(0, "dent"), LABELS, good=("fine",)) == ("crack", "stain")


@pytest.mark.parametrize(
    ("label", "good", "message"),
    [
        ("dent", (), r"labelled 'dent', which the station does not know"),
        ("crack", ("crack",), r"'crack' is 'ng' for the station, and --good"),
    ],
)
def test_a_label_that_cannot_be_understood_is_one_sentence(label: str, good: tuple[str, ...], message: str) -> None:
    with pytest.raises(TuneError, match=message) as raised:
        right_for(row(0, label), LABELS, good=good)
    assert is_one_sentence(str(raised.value))
