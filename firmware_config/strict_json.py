"""The one way in which a JSON file of a bundle or of a station is read. Readers of JSON disagree about what is left out here.

UTF-8 without a byte order mark, no key twice, no NaN or Infinity, no half of a surrogate pair, and limits on depth, numbers and values, so
that a file takes seconds neither here nor in what reads it afterwards.
"""

from __future__ import annotations

import json
import math
from typing import Any, TypeVar

from pydantic import BaseModel

MAX_DEPTH = 32
"""Objects and lists within each other; ours have six."""

MAX_VALUES = 2_000_000
"""A linear judge of 100,000 words and 20 labels has as many weights."""

MAX_DIGITS = 25
"""Of a whole number; more than 64 bits need."""

_Model = TypeVar("_Model", bound=BaseModel)


def parse_json(raw: bytes) -> Any:  # noqa: ANN401 -- any JSON value
    """Parse strict JSON.

    Raises:
        ValueError: it is no strict JSON; the message says why and goes into brackets.
    """
    if raw.startswith(b"\xef\xbb\xbf"):
        msg = "it begins with a byte order mark"
        raise ValueError(msg)
    if raw.count(b",") > MAX_VALUES:
        msg = f"it holds more than {MAX_VALUES} values"
        raise ValueError(msg)
    try:
        values = json.loads(raw.decode(), object_pairs_hook=_keys_once, parse_constant=_no_constant, parse_int=_whole_number)
    except RecursionError:
        msg = f"it is nested more than {MAX_DEPTH} deep"
        raise ValueError(msg) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as err:
        msg = f"it is not JSON: {err}"
        raise ValueError(msg) from err
    _require_plain(values)
    return values


def read_json(model: type[_Model], raw: bytes) -> _Model:
    """Parse strict JSON into a model. Types are exact: "5" is no 5, 1 is no true.

    Raises:
        ValidationError: the values are not those of the model.
        ValueError: as of `parse_json`; `firmware_config.errors.first_mistake` puts both into words.
    """
    parse_json(raw)
    return model.model_validate_json(raw, strict=True)


def _require_plain(values: object) -> None:
    """Refuse nesting that is too deep, numbers that are not finite and text that is no Unicode."""
    level: list[object] = [values]
    for depth in range(MAX_DEPTH + 1):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                below += value
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str):
                _require_text(value)
            elif isinstance(value, float) and not math.isfinite(value):
                msg = "a number is too large"
                raise ValueError(msg)
        if not below:
            return
        level = below
        if depth == MAX_DEPTH:
            msg = f"it is nested more than {MAX_DEPTH} deep"
            raise ValueError(msg)


def _require_text(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        msg = f"the text {ascii(value)[:80]} holds half of a surrogate pair"
        raise ValueError(msg) from None


def _keys_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        keys = [key for key, _ in pairs]
        msg = f"the key {next(key for key in keys if keys.count(key) > 1)[:80]!r} is repeated"
        raise ValueError(msg)
    return values


def _no_constant(name: str) -> float:
    msg = f"it holds {name}"
    raise ValueError(msg)


def _whole_number(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        msg = f"a number has more than {MAX_DIGITS} digits"
        raise ValueError(msg)
    return int(digits)
