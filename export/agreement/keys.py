"""Keys of a terminal, one at a time; from anything else than a terminal, one line each."""

from __future__ import annotations

import io
import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

SEQUENCE_S = 0.05
"""How long the rest of an arrow or function key may take."""
ESCAPE = b"\x1b"
END = b"\x04"
"""Ctrl-D."""


class Keys:
    """Reads keys of `source`; make it with `keys_of`."""

    def __init__(self, source: TextIO, descriptor: int | None) -> None:
        """`descriptor`: that of the terminal; None: it is none."""
        self._source = source
        self._descriptor = descriptor

    def forget(self) -> None:
        """Throw away what was typed before now: it was meant for the picture before."""
        if self._descriptor is not None:
            termios.tcflush(self._descriptor, termios.TCIFLUSH)

    def read(self) -> str | None:
        """The next key in capitals; "" for what is no single key; None: there are no more."""
        if self._descriptor is None:
            line = self._source.readline()
            return line.strip().upper() if line else None
        typed = os.read(self._descriptor, 64)
        if typed in {b"", END}:
            return None
        if typed.startswith(ESCAPE):  # the letters of F1 are ESC, O, P: no answer
            while select.select([self._descriptor], [], [], SEQUENCE_S)[0] and os.read(self._descriptor, 64):
                pass
            return ""
        return typed.decode("ascii", "replace").upper() if len(typed) == 1 else ""


@contextmanager
def keys_of(source: TextIO = sys.stdin) -> Iterator[Keys]:
    """Let a terminal give each key at once, without showing it; afterwards it is as before."""
    try:
        descriptor = source.fileno() if source.isatty() else None
    except io.UnsupportedOperation:
        descriptor = None
    if descriptor is None:
        yield Keys(source, None)
        return
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield Keys(source, descriptor)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
