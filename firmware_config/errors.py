"""The errors of configuration; all derive from ConfigError.

ConfigError
├── StationError     a station file that is missing or wrong
├── BoardError       a board file that is missing or wrong
├── CalibrationError a calibration that is missing, wrong or fitted for another judge
├── ManifestError    a bundle manifest that is wrong, or a file that does not match it
└── SignatureError   a signature that is missing, unknown or wrong
"""

from __future__ import annotations

from pydantic import ValidationError

MAX_SHOWN = 80
"""Characters of a wrong value in a message: enough to find it in the file."""


class ConfigError(Exception):
    """Root. Each message is one sentence: which file and key, what was expected, what to do."""


class StationError(ConfigError):
    """A station file that is missing or wrong."""


class BoardError(ConfigError):
    """A board file that is missing or wrong."""


class CalibrationError(ConfigError):
    """A calibration that is missing, wrong or fitted for another judge."""


class ManifestError(ConfigError):
    """A bundle manifest that is wrong, or a file that does not match it."""


class SignatureError(ConfigError):
    """A signature that is missing, unknown or wrong."""


def first_mistake(err: ValidationError) -> str:
    """Describe the first mistake that pydantic found: key, what was expected, what was there, and how many more mistakes there are."""
    errors = err.errors()
    first = errors[0]
    # pydantic reports a section once more if one of its keys is wrong.
    others = [one for one in errors[1:] if not any(_is_inside(part["loc"], one["loc"]) for part in errors)]
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    got = "" if first["type"] in {"missing", "value_error"} else f", got {str(first['input'])[:MAX_SHOWN]!r}"
    more = f" (and {len(others)} more)" if others else ""
    return f"{where}: {first['msg'].removeprefix('Value error, ')}{got}{more}"


def _is_inside(part: tuple[int | str, ...], whole: tuple[int | str, ...]) -> bool:
    return len(part) > len(whole) and part[: len(whole)] == whole
