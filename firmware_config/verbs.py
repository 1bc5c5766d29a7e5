"""How the three commands show their verbs: `--help` is one sentence, details, and an example."""

from __future__ import annotations

import argparse
import io
import sys
import textwrap
from typing import TypeAlias

HELP_COLUMNS = 100

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 -- argparse gives the class no public name
"""What verbs are added to. A string, because the class cannot be subscripted at run time."""


def print_any_name() -> None:
    """Let stdout print a file name that is not UTF-8, as stderr does: the bytes that are not become a backslash and their number."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def exit_codes_of(command: str) -> str:
    """The end of a command's help."""
    return f"`{command} COMMAND --help` explains a command. Exit codes: 0 done, 1 failed, 2 wrong usage, 78 bad configuration."


def add_verb(verbs: Verbs, name: str, *, summary: str, example: str, details: str = "") -> argparse.ArgumentParser:
    """Add a verb. `summary` is one sentence, which the list of verbs shows too. `example` is a complete command."""
    return verbs.add_parser(
        name,
        help=summary,
        description=textwrap.fill(f"{summary} {details}", HELP_COLUMNS),
        epilog="example:\n" + textwrap.indent(example, "  "),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
