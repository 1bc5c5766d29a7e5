"""The page for integrators and the AsyncAPI document say what the box says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from edge.bundle.open import open_trusted_bundle
from edge.daemon.startup import box_info
from edge.message import decode, encode
from edge.sinks.mqtt.asyncapi import TOPICS, Topic, asyncapi
from edge.sinks.mqtt.wire import Info
from firmware_config.board import read_board
from tests.support.repository import KEYS, ROOT, STARTER, WIRE

PAGE = (ROOT / "docs/message.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json (\w+)\n(.*?)\n```", PAGE, re.DOTALL)
MODELS: dict[str, type[BaseModel]] = {name: payload for topic in TOPICS for name, payload in topic.messages.items()}


def test_each_topic_has_an_example_on_the_page() -> None:
    assert {name for name, _ in EXAMPLES} == set(MODELS)


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[f"{name} {number}" for number, (name, _) in enumerate(EXAMPLES)])
def test_an_example_is_what_the_type_says(name: str, text: str) -> None:
    MODELS[name].model_validate_json(text)
    with pytest.raises(ValidationError):
        MODELS[name].model_validate_json(text.replace("{", '{"unknown":1,', 1))


def test_the_verdict_on_the_page_is_one_of_a_box() -> None:
    (text,) = (text for name, text in EXAMPLES if name == "verdict")
    assert json.loads(encode(decode(text.encode()))) == json.loads(text)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_the_table_of_the_page_says_the_same_as_the_document(topic: Topic) -> None:
    address = topic.address.replace("{root}", "ROOT").replace("{station}", "STATION").replace("{box}", "BOX")
    way, retained = "out" if topic.way == "send" else "in", "yes" if topic.retained else "no"
    assert re.search(rf"^\| `{re.escape(address)}` \| {way} \| {retained}", PAGE, re.MULTILINE)


def test_the_document_is_the_one_that_is_shipped() -> None:
    """After an intended change: python -m tests.support.golden."""
    assert asyncapi() == json.loads((WIRE / "asyncapi.json").read_text(encoding="utf-8"))


def test_every_reference_of_the_document_leads_somewhere() -> None:
    document = asyncapi()
    references = set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)))
    assert references
    for reference in references:
        place: Any = document
        for step in reference.split("/"):
            place = place[step]
        assert place


def test_what_a_box_says_of_itself_is_of_the_type() -> None:
    info = box_info(open_trusted_bundle(Path(STARTER), keys=Path(KEYS)), read_board("cpu"))
    Info.model_validate_json(json.dumps({"schema": "kotoba.inspection/1", "box": "box1", "instance": "5b1e", "stations": ["s1"], **info}))
