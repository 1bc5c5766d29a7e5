"""Every key that a person may write has a description, which `kotoba-config schema`, `new` and editors show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from export.pilot.spec import PilotSpec
from export.products.product import Product
from export.spec import BundleSpec
from export.teach.spec import TeachSpec
from firmware_config.board import Board
from firmware_config.box import Box
from firmware_config.station import Station

KINDS: dict[str, type[BaseModel]] = {
    "station": Station,
    "board": Board,
    "box": Box,
    "specification": BundleSpec,
    "product": Product,
    "teaching": TeachSpec,
    "pilot": PilotSpec,
}


def keys_of(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Of each key of a schema: where it is, its own schema, and its description, which may be that of the section that it opens."""
    sections = schema.get("$defs", {})
    for section, content in [(schema["title"], schema), *sections.items()]:
        for key, value in content.get("properties", {}).items():
            opened = sections.get(str(value.get("$ref", "")).rpartition("/")[2], {})
            yield f"{section}.{key}", value, value.get("description") or opened.get("description", "")


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_has_a_description(kind: str) -> None:
    keys = list(keys_of(KINDS[kind].model_json_schema()))
    assert len(keys) > 5
    assert [place for place, _, description in keys if len(description) < len("The file.")] == []


def test_a_key_of_a_station_that_is_unset_by_default_has_an_example() -> None:
    def is_key(value: dict[str, Any]) -> bool:
        return all("$ref" not in part for part in value.get("anyOf", [value]))

    unset = [
        (place, value) for place, value, _ in keys_of(Station.model_json_schema()) if value.get("default", "") is None and is_key(value)
    ]
    assert len(unset) > 10
    assert [place for place, value in unset if not value.get("examples")] == []
