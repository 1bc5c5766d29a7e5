"""Addresses and values as they may be printed: without the login that they may carry."""

from __future__ import annotations

import re

_NEXT_ADDRESS = re.compile(r"(?<![^\s'\"(])(?=[A-Za-z][A-Za-z0-9+.-]*://)")

_BARE_LOGIN = re.compile(r"(?<![^\s'\"(])[^\s'\":]+:")
"""Where an address without its scheme may begin."""

_IN_QUERY = re.compile(r"([?&][^=&\s'\"]*(?:pass|pwd|token|secret)[^=&\s'\"]*=)[^&\s'\"]+", re.IGNORECASE)

_SECRET_KEY = re.compile(r"(^|_)(pass(word|wd|phrase)?|secret|credentials?)$")

HIDDEN = "***"


def without_login(text: str) -> str:
    """The text with `***@` in the place of each login in an address, such as rtsp://***@host/stream, and without passwords in its query.

    Who has a password with `/`, `#`, `?` or a space in it may have written it as it is. So all is a login up to the last @ before the next
    address: too much is hidden rather than too little.
    """
    return "".join(map(_hidden, _NEXT_ADDRESS.split(_IN_QUERY.sub(rf"\1{HIDDEN}", text))))


def _hidden(text: str) -> str:
    """Text that holds one address at most, without its login."""
    scheme = text.find("://")
    bare = None if scheme >= 0 else _BARE_LOGIN.search(text)
    start = scheme + len("://") if scheme >= 0 else bare.start() if bare else len(text)
    end = text.rfind("@", start)
    return text if end < 0 else f"{text[:start]}{HIDDEN}{text[end:]}"


def is_secret(key: str) -> bool:
    """Whether the value of a key of this name must not be printed, wherever somebody wrote it."""
    return _SECRET_KEY.search(key.lower()) is not None
