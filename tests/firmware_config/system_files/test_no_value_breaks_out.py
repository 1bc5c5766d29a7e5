"""Whatever a person writes into any text of a box.toml: it is refused, or it stays one word on its line in every file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from firmware_config.board import read_board
from firmware_config.box import Box
from firmware_config.strict import read_values
from firmware_config.system_files import render_files
from firmware_config.toml import read_toml
from tests.support.golden_boxes import BOXES, NAMES

ENDS = ("x\nExecStartPre=/bin/evil", "x\rx", "x\x0bx", "x\x85x", "x\u2028x", "x\0x", "x\\\nx", "x\\x41", " x", "x ", "", "a" * 5_000)
QUOTES_AND_SETS = ('x"', "x'", "x;x", "x, y", "x }", "{ x", "x{{ 7 * 7 }}", "{% x %}", "x #", "# x", "x=y", "x:y", "x y", "-x")
SPECIAL = ("x%n", "x$HOME", "${x}", "`x`", "$(x)", "x|y", "x*", "x?", "[x]", "+", "x/#", "+/x", "#", "é", "ｘ")
ROOTS = ("../x", "/..", "/x/../y", "/x//y", "/x/", "//x")
EVERYBODY = ("127.0.0.1", "0.0.0.0/0", "::/0", "10.0.0.1; accept", "10.0.0.1 }", "1.2.3.4%eth0", "fe80::1%eth0")
HOSTILE = (*ENDS, *QUOTES_AND_SETS, *SPECIAL, *ROOTS, *EVERYBODY)
"""Ends of lines, words, sets and rules of the formats; variables, specifiers, wildcards; other roots; everybody."""

Place = tuple[str | int, ...]


def texts(value: Any, place: Place = ()) -> Iterator[Place]:  # noqa: ANN401 -- what TOML gives
    """Where the texts of a file are."""
    if isinstance(value, str):
        yield place
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from texts(one, (*place, key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from texts(one, (*place, number))


def with_text(values: dict[str, Any], place: Place, text: str) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(values))
    inside: Any = changed
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = text
    return changed


def read(values: dict[str, Any]) -> Box | None:
    try:
        return read_values(Box, values)
    except ValidationError:
        return None


@pytest.mark.parametrize("name", NAMES)
def test_no_text_of_a_box_ends_its_line_or_word(name: str) -> None:
    values = read_toml(BOXES / name / "box.toml")
    board = read_board("cpu")
    lines = {path: text.count("\n") for path, text in render_files(read_values(Box, values), board).items()}
    places = list(texts(values))
    taken = []
    assert len(places) > 15
    for place in places:
        for text in HOSTILE:
            box = read(with_text(values, place, text))
            if box is None:
                continue
            taken.append((place, text))
            made = render_files(box, board)
            assert [path for path in made if path in lines and made[path].count("\n") != lines[path]] == [], text
    # What may stand in some place is harmless in every place.
    assert {text for _, text in taken} <= {"x, y", "x:y", "x y", "-x", "127.0.0.1"}
