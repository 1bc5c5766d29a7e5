"""Addresses and values as they may be printed: without the login that they may carry."""

from __future__ import annotations

import re

_LOGIN = re.compile(r"(?<=://)[^/\s'\"]*@|(?<![^\s'\"])[^/\s'\":@]+:[^/\s'\"]*@")
"""Greedy, up to the last @: a password may hold one. The second form is that of an address without its scheme."""

_IN_QUERY = re.compile(r"([?&][^=&\s'\"]*(?:pass|pwd|token|secret)[^=&\s'\"]*=)[^&\s'\"]+", re.IGNORECASE)

_SECRET_KEY = re.compile(r"(^|_)(pass(word|wd|phrase)?|secret|credentials?)$")

HIDDEN = "***"


def without_login(text: str) -> str:
    """The text with `***@` in the place of each login in an address, such as rtsp://***@host/stream, and without passwords in its query."""
    return _IN_QUERY.sub(rf"\1{HIDDEN}", _LOGIN.sub(f"{HIDDEN}@", text))


def is_secret(key: str) -> bool:
    """Whether the value of a key of this name must not be printed, wherever somebody wrote it."""
    return _SECRET_KEY.search(key.lower()) is not None
