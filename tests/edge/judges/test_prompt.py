from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import BundleError
from edge.judges.prompt import Prompt, description_text
from edge.records import Measured
from firmware_config.labels import Label
from tests.support.repository import STARTER_SOURCES
from tests.support.sample_records import words
from tests.support.tiny_bundle import is_one_sentence

LABELS = (Label(name="good", meaning="no damage", decision="ok"), Label(name="crack", decision="ng"))
TEMPLATE = "Answers:\n{labels}\n{examples}Words:\n{description}Answer:\n"
PLAIN = TEMPLATE.replace("{examples}", "")
TEMPLATES = sorted((STARTER_SOURCES / "weights/templates").glob("*.txt"))


def test_names_and_meanings_of_labels_are_in_the_prompt() -> None:
    prompt = Prompt.parse(PLAIN, LABELS)

    assert prompt.prefix == "Answers:\n- good: no damage\n- crack\nWords:\n"
    assert (prompt.suffix, prompt.answers) == ("Answer:", (" good", " crack"))


def test_what_was_measured_is_a_block_of_its_own_and_stays_when_captions_are_cut() -> None:
    plain = words("a dark line")
    measured = replace(plain, measured=(Measured("much darker than usual", 6.0), Measured("softer than usual", 3.5)))

    assert description_text(measured) == (
        "Tags: solar cell\nAttributes: intact\nMeasured: much darker than usual, softer than usual\nCaptions:\n- a dark line\n"
    )
    assert description_text(measured, captions=0).endswith("Measured: much darker than usual, softer than usual\n")
    assert description_text(plain) == "Tags: solar cell\nAttributes: intact\nCaptions:\n- a dark line\n"


def test_an_example_is_written_as_the_picture_itself_will_be() -> None:
    prompt = Prompt.parse(TEMPLATE, LABELS, examples=[(words("a dark line"), "crack")])

    example = f"Words:\n{description_text(words('a dark line'))}Answer: crack\n"
    assert prompt.prefix.endswith(f"crack\n{example}Words:\n")
    assert prompt.suffix == "Answer:"


def test_without_examples_their_slot_is_empty() -> None:
    assert Prompt.parse(TEMPLATE, LABELS) == Prompt.parse(PLAIN, LABELS)


def test_a_slot_in_a_label_or_a_caption_is_plain_text() -> None:
    labels = (Label(name="{description}", decision="ok"), Label(name="{examples}", meaning="{labels}", decision="ng"))

    prompt = Prompt.parse(TEMPLATE, labels, examples=[(words("{labels}"), "{examples}")])

    assert prompt.prefix.count("{description}") == 1
    assert prompt.answers == (" {description}", " {examples}")
    assert "- {labels}\n" in prompt.prefix


WRONG = {
    "no labels": ("{description}", r"must hold \{labels\} once, this one has it 0 times"),
    "no description": ("{labels}", r"must hold \{description\} once, this one has it 0 times"),
    "labels twice": ("{labels}{labels}{description}", r"must hold \{labels\} once, this one has it 2 times"),
    "description twice": ("{labels}{description}{description}", r"must hold \{description\} once, this one has it 2 times"),
    "examples twice": ("{labels}{examples}{examples}{description}", r"must hold \{examples\} at most once, this one has it 2 times"),
    "labels after the description": ("{description}{labels}", r"must have \{labels\} before \{description\}"),
    "examples before the labels": ("{examples}{labels}{description}", r"must have \{labels\} before \{examples\} before \{description\}"),
    "examples after the description": ("{labels}{description}{examples}", r"must have \{labels\} before \{examples\} before \{desc"),
    "nothing": ("", r"must hold \{labels\} once"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_template_whose_slots_are_wrong_is_refused(case: str) -> None:
    template, said = WRONG[case]
    with pytest.raises(BundleError, match=said) as caught:
        Prompt.parse(template, LABELS)
    assert is_one_sentence(str(caught.value))


def test_examples_without_a_slot_are_refused() -> None:
    with pytest.raises(BundleError, match=r"there are 2 examples, but the instruction template has no \{examples\}") as caught:
        Prompt.parse(PLAIN, LABELS, examples=[(words(), "good")] * 2)
    assert is_one_sentence(str(caught.value))


def test_an_example_of_a_label_that_the_station_does_not_have_is_refused() -> None:
    with pytest.raises(BundleError, match="example 2 has the label 'stain', the station has good, crack") as caught:
        Prompt.parse(TEMPLATE, LABELS, examples=[(words(), "good"), (words(), "stain")])
    assert is_one_sentence(str(caught.value))


def test_the_digest_changes_with_every_part_of_the_instruction() -> None:
    prompt = Prompt.parse(PLAIN, LABELS)

    assert prompt.digest == "sha256:" + hashlib.sha256(f"{prompt.prefix}\0{prompt.suffix}".encode()).hexdigest()
    others = (
        Prompt.parse(PLAIN.replace("Answer:", "Label:"), LABELS),
        Prompt.parse(PLAIN, LABELS[::-1]),
        Prompt.parse(TEMPLATE, LABELS, examples=[(words(), "good")]),
    )
    assert len({other.digest for other in others} | {prompt.digest}) == 4


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_every_template_of_the_starter_bundle_can_be_filled(path: Path) -> None:
    template = path.read_text(encoding="utf-8")
    examples = [(words("a dark line"), "crack")] if "{examples}" in template else []

    prompt = Prompt.parse(template, LABELS, examples=examples)

    assert "- crack" in prompt.prefix
    assert prompt.suffix.endswith(":")


@pytest.mark.parametrize("language", ["", "-ja"])
def test_without_examples_the_template_with_their_slot_equals_the_default_one(language: str) -> None:
    with_slot, without = (TEMPLATES[0].with_name(f"{name}{language}.txt").read_text(encoding="utf-8") for name in ("examples", "default"))
    assert Prompt.parse(with_slot, LABELS) == Prompt.parse(without, LABELS)
