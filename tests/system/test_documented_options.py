"""Every option that a document gives to a command is one that the command has."""

from __future__ import annotations

import contextlib
import functools
import io
import re
import shlex

import pytest

from tests.support.pages import code_spans
from tests.support.repository import ROOT
from tests.system.test_house import COMMANDS

FOLDERS = ("", "docs/", "docs/pilots/", "docs/studies/")
PAGES = sorted([*(page for folder in FOLDERS for page in ROOT.glob(f"{folder}*.md")), ROOT / "export/starter/README.md"])
CALL = re.compile(r"(?:^|[\s/&(])(kotoba-(?:edge|config|export)) ([a-z][^`#|<>&;$,]*)")
OPTION = re.compile(r"--[a-z][a-z0-9-]*")


def calls() -> set[tuple[str, str, str]]:
    """(command, words before its first option, option) for each option of each call in a document."""
    found = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in [*text.splitlines(), *code_spans(text)]:
            for command, rest in CALL.findall(line):
                try:
                    words = shlex.split(rest)
                except ValueError:  # a quotation that goes on elsewhere
                    words = rest.split()
                verbs = " ".join(words[:2])
                found |= {(command, verbs, word.partition("=")[0]) for word in words if OPTION.fullmatch(word.partition("=")[0])}
    return found


@functools.cache
def help_of(command: str, *verbs: str) -> str | None:
    """What the command prints of these verbs; None where there are none such."""
    said = io.StringIO()
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(said), pytest.raises(SystemExit) as ended:
        COMMANDS[command]([*verbs, "--help"])
    return said.getvalue() if ended.value.code == 0 else None


@pytest.mark.parametrize(("command", "verbs", "option"), sorted(calls()))
def test_an_option_of_the_documents_is_one_of_the_command(command: str, verbs: str, option: str) -> None:
    first, _, second = verbs.partition(" ")
    text = help_of(command, first)
    assert text is not None, f"there is no {command} {first}"
    deeper = help_of(command, first, second) if re.search(rf"^    {re.escape(second or '?')}\b", text, re.MULTILINE) else None
    assert re.search(rf"{re.escape(option)}\b(?!-)", deeper or text), f"{command} {verbs} has no {option}"
