from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from edge import cli
from tests.support.judged_words import judging_options
from tests.support.picture_files import gradient

PICTURES = 3


def parsers(parser: argparse.ArgumentParser | None = None) -> Iterator[argparse.ArgumentParser]:
    """The parser of every verb of `kotoba-edge`."""
    parser = parser or cli.parser()
    verbs = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001 -- no public name
    if not verbs:
        yield parser
    for action in verbs:
        for child in action.choices.values():
            yield from parsers(child)


VERBS = {parser.prog: parser for parser in parsers()}


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_each_verb_is_in_full_sentences_and_ends_with_an_example(verb: str) -> None:
    parser = VERBS[verb]
    assert str(parser.epilog).startswith(f"example:\n  {verb}")
    for action in parser._actions:  # noqa: SLF001 -- argparse has no public list of options
        if not isinstance(action, argparse._HelpAction):  # noqa: SLF001
            assert re.fullmatch(r"[A-Z].*\.", str(action.help), re.DOTALL), f"{verb} {action.dest}: {action.help}"


@pytest.mark.parametrize("verb", VERBS)
def test_the_example_of_each_verb_is_a_command_that_it_understands(verb: str) -> None:
    words = shlex.split(str(VERBS[verb].epilog).removeprefix("example:"))
    options = cli.parser().parse_args(words[1:])
    assert callable(options.command)


def test_a_reader_that_closes_the_pipe_early_is_not_a_failure(tmp_path: Path) -> None:
    for number in range(PICTURES):
        cv2.imwrite(str(tmp_path / f"{number}.png"), gradient())
    command = [sys.executable, "-m", "edge.cli", "inspect", str(tmp_path), *judging_options()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        error = process.stderr.read()
        assert process.wait(60) == 0, error
    assert b"kotoba-edge:" not in error
