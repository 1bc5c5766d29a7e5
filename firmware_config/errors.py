"""The errors of configuration; all derive from ConfigError.

ConfigError
├── StationError     a station file that is missing or wrong
├── BoardError       a board file that is missing or wrong
├── BoxError         a box.toml that is missing or wrong, or that its stations contradict
├── CalibrationError a calibration that is missing, wrong or fitted for another judge
├── ApplyError       a tree of system files that cannot be written onto a root
├── ManifestError    a bundle manifest that is wrong, or a file that does not match it
└── SignatureError   a signature that is missing, unknown or wrong
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from firmware_config.nearest_key import Place, nearest_key, section_with
from firmware_config.redact import is_secret, without_login

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

UNKNOWN_KEY = "extra_forbidden"
"""pydantic's type of the mistake."""

UNQUOTED = ("int_type", "float_type", "bool_type")
"""pydantic's types of the mistake of writing text where a number, true or false belongs."""

MAX_SHOWN = 80
"""Characters of a wrong value in a message: enough to find it in the file."""


class ConfigError(Exception):
    """Root. Each message is one sentence: which file and key, what was expected, what to do."""


class StationError(ConfigError):
    """A station file that is missing or wrong."""


class BoardError(ConfigError):
    """A board file that is missing or wrong."""


class BoxError(ConfigError):
    """A box.toml that is missing or wrong, or that its stations contradict."""


class CalibrationError(ConfigError):
    """A calibration that is missing, wrong or fitted for another judge."""


class ApplyError(ConfigError):
    """A tree of system files that cannot be written onto a root."""


class ManifestError(ConfigError):
    """A bundle manifest that is wrong, or a file that does not match it."""


class SignatureError(ConfigError):
    """A signature that is missing, unknown or wrong."""


def first_mistake(err: ValueError, of: type[BaseModel] | None = None) -> str:
    """Describe what is wrong with a file: the first mistake that pydantic found, else the sentence of the error.

    Of pydantic's it gives the key, what was expected, what was there, and how many more mistakes there are.

    `of` is the model that was validated: with it a key that does not exist is told with the nearest key that does.
    """
    if not isinstance(err, ValidationError):
        return str(err)
    errors = err.errors()
    # pydantic reports a section once more if one of its keys is wrong.
    mistakes = [errors[0], *(one for one in errors[1:] if not any(_is_inside(part["loc"], one["loc"]) for part in errors))]
    if of is not None:
        mistakes = _misspelt_for_missing(mistakes, of)
    first, others = mistakes[0], mistakes[1:]
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    got = "" if first["type"] in {"missing", "value_error"} else f", got {_shown(first)}"
    more = f" (and {len(others)} more)" if others else ""
    what = _unknown_key(first["loc"], of) if first["type"] == UNKNOWN_KEY else first["msg"].removeprefix("Value error, ")
    return f"{where}: {what}{got}{more}"


def _shown(mistake: ErrorDetails) -> str:
    """The wrong value: text in quotes, so that "5" is told from 5."""
    value = mistake["input"]
    if is_secret(str(mistake["loc"][-1] if mistake["loc"] else "")):
        return "a value that is not shown"
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(part, dict | list) for part in value)):
        return "a section"
    if isinstance(value, str):
        return f"{without_login(value)[:MAX_SHOWN]!r}" + (", which must stand without quotes" if mistake["type"] in UNQUOTED else "")
    return str(value).lower() if isinstance(value, bool) else without_login(str(value))[:MAX_SHOWN]


def _unknown_key(place: Place, of: type[BaseModel] | None) -> str:
    if of is not None:
        key = str(place[-1])
        nearest, section = nearest_key(of, place), section_with(of, key)
        if section is not None:
            return f"there is no such key here, the section {section} has it"
        if nearest is not None:
            return f"there is no such key, the nearest is {nearest}"
    return "there is no such key"


def _misspelt_for_missing(mistakes: list[ErrorDetails], of: type[BaseModel]) -> list[ErrorDetails]:
    """Put a misspelt key in the place of the missing key that it was meant to be: pydantic reports both."""
    meant = {}
    for one in mistakes:
        nearest = nearest_key(of, one["loc"]) if one["type"] == UNKNOWN_KEY else None
        if nearest is not None:
            meant[(*one["loc"][:-1], nearest)] = one
    found = [meant.get(one["loc"], one) if one["type"] == "missing" else one for one in mistakes]
    return [one for number, one in enumerate(found) if all(one is not before for before in found[:number])]


def _is_inside(part: tuple[int | str, ...], whole: tuple[int | str, ...]) -> bool:
    return len(part) > len(whole) and part[: len(whole)] == whole
