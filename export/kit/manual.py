"""Manual pages of the commands of a device, from the commands' own help, in English and with Japanese headings and summaries."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import edge.cli
import firmware_config.cli
from edge.texts.manual import JAPANESE_HEADINGS, JAPANESE_SUMMARIES

ENGLISH_HEADINGS = {
    "name": "NAME", "synopsis": "SYNOPSIS", "description": "DESCRIPTION", "options": "OPTIONS", "commands": "COMMANDS",
    "example": "EXAMPLE", "exit": "EXIT STATUS", "files": "FILES", "see": "SEE ALSO",
}  # fmt: skip
FILES = ("/etc/kotoba/stations/*.toml", "/etc/kotoba/environment", "/etc/kotoba/keys/*.pub", "/var/lib/kotoba")
WIDTH = 100


@dataclass(frozen=True, slots=True)
class _Language:
    headings: Mapping[str, str]
    summaries: Mapping[str, str]


_LANGUAGES = {"": _Language(ENGLISH_HEADINGS, {}), "ja/": _Language(JAPANESE_HEADINGS, JAPANESE_SUMMARIES)}


def manual_pages(version: str) -> dict[str, str]:
    """The pages by their path below /usr/share/man: one for each command and each of its verbs, in each language."""
    parsers = (edge.cli.parser(), firmware_config.cli.parser())
    pages = {}
    for prefix, language in _LANGUAGES.items():
        for parser in parsers:
            for page in _family(parser):
                name = page.prog.replace(" ", "-")
                pages[f"{prefix}man1/{name}.1"] = _page(page, language, version)
    return pages


def page_names() -> set[str]:
    """The names of all pages. Each needs a Japanese summary."""
    return {page.prog.replace(" ", "-") for parser in (edge.cli.parser(), firmware_config.cli.parser()) for page in _family(parser)}


def _family(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for child in _verbs(parser).values():
        yield from _family(child)


def _verbs(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001 -- argparse offers no other way
    return {name: verb for group in groups for name, verb in group.choices.items()}


def _page(parser: argparse.ArgumentParser, language: _Language, version: str) -> str:
    name, heading = parser.prog.replace(" ", "-"), language.headings
    summary = language.summaries.get(name) or _first_sentence(parser)
    lines = [f'.TH "{name.upper()}" 1 "" "Kotoba Edge {version}"', _section(heading["name"]), f"{_text(name)} \\- {_text(summary)}"]
    lines += [_section(heading["synopsis"]), ".nf", *map(_text, _usage(parser)), ".fi"]
    lines += [_section(heading["description"]), _text(_one_line(parser.description or summary))]
    verbs = _verbs(parser)
    if verbs:
        lines.append(_section(heading["commands"]))
        for verb in verbs.values():
            page = verb.prog.replace(" ", "-")
            lines += [".TP", f"\\fB{_text(page)}\\fR(1)", _text(language.summaries.get(page) or _first_sentence(verb))]
    options = [action for action in parser._actions if not isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001
    lines.append(_section(heading["options"]))
    for action in options:
        lines += [".TP", f"\\fB{_text(_invocation(action))}\\fR", _text(_help(parser, action))]
    if parser.epilog and parser.epilog.startswith("example:"):
        example = [line.strip() for line in parser.epilog.splitlines()[1:]]
        lines += [_section(heading["example"]), ".nf", *map(_text, example), ".fi"]
    lines += [_section(heading["exit"]), "0: done. 1: failed. 2: wrong usage. 78: bad configuration."]
    lines += [_section(heading["files"]), ".nf", *map(_text, FILES), ".fi", _section(heading["see"]), "/usr/share/doc/kotoba\\-edge"]
    return "\n".join(lines) + "\n"


def _section(title: str) -> str:
    return f'.SH "{title}"'


def _text(line: str) -> str:
    """A line that troff prints as it is."""
    escaped = line.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _first_sentence(parser: argparse.ArgumentParser) -> str:
    return re.split(r"(?<=\.) ", _one_line(parser.description or parser.prog), maxsplit=1)[0]


def _usage(parser: argparse.ArgumentParser) -> list[str]:
    return parser.format_usage().removeprefix("usage: ").rstrip().splitlines()


def _invocation(action: argparse.Action) -> str:
    shown = action.metavar or (None if action.nargs == 0 else "|".join(map(str, action.choices or ())) or action.dest.upper())
    if not action.option_strings:
        return str(shown)
    return ", ".join(action.option_strings) + (f" {shown}" if shown and action.nargs != 0 else "")


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    if not action.help:
        return ""
    values = {**vars(action), "prog": parser.prog}
    return _one_line(action.help % values)
