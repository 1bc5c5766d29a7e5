"""The help of every verb of the commands can be read by people who have never seen the code."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator

import pytest

from edge.cli import parser as edge_parser
from export.cli import parser as export_parser
from firmware_config.cli import parser as config_parser


def verbs_of(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parser of every verb, those of nested verbs included."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001 -- no public name
    if not groups:
        yield parser
    for group in groups:
        for child in group.choices.values():
            yield from verbs_of(child)


COMMANDS = {parser.prog: parser for parser in (edge_parser(), export_parser(), config_parser())}
VERBS = {verb.prog: verb for parser in COMMANDS.values() for verb in verbs_of(parser)}


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_each_verb_is_in_full_sentences_and_ends_with_an_example(verb: str) -> None:
    parser = VERBS[verb]
    assert str(parser.epilog).startswith(f"example:\n  {verb}")
    for action in parser._actions:  # noqa: SLF001 -- argparse has no public list of options
        if not isinstance(action, argparse._HelpAction):  # noqa: SLF001
            assert re.fullmatch(r"[A-Z].*\.", str(action.help), re.DOTALL), f"{verb} {action.dest}: {action.help}"


@pytest.mark.parametrize("verb", VERBS)
def test_the_example_of_each_verb_is_a_command_that_it_understands(verb: str) -> None:
    program, *words = shlex.split(str(VERBS[verb].epilog).removeprefix("example:"))
    options = COMMANDS[program].parse_args(words)
    assert callable(options.command)
