"""Keys of a real terminal."""

from __future__ import annotations

import os
import pty
import select
import termios
from collections.abc import Iterator
from typing import TextIO

import pytest

from export.agreement.keys import keys_of


@pytest.fixture
def terminal() -> Iterator[tuple[int, TextIO]]:
    """What types, and what reads."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, encoding="utf-8") as source:
        yield ours, source
    os.close(ours)


def typed(ours: int, source: TextIO, keys: bytes) -> None:
    """Type, and wait until the terminal has it."""
    os.write(ours, keys)
    assert select.select([source], [], [], 10.0)[0]


def test_what_was_typed_before_the_picture_was_shown_is_no_answer_to_it(terminal: tuple[int, TextIO]) -> None:
    ours, source = terminal
    with keys_of(source) as keys:
        typed(ours, source, b"n")
        keys.forget()
        typed(ours, source, b"o")

        assert keys.read() == "O"


def test_ctrl_d_ends_the_keys(terminal: tuple[int, TextIO]) -> None:
    ours, source = terminal
    with keys_of(source) as keys:
        typed(ours, source, b"\x04")

        assert keys.read() is None


def test_a_terminal_is_afterwards_as_before(terminal: tuple[int, TextIO]) -> None:
    _, source = terminal
    before = termios.tcgetattr(source)

    with keys_of(source):
        assert termios.tcgetattr(source)[3] & termios.ECHO == 0
    assert termios.tcgetattr(source) == before


def test_without_a_terminal_a_line_is_a_key() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as target:
        target.write(" n \n\nS\n")
    with os.fdopen(reading) as source, keys_of(source) as keys:
        keys.forget()
        assert [keys.read() for _ in range(4)] == ["N", "", "S", None]
