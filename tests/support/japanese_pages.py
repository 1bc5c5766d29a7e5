"""`python -m tests.support.japanese_pages` writes what of the pages in Japanese is made by rule, and names what its tables lack.

That is docs/settings.ja.md (settings_page_ja.py), and in docs/operations.ja.md the table of failures: commands and messages are those of
the English page, names of failures come from failures_ja.tsv. All else people write.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.support import settings_page_ja
from tests.support.repository import ROOT

ENGLISH, PAGE = ROOT / "docs/operations.md", ROOT / "docs/operations.ja.md"
NAMES = Path(__file__).with_name("failures_ja.tsv")
"""A line for each failure: English, a tab, Japanese."""

_HEAD = "| 故障 | コマンド | メッセージ | 終了コード |"
_ENDS = {"0 after SIGTERM": "SIGTERM で 0"}


def failures_in_japanese(english: str) -> tuple[list[str], list[str]]:
    """The rows of the table of failures, and the names that failures_ja.tsv lacks."""
    names = dict(line.split("\t") for line in NAMES.read_text(encoding="utf-8").splitlines())
    rows, lacking = [], []
    for row in _table(english, "| failure | command | message | exit code |")[2:]:
        name, rest = row.removeprefix("| ").split(" | ", 1)
        middle, _, code = rest.removesuffix(" |").rpartition(" | ")
        if name not in names:
            lacking.append(name)
        rows.append(f"| {names.get(name, name)} | {middle} | {_ENDS.get(code, code)} |")
    return rows, lacking


def with_failures(japanese: str, rows: list[str]) -> str:
    """The page in Japanese with these rows in its table of failures."""
    table = _table(japanese, _HEAD)
    return japanese.replace("\n".join(table), "\n".join([*table[:2], *rows]))


def _table(page: str, head: str) -> list[str]:
    found = re.search(rf"^{re.escape(head)}\n(?:\|.*\n)+", page, re.MULTILINE)
    assert found is not None, f"there is no table {head}"
    return found.group().splitlines()


def main() -> int:
    """Write the pages; the exit code is 1 if a table lacks something."""
    rows, lacking = failures_in_japanese(ENGLISH.read_text(encoding="utf-8"))
    PAGE.write_text(with_failures(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")
    missing = [*((NAMES, one) for one in lacking), *((settings_page_ja.TABLE, one) for one in settings_page_ja.write())]
    for table, one in missing:
        sys.stderr.write(f"{table.relative_to(ROOT)} lacks a line for: {one}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
