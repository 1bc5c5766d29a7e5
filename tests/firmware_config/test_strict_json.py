from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from firmware_config.strict import STRICT
from firmware_config.strict_json import MAX_DEPTH, MAX_VALUES, parse_json, read_json


class Point(BaseModel):
    model_config = STRICT
    x: int
    y: float
    names: tuple[str, ...] = ()
    on: bool = False


def test_json_of_ours_is_read() -> None:
    assert read_json(Point, '{"x": 1, "y": 2, "names": ["ä", "\\ud83d\\ude00"]}'.encode()) == Point(x=1, y=2.0, names=("ä", "😀"))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"x": 1}'.encode("utf-16"), "not JSON"),
        (b'{"x": "\xff"}', "not JSON"),
        (b'{"x": "\xed\xa0\x80"}', "not JSON"),
        (rb'{"x": "\ud800"}', "half of a surrogate pair"),
        (rb'{"\udc00\ud800": 1}', "half of a surrogate pair"),
        (b'{"x": 1, "x": 2}', "the key 'x' is repeated"),
        (rb'{"x": 1, "\u0078": 2}', "the key 'x' is repeated"),
        (b'{"x": {"y": 1, "y": 1}}', "the key 'y' is repeated"),
        (b'{"x": NaN}', "it holds NaN"),
        (b'{"x": -Infinity}', "it holds -Infinity"),
        (b'{"x": 1e999}', "too large"),
        (b'{"x": ' + b"9" * 26 + b"}", "more than 25 digits"),
        (b'{"x": ' + b"9" * 100_000 + b"}", "more than 25 digits"),
        (b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2), "nested more than 32 deep"),
        (b"[" * 900 + b"]" * 900, "nested more than 32 deep"),
        (b"[" * 100_000, "(nested more than 32 deep|not JSON)"),
        (b'{"a":' * 100_000, "(nested more than 32 deep|not JSON)"),
        (b"[" + b"1," * (MAX_VALUES + 1) + b"1]", "more than 2000000 values"),
        (b"{} {}", "not JSON"),
        (b"{'x': 1}", "not JSON"),
        (b'{"x": 1,}', "not JSON"),
        (b'{"x": 01}', "not JSON"),
        (b'{"x": "\n"}', "not JSON"),
        (b"", "not JSON"),
    ],
)
def test_what_readers_of_json_disagree_about_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        parse_json(raw)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "raw", [b'{"x": "1", "y": 1}', b'{"x": true, "y": 1}', b'{"x": 1.0, "y": 1}', b'{"x": 1, "y": "1"}', b'{"x": 1, "y": 1, "on": 1}']
)
def test_types_are_exact(raw: bytes) -> None:
    with pytest.raises(ValidationError):
        read_json(Point, raw)


def test_as_many_values_as_are_taken_are_read() -> None:
    raw = b"[" + b"[]," * (MAX_VALUES - 1) + b"[]]"
    assert len(parse_json(raw)) == MAX_VALUES
