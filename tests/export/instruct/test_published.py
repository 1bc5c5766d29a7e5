from __future__ import annotations

from dataclasses import replace

import pytest

from edge.judges.prompt import CONTENT_FREE, Prompt, description_text
from edge.records import Measured, Tag, Words
from export.instruct.form import BOX_TEMPLATE, form_of
from export.instruct.neutral import neutral_labels
from export.instruct.published import Shown, empty_text, published_text
from firmware_config.labels import Label

LABELS = (Label(name="good", meaning="no damage", decision="ok"), Label(name="dark area", decision="ng"))
WORDS = Words(
    (Tag("cell", 0.3), Tag("line", 0.2)),
    (Tag("thin", 0.2),),
    ("a line on a cell", "Attributes:"),
    (Measured("far darker than usual", 9.0),),
)


def test_the_published_form_has_blocks_of_items_then_the_options_and_then_the_answer() -> None:
    assert form_of("published", LABELS).whole(WORDS, 1) == (
        "These notes tell what was seen in a picture.\n"
        "Tags:\n- cell\n- line\nAttributes:\n- thin\nCaptions:\n- a line on a cell\n- Attributes:\n"
        "Go by these notes and choose the category that is most like the picture, out of these options: [good, dark area].\n"
        "### Answer: dark area"
    )


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (("tags",), "Tags:\n- cell\n- line\n"),
        (("captions", "attributes"), "Attributes:\n- thin\nCaptions:\n- a line on a cell\n- Attributes:\n"),
        ((), ""),
    ],
)
def test_only_the_kinds_of_words_that_are_asked_for_are_shown(shown: tuple[Shown, ...], text: str) -> None:
    assert published_text(WORDS, shown=shown) == text


def test_a_kind_without_words_has_no_heading() -> None:
    assert published_text(replace(WORDS, tags=(), captions=())) == "Attributes:\n- thin\n"


def test_a_description_without_content_has_the_same_blocks() -> None:
    assert empty_text(shown=("tags", "captions")) == "Tags:\n- N/A\nCaptions:\n- N/A\n"


def test_the_form_of_the_box_is_the_text_that_the_box_judges() -> None:
    form, prompt = form_of("box", LABELS), Prompt.parse(BOX_TEMPLATE, LABELS)

    assert form.whole(WORDS, 0) == prompt.prefix + description_text(WORDS) + "Answer: good"
    assert form.empty == CONTENT_FREE
    assert form_of("box", LABELS, shown=("tags",)).text(WORDS) == "Tags: cell, line\n"


def test_neutral_labels_keep_their_decisions_and_lose_what_they_mean() -> None:
    neutral = neutral_labels([*LABELS, Label(name="kolu", decision="ng")])

    assert [(label.name, label.meaning, label.decision) for label in neutral] == [
        ("balu", "", "ok"),
        ("milu", "", "ng"),
        ("tulu", "", "ng"),
    ]
