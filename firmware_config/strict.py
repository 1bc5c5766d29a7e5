"""How every configuration file is read."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
"""An unknown key, NaN or infinity is an error, never repaired."""

_Model = TypeVar("_Model", bound=BaseModel)


def read_values(model: type[_Model], values: dict[str, Any], *, context: Any = None) -> _Model:  # noqa: ANN401 -- handed on as it is
    """Make a model of the values of a TOML file. Types are exact: "5" is no 5, 1 is no true; only 1 is also 1.0.

    The values go through JSON, because pydantic takes a list for a tuple, and a text for a path, only from there when types are exact.

    Raises:
        ValidationError: the values are not those of the model.
        ValueError: it is nested too deeply, or a value is a date or a time, which no key takes.
    """
    try:
        text = json.dumps(values, default=_refuse)
    except RecursionError:
        msg = "is nested too deeply"
        raise ValueError(msg) from None
    return model.model_validate_json(text, strict=True, context=context)


def _refuse(value: object) -> object:
    msg = f"holds {value} without quotes, a date or a time, which no key takes"
    raise ValueError(msg)
