"""What a person is shown before files are written: a unified diff, without secrets and without what would command a terminal."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

from firmware_config.apply.record import Change
from firmware_config.apply.target import FileState
from firmware_config.apply.tree import SECRETS
from firmware_config.redact import HIDDEN, is_secret, without_login

SECRET_NAME = re.compile(r"pass(wd|word)|secret|private|\.(key|psk)$", re.IGNORECASE)
READABLE_BY_OTHERS = 0o044
"""A file that neither its group nor others may read is a secret, whatever its name."""

SETTING = re.compile(r"^(\s*[#;]*\s*(?:Environment=)?[\"']?)([A-Za-z][A-Za-z0-9_.-]*)(\s*[=:]\s*|\s+)(.*)$")


def difference(change: Change, contents: Mapping[str, bytes]) -> Iterator[str]:
    """The lines that show a change."""
    where = f"/{change.path}"
    old, new = change.before, change.after
    names = ("/dev/null" if old is None else f"a{where}", "/dev/null" if new is None else f"b{where}")
    texts = [_text(state, contents) for state in (old, new)]
    if _is_secret(change):
        yield from (f"--- {names[0]}", f"+++ {names[1]}", "@@ the content is a secret and not shown @@")
    elif None in texts:
        sizes = [0 if state is None else len(contents[state.digest]) for state in (old, new)]
        yield from (f"--- {names[0]}", f"+++ {names[1]}", f"@@ no text: {sizes[0]} bytes before, {sizes[1]} bytes after @@")
    else:
        before, after = ([_printable(line) for line in (text or "").splitlines()] for text in texts)
        yield from difflib.unified_diff(before, after, *names, lineterm="")
    yield from _rights(old, new)


def _is_secret(change: Change) -> bool:
    name = change.path.rpartition("/")[2]
    modes = [state.mode for state in (change.before, change.after) if state is not None and state.kind == "file"]
    hidden = any(not mode & READABLE_BY_OTHERS for mode in modes)
    return hidden or change.path.startswith(SECRETS) or SECRET_NAME.search(name) is not None


def _text(state: FileState | None, contents: Mapping[str, bytes]) -> str | None:
    """What is in a file; None if it is no text."""
    if state is None:
        return ""
    if state.kind == "link":
        return f"(a link to {contents[state.digest].decode(errors='replace')})"
    try:
        text = contents[state.digest].decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _printable(line: str) -> str:
    """A line as it may be printed."""
    setting = SETTING.match(line)
    if setting is not None and is_secret(setting[2].replace("-", "_").replace(".", "_")):
        line = f"{setting[1]}{setting[2]}{setting[3]}{HIDDEN}"
    return "".join(
        character if character.isprintable() or character == "\t" else f"\\x{ord(character):02x}" for character in without_login(line)
    )


def _rights(old: FileState | None, new: FileState | None) -> Iterator[str]:
    if old is None and new is not None:
        yield f"@@ new, mode {new.mode:04o} @@"
    elif old is not None and new is not None:
        if old.mode != new.mode:
            yield f"@@ mode {old.mode:04o} becomes {new.mode:04o} @@"
        if (old.uid, old.gid) != (new.uid, new.gid):
            yield f"@@ owner {old.uid}:{old.gid} becomes {new.uid}:{new.gid} @@"
