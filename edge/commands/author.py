"""Who gives a lesson or an answer: the option, and the user who runs the command where it is not given."""

from __future__ import annotations

import argparse
import getpass

from edge.errors import LessonError
from edge.judges.lessons import MAX_TEXT


def add_by_option(command: argparse.ArgumentParser, *, help_text: str) -> None:
    """Add `--by`."""
    command.add_argument("--by", type=one_line, metavar="NAME", help=f"{help_text} Default: the user who runs the command.")


def one_line(text: str) -> str:
    """Convert an argument to one short line.

    Raises:
        argparse.ArgumentTypeError: the text is too long, or has more than one line.
    """
    if len(text) > MAX_TEXT or len(text.splitlines()) > 1:
        msg = f"give one line of at most {MAX_TEXT} characters"
        raise argparse.ArgumentTypeError(msg)
    return text


def author_of(options: argparse.Namespace) -> str:
    """The name that was given, else that of the user.

    Raises:
        LessonError: the user has no name.
    """
    try:
        return str(options.by or getpass.getuser())
    except (KeyError, OSError) as err:  # a user id without a name, as in a container
        msg = "teaching: this user has no name: give one with --by NAME"
        raise LessonError(msg) from err
