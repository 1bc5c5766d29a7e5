"""The errors of configuration, one root.

ConfigError
├── StationError     a station file that is missing or wrong
├── BoardError       a board file that is missing or wrong
├── ManifestError    a bundle manifest that is wrong, or a file that does not match it
└── SignatureError   a signature that is missing, unknown or wrong
"""

from __future__ import annotations


class ConfigError(Exception):
    """Root: says in one sentence which file, which key, what was expected, what to do."""


class StationError(ConfigError):
    """A station file that is missing or wrong."""


class BoardError(ConfigError):
    """A board file that is missing or wrong."""


class ManifestError(ConfigError):
    """A bundle manifest that is wrong, or a file that does not match it."""


class SignatureError(ConfigError):
    """A signature that is missing, unknown or wrong."""
